package auth_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"seagate/auth"
)

// FuzzToken presents arbitrary texts. None is accepted that the key did not sign with RS512.
func FuzzToken(f *testing.F) {
	d, _ := tokenDirectory(f, unlimited)
	token := goodToken(0)
	f.Add(token)
	f.Add(goodToken(1))
	f.Add(unsigned(`{"alg":"none"}`, expiring(time.Hour)))
	f.Add(hmacSigned("HS256", expiring(time.Hour), pemOf(0)))
	f.Add(ps512(keyPair(0), rs512, expiring(time.Hour)))
	f.Add(sign(keyPair(0), rs512, `{"exp":1e1000001}`))
	f.Add(sign(keyPair(0), rs512, `{"exp":253402300799,"filter":{"t":"not","e":[{"t":"null"}]}}`))
	f.Fuzz(func(t *testing.T, token string) {
		for _, id := range []string{"backend", "nobody"} {
			p, err := d.Token(id, token, "", home)
			if (p == nil) == (err == nil) {
				t.Fatalf("principal %v and error %v", p, err)
			}
			if p != nil && (id != "backend" || !signedBy(&keyPair(0).PublicKey, token)) {
				t.Fatalf("%s got in with %q", id, token)
			}
		}
	})
}

func signedBy(key *rsa.PublicKey, token string) bool {
	dot := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		return false
	}
	digest := sha512.Sum512([]byte(token[:dot]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA512, digest[:], sig) == nil
}

// FuzzClaims signs arbitrary headers and claims. A principal expires in the future.
func FuzzClaims(f *testing.F) {
	d, _ := tokenDirectory(f, unlimited)
	key := keyPair(0)
	f.Add(rs512, expiring(time.Hour))
	f.Add(rs512, `{"exp":253402300799,"fetch":[{"service":"pricing","procedures":["quote"]},{"service":"weather"}]}`)
	f.Add(rs512, `{"exp":253402300799,"nbf":0,"mustFanout":true,"filter":{"t":"eq","e":[{"t":"path","e":"$.a"},{"t":"number","e":1}]}}`)
	f.Add(`{"alg":"RS512","crit":[]}`, `null`)
	f.Add(rs512, `{"exp":-0}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		p, err := d.Token("backend", sign(key, header, claims), "", home)
		if (p == nil) == (err == nil) {
			t.Fatalf("principal %v and error %v", p, err)
		}
		if p == nil {
			return
		}
		if !p.Expires.After(time.Now()) || p.Method != auth.MethodToken {
			t.Fatalf("got in with %q %q", header, claims)
		}
	})
}

// FuzzPublicKey registers arbitrary texts. An accepted key is shown again as it was given, and
// verifies only what it signed.
func FuzzPublicKey(f *testing.F) {
	d := openNew(f, unlimited)
	a, _ := newJail(f, d, "a", "c")
	f.Add(pemOf(0))
	f.Add(publicPEM(fakeKey(8192)))
	f.Add("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := d.SetPublicKey(t.Context(), a.UID, "c", text)
		if err == nil && (c.PublicKey != text || strings.Contains(text, "PRIVATE")) {
			t.Fatalf("registered %q, shown as %q", text, c.PublicKey)
		}
		_, err = d.Token("c", goodToken(1), "", home)
		if err == nil && text != pemOf(1) {
			t.Fatal("a key verified what it did not sign")
		}
	})
}

// FuzzBasic presents arbitrary ids and texts. None but the client's secret is accepted.
func FuzzBasic(f *testing.F) {
	d := openNew(f, unlimited)
	_, secret := newJail(f, d, "a", "c")
	f.Add("c", secret)
	f.Add("c", secret[:57])
	f.Add("", "sea_")
	f.Fuzz(func(t *testing.T, id, text string) {
		if _, err := d.Basic(id, text, home); (err == nil) != (id == "c" && text == secret) {
			t.Fatalf("Basic(%q, %q): %v", id, text, err)
		}
	})
}
