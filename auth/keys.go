package auth

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"
)

// A NewKey is a public key that a client is to have.
type NewKey struct {
	PEM string
	KID string // the name that the headers of tokens have for it; "" for none

	// Proof shows that who registers the key has its private half: see ProveKey. It may be "", unless a
	// client of the same id in another jail holds the key.
	Proof string

	proven  bool // Proof need not be checked
	fetched bool // it came from a URL: it is inert while another jail has the key
}

// A Key describes a public key of a client.
type Key struct {
	ID    string // the kid or, without one, the thumbprint (RFC 7638)
	KID   string
	PEM   string    // as it was registered
	Until time.Time // when the key ends; zero if it does not

	// Proven is true if who registered the key has proven to have its private half.
	Proven bool
	// NeedsJailID is true if a client of the same id in another jail holds the key too, and had it
	// first. The key then verifies only tokens whose claim jailId names its jail. A key that came
	// from a URL no longer needs the claim once the other client has lost the key.
	NeedsJailID bool
}

func (k heldKey) view() Key {
	return Key{ID: k.id(), KID: k.kid, PEM: k.record.PEM, Until: k.record.Until, Proven: k.record.Proven, NeedsJailID: k.inert}
}

func (k *keyCredential) id() string {
	if k.kid != "" {
		return k.kid
	}
	return thumbprint(k.public)
}

// thumbprint returns the JWK thumbprint of a key (RFC 7638).
func thumbprint(key *rsa.PublicKey) string {
	e := base64.RawURLEncoding.EncodeToString(exponentBytes(key.E))
	n := base64.RawURLEncoding.EncodeToString(key.N.Bytes())
	sum := sha256.Sum256([]byte(`{"e":"` + e + `","kty":"RSA","n":"` + n + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// exponentBytes returns the exponent without leading zeros, the highest byte first.
func exponentBytes(e int) (b []byte) {
	for ; e > 0; e >>= 8 {
		b = append(b, byte(e))
	}
	slices.Reverse(b)
	return b
}

func checkKID(kid string) error {
	if len(kid) > MaxKID || !printable(kid) {
		return fmt.Errorf("%w: its kid must be UTF-8 without control characters, at most %d bytes", ErrInvalidKey, MaxKID)
	}
	return nil
}

// SetPublicKey makes the RSA public key, in PEM, the only one that verifies the client's tokens, or
// clears all of them if pem is "". Tokens of the others are revoked. Registering the same key again
// changes nothing. It fails with ErrClientNotFound, ErrInvalidKey, ErrTooManyKeys or ErrKeyTaken.
func (d *Directory) SetPublicKey(ctx context.Context, jailUID, id, pem string) (Client, error) {
	var keys []NewKey
	if pem != "" {
		keys = []NewKey{{PEM: pem}}
	}
	return d.SetKeys(ctx, jailUID, id, keys, 0)
}

// SetKeys makes the keys the only ones that verify the client's tokens. The others, and what is open
// with their tokens, end after the time keep, at most MaxKeep. A key that is registered already
// stays. It fails like SetPublicKey, or with ErrInvalidProof.
//
// A client of the same id in another jail that holds one of the keys, and has not proven it, loses
// it to a client that proves it. Two that have proven it share it: see Key.NeedsJailID.
func (d *Directory) SetKeys(ctx context.Context, jailUID, id string, keys []NewKey, keep time.Duration) (Client, error) {
	if err := checkNewKeys(keys); err != nil {
		return Client{}, err
	}
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		return d.setKeys(r, owner{jailUID, id}, keys, keep)
	})
}

// setKeys replaces the keys of the record. The previous ones end after the time
// keep.
func (d *Directory) setKeys(r *clientRecord, of owner, keys []NewKey, keep time.Duration) error {
	r.JWKS = nil
	var next, kept []keyRecord
	for _, k := range keys {
		record, err := d.newKeyRecord(r, of, k, next)
		if err != nil {
			return err
		}
		next = append(next, record)
	}
	for _, old := range r.Keys {
		if endsAt(&old, keep) && !slices.ContainsFunc(next, old.replaces) {
			kept = append(kept, old)
		}
	}
	r.Keys = append(kept, next...)
	return checkKeyCount(r.Keys)
}

// AddKey registers a key beside those that the client has. One with the same kid is replaced, and its
// tokens are revoked. It fails like SetKeys, and displaces others likewise.
func (d *Directory) AddKey(ctx context.Context, jailUID, id string, key NewKey) (Client, error) {
	if err := checkNewKeys([]NewKey{key}); err != nil {
		return Client{}, err
	}
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		others := slices.Clone(r.Keys)
		added, err := d.newKeyRecord(r, owner{jailUID, id}, key, nil)
		if err != nil {
			return err
		}
		others = slices.DeleteFunc(others, added.replaces)
		r.Keys, r.JWKS = append(others, added), nil
		return checkKeyCount(r.Keys)
	})
}

