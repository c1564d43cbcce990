package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSecretsStayOutOfLogAndStorage, even if a client sends them in a wrong place. The
// gateways of these tests log at level debug, and start checks their logs at the end.
func TestSecretsStayOutOfLogAndStorage(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	g := startIn(t, folder)
	worker := g.newClient(root, "worker")
	rotated := field(t, g.ok(root, "PUT", "/client/worker", ""), "secret")
	tenant := g.newJail("tenant", "boss")
	token := signToken(t, "office", "RS512", fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix()))
	misplace(g, rotated, token)
	g.ok(tenant, "GET", "/streams", "")
	g.stopped()
	wantNowhere(t, folder, worker.secret, rotated, tenant.secret, root.secret)
	// Also after a restart, at which storage rewrites some of its files.
	g = startIn(t, folder)
	g.stopped()
	wantNowhere(t, folder, worker.secret, rotated, tenant.secret, root.secret)
}

// misplace sends a secret and a token in wrong places, and in requests that are refused.
func misplace(g *gateway, secret, token string) {
	for _, path := range []string{"/streams?secret=" + secret, "/streams?token=" + token, "/" + secret, "/clients?after=" + secret} {
		g.call(root, "GET", path, "")
	}
	g.call(credentials{}, "GET", "/streams", "", "Authorization: Bearer "+token)
	g.call(credentials{}, "GET", "/streams", "", "Authorization: "+secret)
	g.call(credentials{"worker", secret + "x"}, "GET", "/streams", "")
	g.call(root, "POST", "/client", `{"clientId":"x","secret":"`+secret+`",}`)
	g.call(root, "POST", "/client", `{"clientSecret":`+secret+`}`)
	g.call(root, "PUT", "/client/worker/jwt-public-key", `{"jwtPublicKey":"`+token+`"}`)
	for _, message := range []string{
		`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"worker","clientSecret":"` + secret + `x"}}`,
		`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"worker","jwt":"` + token + `"}}`,
		`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"worker","jwt":"` + secret + `"}}`,
		`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"worker","clientSecret":` + secret + `}}`,
		`{"id":1,"action":"authenticate","payload":{"clientSecret":"` + secret + `"}}`,
		`{"id":1,"action":"authenticate","payload":"` + secret + `"}`,
		`{"id":"` + secret + `","action":"authenticate"}`,
	} {
		p := g.dial()
		p.Send(message)
		if e := p.next(); e.end != nil || !strings.Contains(e.message, `"success":false`) {
			g.t.Errorf("got %v", e)
		}
	}
}

// wantNowhere fails if a file contains one of the texts.
func wantNowhere(t *testing.T, folder string, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("%s has a secret in it", name)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
