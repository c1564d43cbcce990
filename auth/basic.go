package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"sync/atomic"
)

// Basic authenticates a client by its id and secret; from is where the attempt
// comes from. It fails with a *Refusal. What is right takes no lock, and less
// than a microsecond, unless it is an operator's own secret, seen for the first
// time: that takes some 30 ms, and a turn in a queue.
func (d *Directory) Basic(clientID, secret string, from netip.Addr) (*Principal, error) {
	if !d.addresses.allows(d.addresses.ofAddress(from)) {
		return nil, d.turnAway(tooMany(ReasonAddressLimit, nil))
	}
	p, refusal := d.basic(clientID, secret)
	if refusal != nil {
		return nil, d.refuse(clientID, from, refusal)
	}
	d.counters.basicAccepted.Add(1)
	return p, nil
}

func (d *Directory) basic(clientID, text string) (*Principal, *Refusal) {
	var s *clientSecret
	var refusal *Refusal
	if raw, generated := parseGenerated(text); generated {
		s = d.provenByDigest(clientID, raw)
	} else {
		s, refusal = d.provenByWords(clientID, text)
	}
	switch {
	case refusal != nil:
		return nil, refusal
	case s == nil:
		return nil, invalid(d.whyNot(clientID), nil)
	case !s.grant().inForce():
		return nil, invalid(ReasonRevoked, nil)
	}
	return s.principal, nil
}

// provenByDigest returns the client's generated secret that raw is, or nil.
func (d *Directory) provenByDigest(clientID string, raw secretBinary) *clientSecret {
	digest := sha256.Sum256(raw[:])
	// No secret has the decoy's digest; it is there to be compared with, so
	// that time does not tell which selectors exist.
	found, want := (*clientSecret)(nil), d.decoyDigest[:]
	if v, ok := d.selectors.Load(raw.selector()); ok {
		found = v.(*clientSecret)
		want = found.record.Digest
	}
	right := subtle.ConstantTimeCompare(digest[:], want) == 1
	if found == nil || !right || found.principal.ClientID != clientID {
		return nil
	}
	return found
}

// provenByWords returns the client's operator-supplied secret that text is, or
// nil. It refuses without checking what is too dear to check now.
func (d *Directory) provenByWords(clientID, text string) (*clientSecret, *Refusal) {
	if len(text) > MaxSecret {
		return nil, nil
	}
	var s *clientSecret
	if v, ok := d.chosen.Load(clientID); ok {
		s = v.(*clientSecret)
	}
	mac := d.macOf(text)
	if s.seenAs(mac) {
		return s, nil
	}
	if !d.clients.allows(d.clients.ofClient(clientID)) {
		return nil, tooMany(ReasonClientLimit, nil)
	}
	if d.chosenCount.Load() == 0 {
		return nil, nil // for any client: nothing that time could tell
	}
	if !d.slow.enter() {
		return nil, tooMany(ReasonBusy, nil)
	}
	defer d.slow.leave()
	// Both again: others may have had their turn first, with the same words
	// after a restart, or with guesses to the limit and beyond.
	if s.seenAs(mac) {
		return s, nil
	}
	if !d.clients.allows(d.clients.ofClient(clientID)) {
		return nil, tooMany(ReasonClientLimit, nil)
	}
	return d.stretched(s, text, mac), nil
}

// stretched returns s if it is what text is, and remembers that; or nil. It
// pays for one PBKDF2, also if there is no secret to compare with: otherwise
// time would tell whether the id is that of an operator's client.
func (d *Directory) stretched(s *clientSecret, text string, mac [sha256.Size]byte) *clientSecret {
	d.counters.slowChecks.Add(1)
	against := d.decoySecret
	if s != nil {
		against = s.record
	}
	digest, err := stretch(text, against.Salt, against.Iterations)
	right := subtle.ConstantTimeCompare(digest, against.Digest) == 1
	if err != nil || !right || s == nil {
		return nil
	}
	s.seen.Store(&mac)
	return s
}

// macOf is what a right secret is remembered by: 200,000 times cheaper than
// stretching, and of no use without a key that never leaves the process.
func (d *Directory) macOf(text string) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, d.macKey[:])
	h.Write([]byte(text))
	h.Sum(mac[:0])
	return mac
}

// seenAs says whether mac is of the text that proved to be s.
func (s *clientSecret) seenAs(mac [sha256.Size]byte) bool {
	if s == nil {
		return false
	}
	seen := s.seen.Load()
	return seen != nil && subtle.ConstantTimeCompare(seen[:], mac[:]) == 1
}

// whyNot tells the log, and only the log, which half was wrong.
func (d *Directory) whyNot(clientID string) Reason {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.names[clientID] == 0 {
		return ReasonUnknownClient
	}
	return ReasonWrongSecret
}

// refuse counts the failure and returns the error for it.
func (d *Directory) refuse(clientID string, from netip.Addr, r *Refusal) error {
	if r.proven || r.Err == ErrTooManyAttempts { // no guess, or not even tried
		return d.turnAway(r)
	}
	d.addresses.charge(d.addresses.ofAddress(from))
	if !d.clients.charge(d.clients.ofClient(clientID)) {
		r = tooMany(ReasonClientLimit, errors.New(string(r.Reason)))
	}
	return d.turnAway(r)
}

func (d *Directory) turnAway(r *Refusal) error {
	if r.Err == ErrTooManyAttempts {
		d.counters.limited.Add(1)
	} else {
		d.counters.refused.Add(1)
	}
	return r
}

// A gate lets one through at a time: stretching secrets keeps at most one core
// busy. Some may wait, for as long as a connection may take to authenticate.
type gate struct {
	turn    chan struct{}
	waiting atomic.Int32
}

const maxWaiting = 128

func newGate() gate { return gate{turn: make(chan struct{}, 1)} }

// enter returns false at once if too many wait already.
func (g *gate) enter() bool {
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > maxWaiting {
		return false
	}
	g.turn <- struct{}{}
	return true
}

func (g *gate) leave() { <-g.turn }