// EndKey ends the client's key with the id after the time keep, at most MaxKeep, and then what is open
// with its tokens. If the keys came from a JWK set, the others stay, and the set is not fetched any
// more. It fails with ErrClientNotFound or ErrKeyNotFound.
func (d *Directory) EndKey(ctx context.Context, jailUID, id, keyID string, keep time.Duration) (Client, error) {
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		at := slices.IndexFunc(r.Keys, func(k keyRecord) bool { return k.id() == keyID })
		if at < 0 {
			return ErrKeyNotFound
		}
		r.Keys = slices.Clone(r.Keys)
		r.Keys[at].Until = time.Time{} // a later end than before is allowed
		if !endsAt(&r.Keys[at], keep) {
			r.Keys = slices.Delete(r.Keys, at, at+1)
		}
		r.JWKS = nil // or the next fetch of the set would bring the key back
		return nil
	})
}

// endsAt lets the key end after the time keep, unless it ends before. It reports whether the key is
// still valid then.
func endsAt(k *keyRecord, keep time.Duration) bool {
	if keep = min(keep, MaxKeep); keep <= 0 {
		return false
	}
	if until := time.Now().Add(keep).UTC(); k.Until.IsZero() || until.Before(k.Until) {
		k.Until = until
	}
	return true
}

// replaces reports whether the client cannot have both keys: they have the same kid, or are the same
// key without one.
func (r keyRecord) replaces(other keyRecord) bool { return r.id() == other.id() }

// id is as keyCredential.id.
func (r keyRecord) id() string {
	if r.KID != "" {
		return r.KID
	}
	public, err := parsePublicKey(r.PEM)
	if err != nil {
		return ""
	}
	return thumbprint(public)
}

func checkNewKeys(keys []NewKey) error {
	for i, k := range keys {
		if _, err := parsePublicKey(k.PEM); err != nil {
			return err
		}
		if err := checkKID(k.KID); err != nil {
			return err
		}
		for _, other := range keys[:i] {
			if (keyRecord{PEM: k.PEM, KID: k.KID}).replaces(keyRecord{PEM: other.PEM, KID: other.KID}) {
				return fmt.Errorf("%w: two keys have the kid %q", ErrInvalidKey, k.KID)
			}
		}
	}
	return nil
}

func checkKeyCount(keys []keyRecord) error {
	if len(keys) > MaxKeysPerClient {
		return fmt.Errorf("%w: a client may have %d keys, with those that are to end", ErrTooManyKeys, MaxKeysPerClient)
	}
	return nil
}

// An owner is the client that is to have a key. Its jail need not exist yet.
type owner struct{ jailUID, clientID string }

