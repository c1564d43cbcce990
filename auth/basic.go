package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Basic authenticates a client by its id and secret. from is the address of the peer. It fails
// with a *Refusal. For correct credentials it takes no lock and some microseconds, whatever others
// at the address do. The exception is the first use of a chosen secret: it takes some 30 ms, may
// wait for others, and is refused if the address is over its limit.
func (d *Directory) Basic(clientID, secret string, from netip.Addr) (*Principal, error) {
	begun := time.Now()
	p, refusal := d.basic(clientID, secret, from)
	if refusal != nil {
		return nil, d.failed(clientID, from, refusal, begun)
	}
	return p, nil
}

func (d *Directory) basic(clientID, text string, from netip.Addr) (*Principal, *Refusal) {
	var s *secretCredential
	var refusal *Refusal
	if raw, generated := parseGenerated(text); generated {
		s = d.findGenerated(clientID, raw)
	} else {
		s, refusal = d.findChosen(clientID, text, from)
	}
	switch {
	case refusal != nil:
		return nil, refusal
	case s == nil:
		return nil, invalid(d.whyNot(clientID), nil)
	case s.hasEnded():
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
func (d *Directory) findChosen(clientID, text string, from netip.Addr) (*secretCredential, *Refusal) {
	if len(text) > MaxSecret {
		return nil, nil
	}
	list := d.withID(clientID).chosen
	mac := d.macOf(text)
	if s := verifiedAs(list, mac); s != nil {
		return s, nil
	}
	if refusal := d.mayGuess(clientID, from); refusal != nil {
		return nil, refusal
	}
	if d.chosen.Load() == 0 {
		return nil, nil // the same for every client id, so the time tells nothing
	}
	suspicion := d.suspicionOf(from)
	d.tries.charge(d.tries.ofAddress(from))
	if !d.slow.enter(suspicion) {
		return nil, tooMany(ReasonBusy, nil)
	}
	var rest time.Duration
	defer func() { d.slow.leave(rest) }()
	// Both again, because this attempt may have waited: another one may have verified the same
	// secret after a restart, or wrong guesses may have reached the limit.
	if s := verifiedAs(list, mac); s != nil {
		return s, nil
	}
	if refusal := d.mayGuess(clientID, from); refusal != nil {
		return nil, refusal
	}
	begun := time.Now()
	s := d.verify(list, text, mac)
	if s == nil {
		rest = restFactor * time.Since(begun)
	}
	return s, nil
}

// mayGuess refuses to verify a chosen secret if the address or the client id is over its limit.
// An address that has not failed in the last hour gets past the limit of the client id, or anyone
// could keep the operator out.
func (d *Directory) mayGuess(clientID string, from netip.Addr) *Refusal {
	if !d.addressFailures.allows(d.addressFailures.ofAddress(from)) {
		return tooMany(ReasonAddressLimit, nil)
	}
	if !d.clientFailures.allows(d.clientFailures.ofClient(clientID)) && d.suspects.count(d.suspects.ofAddress(from)) > 0 {
		return tooMany(ReasonClientLimit, nil)
	}
	return nil
}

// suspicionOf returns the suspicion of an attempt from an address, by the failures and tries of
// the last hour.
func (d *Directory) suspicionOf(from netip.Addr) suspicion {
	return suspicion{
		address: d.suspects.count(d.suspects.ofAddress(from)),
		tries:   d.tries.count(d.tries.ofAddress(from)),
	}
}

// verify returns the secret of the list that equals text, or nil. If there is one, it remembers the
// mac of text. It stretches text even if the list is empty, so that the time does not tell which
// client ids have a chosen secret. It stretches once for each salt: Import gives the clients of one
// id the same.
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

// stretched is the results of stretching one text, by salt and iterations.
type stretched map[string]digest

// isSecret reports whether the stretched text is the chosen secret of the
// record.
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

// macOf returns the HMAC by which a verified secret is recognized. It costs 1/200,000 of
// stretching, and is useless without a key that never leaves the process.
func (d *Directory) macOf(text string) (mac digest) {
	h := hmac.New(sha256.New, d.macKey[:])
	h.Write([]byte(text))
	h.Sum(mac[:0])
	return mac
}

// verifiedAs returns the secret of the list that was verified with a text of this mac, or nil.
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

// failed counts a failed attempt, and returns its error once Options.RefusalTime has passed
// since it began. An attempt that was no guess, or was not verified, does not count.
func (d *Directory) failed(clientID string, from netip.Addr, r *Refusal, begun time.Time) error {
	if !r.signed && r.Err != ErrTooManyAttempts {
		d.suspects.charge(d.suspects.ofAddress(from))
		switch {
		case !d.addressFailures.charge(d.addressFailures.ofAddress(from)):
			r = tooMany(ReasonAddressLimit, errors.New(string(r.Reason)))
		case !d.clientFailures.charge(d.clientFailures.ofClient(clientID)):
			r = tooMany(ReasonClientLimit, errors.New(string(r.Reason)))
		}
	}
	if r.Err == ErrTooManyAttempts {
		d.limited.Add(1)
	}
	time.Sleep(time.Until(begun.Add(d.opts.RefusalTime)))
	return r
}
