package auth

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// Limits of JWK sets.
const (
	MaxJWKS        = 64 << 10 // bytes of the largest set that is read
	MaxJWKSPerJail = 100      // clients of one jail whose keys come from URLs
	MaxJWKSURL     = 1024     // bytes of a URL
)

// jwk is one key of a JWK set (RFC 7517 §4).
type jwk struct {
	Kty string         `json:"kty"`
	Use string         `json:"use"`
	Ops []string       `json:"key_ops"`
	Alg string         `json:"alg"`
	Kid string         `json:"kid"`
	N   string         `json:"n"`
	E   string         `json:"e"`
	D   jsontext.Value `json:"d"`
	K   jsontext.Value `json:"k"`

	Proof jsontext.Value `json:"proof"` // ours: see NewKey.Proof
}

// ParseJWKS reads a JWK set (RFC 7517 §5): the RSA keys that verify RS512 signatures. It skips keys
// of other kinds, as the RFC demands, and says why for each. A key may have a member proof: see
// NewKey.Proof. Errors wrap ErrInvalidKey: no key is usable, a key of the right kind is not usable,
// or a key is private.
func ParseJWKS(text []byte) (keys []NewKey, skipped []string, err error) {
	if len(text) > MaxJWKS {
		return nil, nil, fmt.Errorf("%w: the JWK set is longer than %d bytes", ErrInvalidKey, MaxJWKS)
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, nil, fmt.Errorf("%w: not a JWK set, which is an object with a list of keys", ErrInvalidKey)
	}
	for i, k := range set.Keys {
		if k.D != nil || k.K != nil {
			return nil, nil, fmt.Errorf("%w: keys[%d] is a private key or a shared secret, which must never leave its owner: "+
				"take it for compromised, and register public keys alone", ErrInvalidKey, i)
		}
		if why := k.skip(); why != "" {
			skipped = append(skipped, fmt.Sprintf("keys[%d]: %s", i, why))
			continue
		}
		key, err := k.read()
		if err != nil {
			return nil, nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		keys = append(keys, key)
	}
	switch {
	case len(keys) == 0:
		return nil, nil, fmt.Errorf("%w: the JWK set has no RSA key for signatures with RS512 (%s)", ErrInvalidKey, because(skipped))
	case len(keys) > MaxKeysPerClient:
		return nil, nil, fmt.Errorf("%w: the JWK set has %d keys, and a client may have %d", ErrTooManyKeys, len(keys), MaxKeysPerClient)
	}
	return keys, skipped, checkNewKeys(keys)
}

func because(skipped []string) string {
	const most = 4
	switch {
	case len(skipped) == 0:
		return "it has no keys"
	case len(skipped) > most:
		skipped = append(slices.Clone(skipped[:most]), "and more")
	}
	return strings.Join(skipped, "; ")
}

// skip returns why the key is for something else, or "".
func (k *jwk) skip() string {
	switch {
	case k.Kty != "RSA":
		return fmt.Sprintf("kty is %.20q, not RSA", k.Kty)
	case k.Use != "" && k.Use != "sig":
		return fmt.Sprintf("use is %.20q, not sig", k.Use)
	case k.Ops != nil && !slices.Contains(k.Ops, "verify"):
		return "key_ops has no verify"
	case k.Alg != "" && k.Alg != jwt.SigningMethodRS512.Alg():
		return fmt.Sprintf("alg is %.20q, not RS512", k.Alg)
	}
	return ""
}

func (k *jwk) read() (NewKey, error) {
	n, err := strictBase64.DecodeString(k.N)
	if err != nil || len(n) > MaxKeyBits/8+1 {
		return NewKey{}, fmt.Errorf("%w: n is not a base64url number of at most %d bits", ErrInvalidKey, MaxKeyBits)
	}
	e, err := strictBase64.DecodeString(k.E)
	if err != nil || len(e) > 4 {
		return NewKey{}, fmt.Errorf("%w: e is not a base64url number of at most 32 bits", ErrInvalidKey)
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	if err := checkKey(key); err != nil {
		return NewKey{}, err
	}
	text, err := publicPEM(key)
	return NewKey{PEM: text, KID: k.Kid, Proof: textOf(k.Proof)}, err
}

func publicPEM(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrInvalidKey, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// A jwksRecord is where the keys of a client come from.
type jwksRecord struct {
	URL string `json:"url"`
}

// A JWKSource is a client whose keys come from a URL.
type JWKSource struct {
	JailUID, ClientUID string
	JailID, ClientID   string
	URL                string
}

// SetKeysURL makes the client take its keys from the JWK set at the URL: see AdoptKeys. The keys
// that it has, and what is open with their tokens, end after the time keep, at most MaxKeep. The
// caller checks the URL. It fails with ErrClientNotFound.
func (d *Directory) SetKeysURL(ctx context.Context, jailUID, id, url string, keep time.Duration) (Client, error) {
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		if r.JWKS != nil && r.JWKS.URL == url {
			return nil
		}
		if d.jwksOf(jailUID) >= MaxJWKSPerJail {
			return ErrTooManyJWKS
		}
		if err := d.setKeys(r, owner{jailUID, id}, nil, keep); err != nil {
			return err
		}
		r.JWKS = &jwksRecord{url}
		return nil
	})
}

// Adopted counts the keys of a set that verify not all tokens, or none.
type Adopted struct {
	Inert   int // another jail has the key: see Key.NeedsJailID
	Refused int // there are MaxKeysPerID keys of the client id
}

// AdoptKeys makes the keys, which came from the source, those of its client, and revokes the tokens
// of those that are not there any more. It does nothing if the client has got its keys from
// elsewhere meanwhile. Proofs in the set are ignored, because they would be out of date.
func (d *Directory) AdoptKeys(ctx context.Context, source JWKSource, keys []NewKey) (adopted Adopted, err error) {
	_, err = d.rewrite(ctx, source.JailUID, source.ClientID, func(r *clientRecord) error {
		if r.UID != source.ClientUID || r.JWKS == nil || r.JWKS.URL != source.URL {
			return errNothingToAdopt
		}
		next := slices.Clone(r.Keys)
		next = slices.DeleteFunc(next, func(k keyRecord) bool { return k.Until.IsZero() })
		adopted = Adopted{}
		for _, k := range keys {
			k.fetched, k.Proof = true, ""
			record, err := d.newKeyRecord(r, owner{source.JailUID, source.ClientID}, k, next)
			if err != nil {
				adopted.Refused++
				continue
			}
			if record.Inert {
				adopted.Inert++
			}
			next = append(slices.DeleteFunc(next, record.replaces), record)
		}
		if slices.Equal(next, r.Keys) {
			return errNothingToAdopt
		}
		r.Keys = next
		return checkKeyCount(next)
	})
	if err == errNothingToAdopt {
		err = nil
	}
	return adopted, err
}

var errNothingToAdopt = errors.New("auth: the keys are adopted already, or not wanted")

// JWKSources returns the clients whose keys come from URLs.
func (d *Directory) JWKSources() (all []JWKSource) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, j := range d.jails {
		for _, c := range j.clients {
			if c.record.JWKS != nil {
				all = append(all, c.source())
			}
		}
	}
	return all
}

// jwksOf returns how many clients of the jail have keys from URLs. Only a change calls it.
func (d *Directory) jwksOf(jailUID string) (n int) {
	for _, c := range d.uids[jailUID].clients {
		if c.record.JWKS != nil {
			n++
		}
	}
	return n
}

func (c *client) source() JWKSource {
	return JWKSource{c.jail.record.UID, c.record.UID, c.jail.id, c.id, c.record.JWKS.URL}
}
