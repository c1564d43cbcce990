package main_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seagate/auth"
)

// jwkOf is a key of a JWK set, with more members.
func jwkOf(t testing.TB, key, more string) string {
	n := base64.RawURLEncoding.EncodeToString(keyOf(t, key).N.Bytes())
	return fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"%s}`, n, more)
}

// startIssuer serves a JWK set over https. It returns the URL, and a file with its authority.
func startIssuer(t testing.TB, set string) (url, authority string) {
	issuer := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(set)) }))
	t.Cleanup(issuer.Close)
	authority = filepath.Join(t.TempDir(), "authority.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate().Raw})
	if err := os.WriteFile(authority, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return issuer.URL + "/jwks.json", authority
}

// The gateway fetches the set of an identity provider over https, trusts the authorities of the system,
// and takes the keys for RS512 alone. A second jail with the same URL gets the key too, and is told what
// it is good for there.
func TestTheKeysOfAnIdentityProvider(t *testing.T) {
	t.Parallel()
	set := `{"keys":[` + strings.Join([]string{
		jwkOf(t, "issuer", `,"kid":"512","alg":"RS512","use":"sig"`),
		jwkOf(t, "other", `,"kid":"256","alg":"RS256","use":"sig"`),
		`{"kty":"EC","kid":"ec","alg":"ES256","crv":"P-256","x":"AA","y":"AA"}`,
	}, ",") + `]}`
	url, authority := startIssuer(t, set)
	g := start(t, "SSL_CERT_FILE="+authority, "SEAGATE_JWKS_HOSTS=127.0.0.1:*", "SEAGATE_JWKS_PRIVATE_NETWORKS=127.0.0.0/8")
	first, second := g.newJail("first", "portal"), g.newJail("second", "portal")
	for _, jail := range []credentials{first, second} {
		g.ok(jail, "PUT", "/client/portal/keys", fmt.Sprintf(`{"url":%q}`, url))
		eventually(t, "the keys are fetched", func() bool {
			return strings.Contains(g.ok(jail, "GET", "/client/portal/keys", ""), `"kid":"512"`)
		})
	}
	for _, c := range []struct {
		jail       credentials
		has, hasNo string
	}{{first, `"fetchedAt":"2`, "needsJailId"}, {second, `"needsJailId":true`, `"kid":"256"`}} {
		if got := g.ok(c.jail, "GET", "/client/portal/keys", ""); !strings.Contains(got, c.has) || strings.Contains(got, c.hasNo) {
			t.Errorf("the keys lack %s or have %s: %s", c.has, c.hasNo, got)
		}
	}
	listed := ok(t, g.as(second), "clients", "keys", "portal").out
	if !strings.Contains(listed, "another jail has it: for tokens with jailId only") {
		t.Errorf("the operator is not told why:\n%s", listed)
	}
	g.awaitLog("a client of the same id in another jail has them")

	claims := func(more string) string { return fmt.Sprintf(`{"exp":%d%s}`, time.Now().Add(time.Hour).Unix(), more) }
	for _, c := range []struct{ key, algorithm, more, enters string }{
		{"issuer", "RS512", "", "first"},
		{"issuer", "RS512", `,"jailId":"second"`, "second"},
		{"issuer", "RS256", "", ""},
		{"other", "RS512", "", ""},
		{"other", "RS256", "", ""},
	} {
		p := g.dial()
		p.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"jwt","clientId":"portal","jwt":%q}}`,
			signToken(t, c.key, c.algorithm, claims(c.more))))
		if got := p.next(); c.enters == "" && !strings.Contains(got.message, `"success":false`) ||
			c.enters != "" && !strings.Contains(got.message, `"success":true,"payload":{"jailId":"`+c.enters+`"}`) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// A key of an uploaded set can be proven as well. Who had not proven it loses it, which is in the audit
// stream with who has caused it.
func TestAProvenSetDisplacesAKey(t *testing.T) {
	t.Parallel()
	g := start(t)
	owner, thief := g.newJail("owner", "portal"), g.newJail("thief", "portal")
	g.ok(thief, "PUT", "/client/portal/jwt-public-key", fmt.Sprintf(`{"jwtPublicKey":%q}`, publicPEM(t, "stolen")))
	upload := `{"jwks":{"keys":[` + jwkOf(t, "stolen", `,"kid":"a"%s`) + `]}}`
	g.refused(owner, 409, "key_taken", "PUT", "/client/portal/keys", fmt.Sprintf(upload, ""))
	wrong, err := auth.ProveKey(keyOf(t, "stolen"), "thief", "portal")
	if err != nil {
		t.Fatal(err)
	}
	g.refused(owner, 400, "invalid_key", "PUT", "/client/portal/keys", fmt.Sprintf(upload, `,"proof":"`+wrong+`"`))
	right, err := auth.ProveKey(keyOf(t, "stolen"), "owner", "portal")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.ok(owner, "PUT", "/client/portal/keys", fmt.Sprintf(upload, `,"proof":"`+right+`"`)); !strings.Contains(got, `"proven":true`) {
		t.Errorf("the key is not proven: %s", got)
	}
	if got := g.ok(thief, "GET", "/client/portal/keys", ""); !strings.Contains(got, `"keys":[]`) {
		t.Errorf("the thief has %s", got)
	}
	var got string
	for _, e := range g.audited() {
		if e.Action == "public key displaced" {
			got = tell(e)
		}
	}
	if !strings.HasPrefix(got, `owner/portal secret: public key displaced thief/portal ok before {"id":"`) || !strings.Contains(got, `"sha256":"`) {
		t.Errorf("the audit stream has %q", got)
	}
}
