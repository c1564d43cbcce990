package main_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"sync"
	"testing"
)

// keys has the key pairs by name. They are generated when they are first used.
var keys = struct {
	sync.Mutex
	byName map[string]*rsa.PrivateKey
}{byName: map[string]*rsa.PrivateKey{}}

func keyOf(t testing.TB, name string) *rsa.PrivateKey {
	t.Helper()
	keys.Lock()
	defer keys.Unlock()
	if keys.byName[name] == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		keys.byName[name] = key
	}
	return keys.byName[name]
}

// publicPEM returns the public key of a pair in PEM.
func publicPEM(t testing.TB, name string) string {
	t.Helper()
	return encodePEM(t, &keyOf(t, name).PublicKey)
}

func encodePEM(t testing.TB, key *rsa.PublicKey) string {
	t.Helper()
	text, err := publicPEMOf(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func publicPEMOf(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// signToken signs a token without a library, because libraries refuse to sign invalid
// tokens. The claims can be any text.
func signToken(t testing.TB, key, algorithm, claims string) string {
	t.Helper()
	token, err := sign(keyOf(t, key), algorithm, claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func sign(key *rsa.PrivateKey, algorithm, claims string) (string, error) {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"`+algorithm+`","typ":"JWT"}`)) + "." + encode([]byte(claims))
	var signature []byte
	var err error
	switch algorithm {
	case "RS512":
		digest := sha512.Sum512([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA512, digest[:])
	case "RS256":
		digest := crypto.SHA256.New()
		digest.Write([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest.Sum(nil))
	case "HS256", "HS512": // keyed with what everybody knows
		hash := map[string]crypto.Hash{"HS256": crypto.SHA256, "HS512": crypto.SHA512}[algorithm]
		var public []byte
		if public, err = publicPEMOf(&key.PublicKey); err == nil {
			mac := hmac.New(hash.New, public)
			mac.Write([]byte(text))
			signature = mac.Sum(nil)
		}
	}
	return text + "." + encode(signature), err
}