// newKeyRecord returns the record of a new key of the client with the record r; more are its other
// new keys. It depends on the keys of the other clients with the id. If this client has proven the
// key, those that hold it without a proof are added to displacing. Only a change calls it.
func (d *Directory) newKeyRecord(r *clientRecord, of owner, key NewKey, more []keyRecord) (keyRecord, error) {
	public, err := parsePublicKey(key.PEM)
	if err != nil {
		return keyRecord{}, err
	}
	record := keyRecord{PEM: key.PEM, KID: key.KID, Proven: key.proven || r.hasProven(public)}
	known := r.keyWithID(record.id())
	registered := known != nil && key.Proof == "" && known.Until.IsZero() && known.PEM == key.PEM
	if registered && !known.Proven && !(key.fetched && known.Inert) {
		return *known, nil
	}
	if key.Proof != "" {
		if err := checkProof(key.Proof, public, d.uids[of.jailUID].id, of.clientID); err != nil {
			return keyRecord{}, err
		}
		record.Proven = true
	}
	others := len(more)
	var displaced []*keyCredential
	for _, k := range d.withID(of.clientID).keys {
		if k.principal.ClientUID == r.UID || k.inert || k.hasEnded() {
			continue
		}
		others++
		switch {
		case !k.public.Equal(public):
		case record.Proven && !k.proven.Load():
			displaced = append(displaced, k)
		case !record.Proven && !key.fetched:
			return keyRecord{}, ErrKeyTaken
		default:
			record.Inert = true
		}
	}
	if registered && known.Proven { // an earlier attempt may have failed before it displaced others
		record = *known
	} else if others-len(displaced) >= MaxKeysPerID && !record.Inert {
		return keyRecord{}, ErrTooManyKeys
	}
	d.displacing = append(d.displacing, displaced...)
	return record, nil
}

// keyWithID returns nil if the client has no such key.
func (r *clientRecord) keyWithID(id string) *keyRecord {
	at := slices.IndexFunc(r.Keys, func(k keyRecord) bool { return k.id() == id })
	if at < 0 {
		return nil
	}
	return &r.Keys[at]
}

// hasProven reports whether the client has proven that it has the private half of the key.
func (r *clientRecord) hasProven(public *rsa.PublicKey) bool {
	return slices.ContainsFunc(r.Keys, func(k keyRecord) bool {
		known, err := parsePublicKey(k.PEM)
		return err == nil && k.Proven && known.Equal(public)
	})
}

// A Displacement is the loss of a key: a client that had not proven it loses it to a client of
// the same id in another jail that has.
type Displacement struct {
	JailID, ClientID string // who has lost it
	KeyID            string
	PEM              string
	By               *Principal // that registered it; nil for the process itself
}

// displace takes the keys of displacing from their clients. The change that gives a key to a client
// that has proven it must be durable before, so a refused change displaces nobody. If displace
// fails, tokens still enter the jail of the client that has proven the key (see mayVerify), and
// registering the key again displaces the others.
func (d *Directory) displace(ctx context.Context) error {
	keys := d.displacing
	d.displacing = nil
	for _, key := range keys {
		if err := d.displaceKey(ctx, key); err != nil {
			return fmt.Errorf("the key is registered; taking it from who had not proven it: %w", err)
		}
	}
	return nil
}

func (d *Directory) displaceKey(ctx context.Context, key *keyCredential) error {
	of := &key.principal
	lost := Displacement{JailID: of.JailID, ClientID: of.ClientID, KeyID: key.id(), By: d.by}
	_, err := d.update(ctx, of.JailUID, of.ClientID, func(c *client, r *clientRecord) error {
		if !c.holds(key) {
			return ErrKeyNotFound
		}
		r.Keys = slices.DeleteFunc(r.Keys, func(k keyRecord) bool {
			public, err := parsePublicKey(k.PEM)
			if err != nil || !public.Equal(key.public) {
				return false
			}
			lost.PEM = k.PEM
			return true
		})
		return nil
	})
	switch err {
	case nil:
		d.displaced = append(d.displaced, lost)
	case ErrKeyNotFound, ErrClientNotFound, ErrJailNotFound: // already gone, as a conflict has shown
		return nil
	}
	return err
}
