package auth_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/storage"
	"seagate/storage/memory"
)

var home = netip.MustParseAddr("192.0.2.1")

// noLimit is a number of failures per minute that no test reaches.
const noLimit = 1e9

func failuresPerMinute(address, client int) auth.Options {
	opts := authtest.Options()
	opts.AddressAttempts, opts.ClientAttempts = address, client
	return opts
}

// unlimited is for tests that fail on purpose.
var unlimited = failuresPerMinute(noLimit, noLimit)

func open(t testing.TB, records storage.Records, opts auth.Options) *auth.Directory {
	t.Helper()
	d := authtest.Open(t, records, opts)
	auth.StretchLess(d)
	return d
}

func openNew(t testing.TB, opts auth.Options) *auth.Directory {
	t.Helper()
	return open(t, memory.New(), opts)
}

func newJail(t testing.TB, d *auth.Directory, id, clientID string) (auth.Jail, string) {
	t.Helper()
	j, s, err := d.CreateJail(t.Context(), id, "jail "+id, clientID)
	if err != nil {
		t.Fatal(err)
	}
	return j, s.Reveal()
}

func newClient(t testing.TB, d *auth.Directory, jailUID, id string) string {
	t.Helper()
	_, s, err := d.CreateClient(t.Context(), jailUID, id, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.Reveal()
}

func mustBasic(t testing.TB, d *auth.Directory, id, secret string) *auth.Principal {
	t.Helper()
	p, err := d.Basic(id, secret, home)
	if err != nil {
		t.Fatalf("Basic(%s): %v (%s)", id, err, reasonOf(err))
	}
	return p
}

func mustToken(t testing.TB, d *auth.Directory, id, token string) *auth.Principal {
	t.Helper()
	p, err := d.Token(id, token, "", home)
	if err != nil {
		var r *auth.Refusal
		errors.As(err, &r)
		t.Fatalf("Token(%s): %v (%s: %v)", id, err, r.Reason, r.Cause)
	}
	return p
}

func setKey(t testing.TB, d *auth.Directory, jailUID, id, pem string) {
	t.Helper()
	if _, err := d.SetPublicKey(t.Context(), jailUID, id, pem); err != nil {
		t.Fatal(err)
	}
}

func reasonOf(err error) auth.Reason {
	var r *auth.Refusal
	if !errors.As(err, &r) {
		return ""
	}
	return r.Reason
}

func wantRefusal(t testing.TB, p *auth.Principal, err, want error, reason auth.Reason) {
	t.Helper()
	if p != nil || !errors.Is(err, want) || reasonOf(err) != reason {
		t.Fatalf("got principal %v, error %v (%s); want %v (%s)", p != nil, err, reasonOf(err), want, reason)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}

// keyPair returns one of three key pairs. All tests share them, because making one takes long.
func keyPair(n int) *rsa.PrivateKey { return keyPairs[n]() }

var keyPairs = [3]func() *rsa.PrivateKey{newKeyPair(), newKeyPair(), newKeyPair()}

func newKeyPair() func() *rsa.PrivateKey {
	return sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
}

func publicPEM(key *rsa.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func pemOf(n int) string { return publicPEM(&keyPair(n).PublicKey) }

const rs512 = `{"alg":"RS512","typ":"JWT"}`

// sign makes a token of exactly this header and these claims, whatever they are.
func sign(key *rsa.PrivateKey, header, claims string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(claims))
	digest := sha512.Sum512([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA512, digest[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func expiring(in time.Duration) string {
	return fmt.Sprintf(`{"exp":%d}`, time.Now().Add(in).Unix())
}

func goodToken(n int) string { return sign(keyPair(n), rs512, expiring(time.Hour)) }
