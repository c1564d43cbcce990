package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTokenCommand(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	private, open, token := filepath.Join(dir, "key"), filepath.Join(dir, "pub"), filepath.Join(dir, "token")
	write := func(name, kind string, b []byte) {
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(private, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	write(open, "PUBLIC KEY", public)
	filter := `{"t":"eq","e":[{"t":"path","e":"$.a"},{"t":"number","e":1}]}`
	minted := ok(t, nil, "token", "mint", "floor", private, "--expires", "1h", "--filter", filter)
	if err := os.WriteFile(token, []byte(minted.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := ok(t, nil, "token", "check", "floor", open, token); !strings.Contains(r.out, "its filter accepts") {
		t.Errorf("%+v", r)
	}
	if err := os.WriteFile(token, []byte(strings.TrimSpace(minted.out)[:len(minted.out)-9]), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, nil, "token", "check", "floor", open, token); r.code != 1 || !strings.Contains(r.notes, "refuses this token") {
		t.Errorf("a wrong signature: %+v", r)
	}
	if r := command(t, nil, "token", "mint", "floor", private, "--filter", `{"t":"no"}`); r.code != 1 || !strings.Contains(r.notes, "refuse this token: token filter does not compile: not a filter: at ") {
		t.Errorf("a wrong filter: %+v", r)
	}
	if r := command(t, nil, "token", "mint", "floor", open); r.code != 1 || !strings.Contains(r.notes, "not an RSA private key") {
		t.Errorf("a wrong key: %+v", r)
	}
}

// What a token says is what check shows, for each claim that mint can make.
func TestTokenClaims(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	private, open, token := filepath.Join(dir, "key"), filepath.Join(dir, "pub"), filepath.Join(dir, "token")
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(keyOf(t, "claims"))}
	for name, text := range map[string][]byte{private: pem.EncodeToMemory(block), open: []byte(publicPEM(t, "claims"))} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(flags ...string) string {
		t.Helper()
		minted := ok(t, nil, append([]string{"token", "mint", "floor", private}, flags...)...)
		if err := os.WriteFile(token, []byte(minted.out), 0o600); err != nil {
			t.Fatal(err)
		}
		return ok(t, nil, "token", "check", "floor", open, token, "--kid", "k1", "--json").out
	}
	shown := check("--kid", "k1", "--jti", "t1", "--audience", "gateway", "--jail", "acme", "--stream", "boiler.*", "--publish", "orders",
		"--any-group", "--fanout")
	for _, part := range []string{`"jti":"t1"`, `"kid":"k1"`, `"aud":["gateway"]`, `"jailId":"acme"`, `"streams":["boiler.*"]`, `"publish":["orders"]`,
		`"anyGroup":true`, `"mustFanout":true`} {
		if !strings.Contains(shown, part) {
			t.Errorf("%s lacks %s", shown, part)
		}
	}
	if shown := check(); strings.Contains(shown, `"jti":""`) || !strings.Contains(shown, `"jti":"`) {
		t.Errorf("without --jti: %s", shown)
	}
	if r := command(t, nil, "token", "mint", "floor", private, "--any-group", "--group", "x"); r.code != 2 {
		t.Errorf("both kinds of groups: %+v", r)
	}
	if r := command(t, nil, "token", "mint", "floor", private, "--group", "x"); r.code != 2 || !strings.Contains(r.notes, "UUID") {
		t.Errorf("a group that cannot be: %+v", r)
	}
}
