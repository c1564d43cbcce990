package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
)

// Basic authenticates a client by its id and secret. from is the address of the peer. It fails
// with a *Refusal. For correct credentials it takes no lock and less than a microsecond, except
// for the first presentation of a chosen secret, which takes some 30 ms and waits for others.
func (d *Directory) Basic(clientID, secret string, from netip.Addr) (*Principal, error) {
	if !d.addressFailures.allows(d.addressFailures.ofAddress(from)) {
		return nil, d.refused(tooMany(ReasonAddressLimit, nil))
	}
	p, refusal := d.basic(clientID, secret)
	if refusal != nil {
		return nil, d.failed(clientID, from, refusal)
	}
	return p, nil
}

func (d *Directory) basic(clientID, text string) (*Principal, *Refusal) {
	var s *secretCredential
	var refusal *Refusal
	if raw, generated := parseGenerated(text); generated {
		s = d.findGenerated(clientID, raw)
	} else {
		s, refusal = d.findChosen(clientID, text)
	}
	switch {
	case refusal != nil:
		return nil, refusal
	case s == nil:
		return nil, invalid(d.whyNot(clientID), nil)
	case s.revoked.Load():
		return nil, invalid(ReasonRevoked, nil)
	}
	return &s.principal, nil
}

// findGenerated returns the client's secret if raw is that secret, or nil.
func (d *Directory) findGenerated(clientID string, raw generatedSecret) *secretCredential {
	sum := sha256.Sum256(raw[:])
	// No secret has the decoy's digest. Comparing with it keeps the time from telling which
	// selectors exist.
	found, want := (*secretCredential)(nil), d.decoyDigest[:]
	if v, ok := d.generated.Load(raw.selector()); ok {
		found = v.(*secretCredential)
		want = found.record.Digest
	}
	equal := subtle.ConstantTimeCompare(sum[:], want) == 1
	if found == nil || !equal || found.principal.ClientID != clientID {
		return nil
	}
	return found
}

// findChosen returns the client's secret if the operator chose it and text is that secret, or nil.
// It refuses the attempt if verifying text would cost too much now.
func (d *Directory) findChosen(clientID, text string) (*secretCredential, *Refusal) {
	if len(text) > MaxSecret {
		return nil, nil
	}
	list := d.withID(clientID).chosen
	mac := d.macOf(text)
	if s := verifiedAs(list, mac); s != nil {
		return s, nil
	}
	client := d.clientFailures.ofClient(clientID)
	if !d.clientFailures.allows(client) {
		return nil, tooMany(ReasonClientLimit, nil)
	}
	if d.chosen.Load() == 0 {
		return nil, nil // the same for every client id, so the time tells nothing
	}
	if !d.slow.enter() {
		return nil, tooMany(ReasonBusy, nil)
	}
	defer d.slow.leave()
	// Both again, because this attempt may have waited: another one may have verified the same
	// secret after a restart, or wrong guesses may have reached the limit.
	if s := verifiedAs(list, mac); s != nil {
		return s, nil
	}
	if !d.clientFailures.allows(client) {
		return nil, tooMany(ReasonClientLimit, nil)
	}
	return d.verify(list, text, mac), nil
}

// verify returns the secret of the list that text is, and remembers the mac of text; otherwise
// nil. It stretches text even if the list is empty, so that the time does not tell which client ids
// have a chosen secret. It stretches once for each salt: Import gives the clients of one id the same.
func (d *Directory) verify(list []*secretCredential, text string, mac digest) *secretCredential {
	if len(list) == 0 {
		d.isSecret(d.decoySecret, text)
		return nil
	}
	tried := stretched{}
	for _, s := range list {
		if d.isStretched(tried, s.record, text) {
			s.verified.Store(&mac)
			return s
		}
	}
	return nil
}

// stretched is one text, stretched, by salt and iterations.
type stretched map[string]digest

// isSecret reports whether text is the chosen secret of the record.
func (d *Directory) isSecret(record secretRecord, text string) bool {
	return d.isStretched(stretched{}, record, text)
}

func (d *Directory) isStretched(tried stretched, record secretRecord, text string) bool {
	key := fmt.Sprint(record.Iterations, " ", string(record.Salt))
	sum, there := tried[key]
	if !there {
		var err error
		if sum, err = d.stretch(text, record.Salt, record.Iterations); err != nil {
			return false
		}
		tried[key] = sum
	}
	return subtle.ConstantTimeCompare(sum[:], record.Digest) == 1
}

// macOf returns what a verified secret is recognized by. It costs 1/200,000 of stretching, and is
// useless without a key that never leaves the process.
func (d *Directory) macOf(text string) (mac digest) {
	h := hmac.New(sha256.New, d.macKey[:])
	h.Write([]byte(text))
	h.Sum(mac[:0])
	return mac
}

// verifiedAs returns the secret of the list whose text mac is of, if that was verified, or nil.
func verifiedAs(list []*secretCredential, mac digest) *secretCredential {
	for _, s := range list {
		if verified := s.verified.Load(); verified != nil && subtle.ConstantTimeCompare(verified[:], mac[:]) == 1 {
			return s
		}
	}
	return nil
}

// whyNot tells the log which half of the credentials was wrong.
func (d *Directory) whyNot(clientID string) Reason {
	if d.withID(clientID).clients == 0 {
		return ReasonUnknownClient
	}
	return ReasonWrongSecret
}

// failed counts a failed attempt and returns the error for it. An attempt that was no guess, or
// was not verified, does not count.
func (d *Directory) failed(clientID string, from netip.Addr, r *Refusal) error {
	if !r.signed && r.Err != ErrTooManyAttempts {
		d.addressFailures.charge(d.addressFailures.ofAddress(from))
		if !d.clientFailures.charge(d.clientFailures.ofClient(clientID)) {
			r = tooMany(ReasonClientLimit, errors.New(string(r.Reason)))
		}
	}
	return d.refused(r)
}

func (d *Directory) refused(r *Refusal) error {
	if r.Err == ErrTooManyAttempts {
		d.limited.Add(1)
	}
	return r
}

// maxWaiting bounds how many attempts wait at a gate. At 30 ms each, the last waits for about 4 s,
// and a connection has 10 s to authenticate by default.
const maxWaiting = 128

// A gate lets one attempt through at a time, so that stretching secrets keeps at most one core
// busy.
type gate struct {
	turn    chan struct{}
	waiting atomic.Int32
}

func newGate() gate { return gate{turn: make(chan struct{}, 1)} }

// enter waits for its turn. It returns false at once if too many wait already.
func (g *gate) enter() bool {
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > maxWaiting {
		return false
	}
	g.turn <- struct{}{}
	return true
}

func (g *gate) leave() { <-g.turn }
