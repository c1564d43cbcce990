package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"seagate/auth"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestPublicKeysThatAreAccepted(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	smallExponent := fakeKey(2048)
	smallExponent.E = 3
	for name, text := range map[string]string{
		"PKIX":           pemOf(0),
		"PKCS #1":        block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&keyPair(0).PublicKey)),
		"CRLF":           strings.ReplaceAll(pemOf(0), "\n", "\r\n"),
		"space around":   "\n  " + pemOf(0) + " \n",
		"no line at end": strings.TrimSpace(pemOf(0)),
		"8192 bits":      publicPEM(fakeKey(8192)),
		"smallest odd e": publicPEM(smallExponent),
		"3001 bits":      publicPEM(fakeKey(3001)),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := d.SetPublicKey(t.Context(), a.UID, "backend", text)
			if err != nil || c.PublicKey != text {
				t.Fatalf("%q, %v", c.PublicKey, err)
			}
		})
	}
}

func TestPublicKeysThatAreRefused(t *testing.T) {
	d := openNew(t, unlimited)
	a, _ := newJail(t, d, "a", "backend")
	private := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(keyPair(1)))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(keyPair(1))
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pkix, _ := pem.Decode([]byte(pemOf(0)))
	even, e1, e4 := fakeKey(2048), fakeKey(2048), fakeKey(2048)
	even.N.Sub(even.N, big.NewInt(1))
	e1.E, e4.E = 1, 4
	for name, c := range map[string]struct{ text, says string }{
		"garbage":                {"x", "not PEM"},
		"space":                  {" ", "not PEM"},
		"truncated":              {pemOf(0)[:200], "not PEM"},
		"bad base64":             {strings.Replace(pemOf(0), "MII", "M!I", 1), "not PEM"},
		"private, PKCS #1":       {private, "private key"},
		"private, PKCS #8":       {block("PRIVATE KEY", pkcs8), "private key"},
		"private, encrypted":     {block("ENCRYPTED PRIVATE KEY", pkcs8), "private key"},
		"private, as public":     {block("PUBLIC KEY", pkcs8), "not a PKIX"},
		"public, then private":   {pemOf(0) + private, "private key"},
		"private, then public":   {private + pemOf(0), "private key"},
		"two keys":               {pemOf(0) + pemOf(1), "text after"},
		"text before":            {"my key\n" + pemOf(0), "text before"},
		"text after":             {pemOf(0) + "my key", "text after"},
		"headers":                {strings.Replace(pemOf(0), "-----\n", "-----\nA: b\n\n", 1), "headers"},
		"certificate":            {block("CERTIFICATE", pkix.Bytes), "must be a PUBLIC KEY"},
		"PKIX as PKCS #1":        {block("RSA PUBLIC KEY", pkix.Bytes), "PKCS #1"},
		"trailing bytes":         {block("PUBLIC KEY", append(pkix.Bytes, 0)), "not a PKIX"},
		"empty block":            {block("PUBLIC KEY", nil), "not a PKIX"},
		"elliptic curve":         {block("PUBLIC KEY", ecDER), "must be an RSA key"},
		"2047 bits":              {publicPEM(fakeKey(2047)), "2047 bits"},
		"8193 bits":              {publicPEM(fakeKey(8193)), "8193 bits"},
		"65536 bits":             {publicPEM(fakeKey(65536)), "longer than"},
		"even modulus":           {publicPEM(even), "even"},
		"exponent 1":             {publicPEM(e1), "exponent"},
		"exponent 4":             {publicPEM(e4), "exponent"},
		"a megabyte of new line": {strings.Repeat("\n", 1<<20), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.SetPublicKey(t.Context(), a.UID, "backend", c.text)
			wantErr(t, err, auth.ErrInvalidKey)
			if !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %q does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "MII") {
				t.Fatalf("the error repeats the key: %s", err)
			}
		})
	}
	if c, _ := d.Client(a.UID, "backend"); c.PublicKey != "" {
		t.Fatal("a refused key was stored")
	}
}

func TestClearingAKey(t *testing.T) {
	d, a := tokenDirectory(t, unlimited)
	p := mustToken(t, d, "backend", goodToken(0))
	setKey(t, d, a.UID, "backend", "")
	if p.Current() {
		t.Fatal("the bearer is still current")
	}
	_, err := d.Token("backend", goodToken(0), "", home)
	if reasonOf(err) != auth.ReasonNoKey {
		t.Fatal(err)
	}
	if c, _ := d.Client(a.UID, "backend"); c.PublicKey != "" {
		t.Fatal("the client still has the key")
	}
}
