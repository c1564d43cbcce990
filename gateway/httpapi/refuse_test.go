package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"seagate/auth"
	"seagate/protocol"
	"seagate/storage/memory"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Each code has its status and is counted. Messages that clients compare are
// checked as a whole.
func TestRefusals(t *testing.T) {
	s := newServer(t, func(s *setup) {
		s.settings.HeaderBytes = 100
		s.settings.JSONDepth = 5
		s.streams = 4
	})
	tenant := s.newJail("tenant", "boss")
	s.ok("POST", "/api/v1/streams/portCall/define", `{"version":"1.0.0","fields":[{"name":"a","type":"integer"}]}`)
	s.define("paused")
	s.ok("POST", "/api/v1/streams/paused/pause", "")
	s.ok("POST", "/api/v1/client", `{"clientId":"twin"}`)
	deep := strings.Repeat("[", 6) + strings.Repeat("]", 6)

	for _, c := range []struct {
		code               protocol.Code
		method, path, body string
		message            string   // whole, or "" for any
		errors             []string // whole, or nil for any
	}{
		{protocol.CodeVersionTooOld, "POST", "/streams/portCall/define", `{"version":"0.1.0","fields":[]}`,
			"The version pushed for the schema [portCall] is [0.1.0] but there is already an older version defined [1.0.0]", nil},
		{protocol.CodeVersionConflict, "POST", "/streams/portCall/define", `{"version":"1","fields":[]}`, "", nil},
		{protocol.CodeInvalidDefinition, "POST", "/streams/portCall/define", `{"name":"other","version":"2","fields":[{"name":"","type":"int"}]}`, "", nil},
		{protocol.CodeMalformedJSON, "POST", "/streams/portCall/define", `{"version":1,"version":2,"fields":[]}`, "", nil},
		{protocol.CodeMalformedJSON, "POST", "/streams/portCall/define", ``, "the request has no body; send one that is JSON", nil},
		{protocol.CodeStreamNotFound, "POST", "/streams/nobody/publish", `{"payload":{}}`, "", nil},
		{protocol.CodeStreamNotFound, "POST", "/streams/nobody/publish", `[]`, "", nil},
		{protocol.CodeStreamNotFound, "GET", "/streams/nobody/schema", ``, "", nil},
		{protocol.CodeStreamNotFound, "GET", "/streams/nobody", ``, "", nil},
		{protocol.CodeStreamNotFound, "GET", "/streams/nobody/schemas", ``, "", nil},
		{protocol.CodeStreamNotFound, "GET", "/streams/nobody/schemas/1", ``, "", nil},
		{protocol.CodeStreamNotFound, "DELETE", "/streams/nobody", ``, "", nil},
		{protocol.CodeStreamNotFound, "POST", "/streams/nobody/pause", ``, "", nil},
		{protocol.CodeVersionNotFound, "GET", "/streams/portCall/schemas/7", ``, "", nil},
		{protocol.CodeVersionNotFound, "GET", "/streams/portCall/schemas/7/changes?since=current", ``, "", nil},
		{protocol.CodeVersionNotFound, "GET", "/streams/portCall/schemas/current/changes?since=7", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/streams/portCall/schemas/current/changes", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/streams/portCall/schemas/current/changes?since=newest", ``, "", nil},
		{protocol.CodeStreamNotFound, "GET", "/streams/nobody/schemas/1/changes?since=current", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/streams/portCall/schemas/newest", ``, "", nil},
		{protocol.CodeHeaderNotFound, "GET", "/streams/portCall/header", ``, "", nil},
		{protocol.CodeHeaderTooLarge, "PUT", "/streams/portCall/header", `{"payload":{"a":` + strings.Repeat("1", 100) + `}}`, "", nil},
		{protocol.CodeInvalidPayload, "PUT", "/streams/portCall/header", `{"payload":{"a":"x"}}`, "", nil},
		{protocol.CodeInvalidRequest, "PUT", "/streams/portCall/header", `{}`, "", []string{"payload: must be there"}},
		{protocol.CodeInvalidRequest, "PUT", "/streams/portCall/header", `[{"payload":{"a":1}}]`, "", []string{`body: must be {"payload": header}`}},
		{protocol.CodeMalformedJSON, "PUT", "/streams/portCall/header", `nonsense`, "", nil},
		{protocol.CodeStreamPaused, "POST", "/streams/paused/publish", `{"payload":{"n":1}}`, "", nil},
		{protocol.CodeInvalidPayload, "POST", "/streams/portCall/publish", `{"payload":{"a":1.5,"b":2}}`, "", nil},
		{protocol.CodeNestingTooDeep, "POST", "/streams/portCall/publish", `{"payload":{"a":` + deep[1:len(deep)-1] + `}}`, "", nil},
		{protocol.CodeNestingTooDeep, "POST", "/client", `{"clientId":"x","more":` + deep + `}`, "", nil},
		{protocol.CodeInvalidRequest, "POST", "/client", `{"description":7}`,
			"the request is not well formed: see errors",
			[]string{"clientId: must be a non-empty string", "description: must be a string"}},
		{protocol.CodeInvalidRequest, "POST", "/client", `[]`, "", []string{"body: must be an object"}},
		{protocol.CodeInvalidName, "POST", "/client", `{"clientId":"a:b"}`, "", nil},
		{protocol.CodeInvalidRequest, "POST", "/client", `{"clientId":"long","description":"` + strings.Repeat("x", auth.MaxDescription+1) + `"}`, "", nil},
		{protocol.CodeClientExists, "POST", "/client", `{"clientId":"twin"}`, "", nil},
		{protocol.CodeClientNotFound, "PUT", "/client/nobody", ``, "", nil},
		{protocol.CodeClientNotFound, "DELETE", "/client/nobody", ``, "", nil},
		{protocol.CodeClientNotFound, "PUT", "/client/nobody/jwt-public-key", `{"jwtPublicKey":null}`, "", nil},
		{protocol.CodeInvalidKey, "PUT", "/client/twin/jwt-public-key", `{"jwtPublicKey":"no key"}`, "", nil},
		{protocol.CodeInvalidRequest, "PUT", "/client/twin/jwt-public-key", `{}`, "", []string{"jwtPublicKey: must be a non-empty string, or null"}},
		{protocol.CodeInvalidRequest, "PUT", "/client/twin/jwt-public-key", `{"jwtPublicKey":""}`, "", nil},
		{protocol.CodeInvalidRequest, "PUT", "/client/twin/jwt-public-key", `{"jwtPublicKey":false}`, "", nil},
		{protocol.CodeInvalidRequest, "POST", "/jails", `{"newJailId":1,"newJailName":2,"newClientId":""}`, "",
			[]string{"newJailId: must be a non-empty string", "newJailName: must be a string", "newClientId: must be a non-empty string"}},
		{protocol.CodeJailExists, "POST", "/jails", `{"newJailId":"tenant","newClientId":"x"}`, "", nil},
		{protocol.CodeJailNotFound, "DELETE", "/jails/nobody", ``, "", nil},
		{protocol.CodeRootJail, "DELETE", "/jails/root", ``, "", nil},
		{protocol.CodeInvalidRequest, "POST", "/schema-versions-vector", `{}`, "", []string{"schemaNames: must be a list of strings"}},
		{protocol.CodeInvalidRequest, "POST", "/schema-versions-vector", `{"schemaNames":["a",1,null]}`, "",
			[]string{"schemaNames[1]: must be a string", "schemaNames[2]: must be a string"}},
		{protocol.CodeInvalidRequest, "POST", "/schema-versions-vector", `{"schemaNames":[` + strings.Repeat(`"a",`, 10_000) + `"a"]}`, "",
			[]string{"schemaNames: has 10001 names and at most 10000 are allowed"}},
		{protocol.CodeInvalidRequest, "GET", "/streams?limit=0", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/streams?limit=1001", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/clients?limit=1e2", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/jails?limit=1&limit=2", ``, "", nil},
		{protocol.CodeInvalidRequest, "GET", "/jails?%zz", ``, "", []string{"query: it is not well formed"}},
		{protocol.CodeInvalidRequest, "POST", "/streams/portCall/define?dryrun=true", `{}`, "", []string{`query: there is no parameter "dryrun" here; there is dryRun`}},
		{protocol.CodeInvalidRequest, "POST", "/streams/portCall/define?dryRun=1", `{}`, "", []string{"query: dryRun must be true or false"}},
		{protocol.CodeInvalidRequest, "POST", "/streams/portCall/define?dryRun", `{}`, "", nil},
	} {
		before := s.refusals(t, c.code)
		p := s.refused(c.code, call{method: c.method, path: "/api/v1" + c.path, body: c.body})
		if c.message != "" && p.Message != c.message {
			t.Errorf("%s %s: message %q", c.method, c.path, p.Message)
		}
		if c.errors != nil && !slices.Equal(p.Errors, c.errors) {
			t.Errorf("%s %s: errors %q", c.method, c.path, p.Errors)
		}
		if got := s.refusals(t, c.code) - before; got != 1 {
			t.Errorf("%s %s: %s counted %v times", c.method, c.path, c.code, got)
		}
	}
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/jails", `{"newJailId":"x","newClientId":"y"}`}, {"DELETE", "/jails/tenant", ""}, {"GET", "/jails", ""},
	} {
		s.refused(protocol.CodeForbidden, call{method: c.method, path: "/api/v1" + c.path, body: c.body, as: &tenant})
	}
}

// A body of a megabyte can have many thousands of unknown members. The answer
// lists the first of them and counts the rest.
func TestProblemsAreBounded(t *testing.T) {
	s := newServer(t)
	s.define("a")
	var members []string
	for i := range 3000 {
		members = append(members, fmt.Sprintf(`"x%04d":1`, i))
	}
	p := s.refused(protocol.CodeInvalidRequest, call{method: "PUT", path: "/api/v1/streams/a/settings", body: "{" + strings.Join(members, ",") + "}"})
	if len(p.Errors) != 1001 || p.Errors[1000] != "... and 2000 more" || p.Message != "the request is not well formed: see errors" {
		t.Errorf("%d errors, the last %q, message %q", len(p.Errors), p.Errors[len(p.Errors)-1], p.Message)
	}
}

func TestLimitsOfJails(t *testing.T) {
	s := newServer(t, func(s *setup) {
		s.auth.MaxJails, s.auth.MaxClientsPerJail = 2, 1
		s.streams = 1
		s.settings.PublishesPerSecond = 3
	})
	s.define("a")
	s.refused(protocol.CodeTooManyStreams, call{method: "POST", path: "/api/v1/streams/b/define", body: `{"version":1,"fields":[]}`})
	s.newJail("one", "boss")
	s.refused(protocol.CodeTooManyJails, call{method: "POST", path: "/api/v1/jails", body: `{"newJailId":"two","newClientId":"boss"}`})
	s.refused(protocol.CodeTooManyClients, call{method: "POST", path: "/api/v1/client", body: `{"clientId":"two"}`})
	s.refused(protocol.CodeLastClient, call{method: "DELETE", path: "/api/v1/client/admin"})
	s.ok("POST", "/api/v1/streams/a/publish", `[{"n":1},{"n":2},{"n":3}]`)
	a := s.do(call{method: "POST", path: "/api/v1/streams/a/publish", body: `[{"n":1},{"n":2},{"n":3}]`})
	problemOf(t, protocol.CodeRateLimited, a)
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
}

const wrongCredentials = "The credentials are present and well formed but invalid."

func TestCredentials(t *testing.T) {
	s := newServer(t)
	stranger := auth.NewSecret().Reveal()
	encoded := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, c := range map[string]struct {
		header string
		code   protocol.Code
	}{
		"none":            {"", protocol.CodeCredentialsRequired},
		"bearer":          {"Bearer eyJhbGciOiJSUzUxMiJ9.e30.c2ln", protocol.CodeCredentialsRequired},
		"bare word":       {"Basic", protocol.CodeCredentialsRequired},
		"other scheme":    {"Digest username=admin", protocol.CodeCredentialsRequired},
		"not base64":      {"Basic %%%", protocol.CodeCredentialsRequired},
		"no colon":        {encoded("admin"), protocol.CodeCredentialsRequired},
		"empty":           {encoded(":"), protocol.CodeInvalidCredentials},
		"wrong secret":    {encoded("admin:" + stranger), protocol.CodeInvalidCredentials},
		"wrong words":     {encoded("admin:secret"), protocol.CodeInvalidCredentials},
		"unknown client":  {encoded("nobody:" + s.root.secret), protocol.CodeInvalidCredentials},
		"long secret":     {encoded("admin:" + strings.Repeat("x", 10_000)), protocol.CodeInvalidCredentials},
		"long id":         {encoded(strings.Repeat("x", 10_000) + ":y"), protocol.CodeInvalidCredentials},
		"not UTF-8":       {encoded("\xff\xfe:\xff"), protocol.CodeInvalidCredentials},
		"control chars":   {encoded("ad\x00min\n:x"), protocol.CodeInvalidCredentials},
		"secret and more": {encoded("admin:" + s.root.secret + ":x"), protocol.CodeInvalidCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.refusals(t, c.code)
			a := s.do(call{method: "GET", path: "/api/v1/streams", anonymous: true, header: map[string]string{"Authorization": c.header}})
			p := problemOf(t, c.code, a)
			if got := a.header.Get("WWW-Authenticate"); got != `Basic realm="seagate", charset="UTF-8"` {
				t.Errorf("WWW-Authenticate: %s", got)
			}
			if c.code == protocol.CodeInvalidCredentials && p.Message != wrongCredentials {
				t.Errorf("message %q", p.Message)
			}
			if name == "bearer" && !strings.Contains(p.Message, "tokens are for the WebSocket") {
				t.Errorf("message %q", p.Message)
			}
			if s.refusals(t, c.code) != before+1 {
				t.Error("not counted")
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		line := s.root.authorization()
		a := s.raw("GET", "GET /api/v1/streams HTTP/1.1\r\nHost: a\r\n"+line+line+"\r\n")
		problemOf(t, protocol.CodeCredentialsRequired, a)
	})
	t.Run("in either case", func(t *testing.T) {
		line := strings.Replace(s.root.authorization(), "Basic", "bAsIc", 1)
		if a := s.raw("GET", "GET /api/v1/streams HTTP/1.1\r\nHost: a\r\n"+line+"\r\n"); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

// After too many wrong secrets from an address further ones are refused, with a
// time to come back.
func TestTooManyAttempts(t *testing.T) {
	s := newServer(t, func(s *setup) { s.auth.AddressAttempts = 3 })
	wrong := credentials{"admin", auth.NewSecret().Reveal()}
	for range 3 {
		s.refused(protocol.CodeInvalidCredentials, call{method: "GET", path: "/api/v1/streams", as: &wrong})
	}
	a := s.do(call{method: "GET", path: "/api/v1/streams", as: &wrong})
	problemOf(t, protocol.CodeTooManyAttempts, a)
	if a.header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
}

// The credentials of a deleted client stop working at once.
func TestDeletedClientIsRefused(t *testing.T) {
	s := newServer(t)
	tenant := s.newJail("tenant", "boss")
	s.okAs(tenant, "GET", "/api/v1/streams", "")
	s.ok("DELETE", "/api/v1/jails/tenant", "")
	s.refused(protocol.CodeInvalidCredentials, call{method: "GET", path: "/api/v1/streams", as: &tenant})
}

// A change that storage no longer accepts is refused, with a time to come back.
func TestShuttingDown(t *testing.T) {
	engine := memory.New()
	s := newServer(t, func(s *setup) { s.records = engine })
	check(t, engine.Close())
	a := s.do(call{method: "POST", path: "/api/v1/client", body: `{"clientId":"x"}`})
	problemOf(t, protocol.CodeShuttingDown, a)
	if a.header.Get("Retry-After") != "5" {
		t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
	}
}
