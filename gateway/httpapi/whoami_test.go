package httpapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"seagate/internal/sockets"
	"seagate/protocol"
)

func TestWhoamiSaysWhatTheCredentialsAllow(t *testing.T) {
	s := newServer(t)
	if got, want := s.ok("GET", "/api/v1/whoami", ""), `{"jailId":"root","clientId":"admin","root":true,"rights":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	secret := secretIn(t, s.ok("POST", "/api/v1/client", `{"clientId":"viewer","rights":{"subscribe":["boiler.*"]}}`))
	if got := s.okAs(credentials{"viewer", secret}, "GET", "/api/v1/whoami", ""); !strings.HasSuffix(got, `"rights":{"subscribe":["boiler.*"]}}`) {
		t.Errorf("a client with few rights: %s", got)
	}
	other := s.newJail("acme", "backend")
	if got, want := s.okAs(other, "GET", "/api/v1/whoami", ""), `{"jailId":"acme","clientId":"backend","root":false,"rights":null}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.refused(protocol.CodeCredentialsRequired, call{method: "GET", path: "/api/v1/whoami", anonymous: true})
	s.refused(protocol.CodeInvalidRequest, call{method: "GET", path: "/api/v1/streams?contain=a"})
}

func TestStreamsAreFoundByPartOfTheName(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"boiler_a", "Boiler_b", "weather", "x.boiler"} {
		s.define(name)
	}
	names := func(query string) (found []string) {
		t.Helper()
		for part := range strings.SplitSeq(s.ok("GET", "/api/v1/streams?"+query, ""), `{"name":"`) {
			if name, _, ok := strings.Cut(part, `"`); ok && name != "{" {
				found = append(found, name)
			}
		}
		return found
	}
	for query, want := range map[string]string{
		"contains=BOILER":         "Boiler_b boiler_a x.boiler",
		"contains=boiler&limit=2": "Boiler_b boiler_a",
		"contains=nothing":        "",
		"contains=":               "Boiler_b boiler_a weather x.boiler",
	} {
		if got := strings.Join(names(query), " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if got := s.ok("GET", "/api/v1/streams?contains=boiler&limit=3", ""); !strings.HasSuffix(got, `"next":null}`) {
		t.Errorf("a page with all of them has a next one: %s", got)
	}
}

// Each request on a connection is answered for whoever sends its credentials, also if an earlier
// one had others, and if they have been revoked since.
func TestCredentialsOfEachRequest(t *testing.T) {
	s := newServer(t)
	connection := sockets.Context(t.Context(), nil)
	who := func(as credentials, address string) (status int, body string) {
		t.Helper()
		r := httptest.NewRequestWithContext(connection, "GET", "/api/v1/whoami", nil)
		r.SetBasicAuth(as.id, as.secret)
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	admits := func(as credentials, address string, want int) {
		t.Helper()
		status, body := who(as, address)
		if status != want || want == 200 && !strings.Contains(body, `"clientId":"`+as.id+`"`) {
			t.Errorf("%s from %s: %d %s, want %d", as.id, address, status, body, want)
		}
	}
	const here, there = "192.0.2.1:1", "192.0.2.2:1"
	viewer := credentials{"viewer", secretIn(t, s.ok("POST", "/api/v1/client", `{"clientId":"viewer"}`))}
	for range 2 {
		admits(viewer, here, 200)
		admits(viewer, there, 200)
		admits(s.root, here, 200)
		admits(credentials{"viewer", s.root.secret}, here, 401)
		admits(credentials{"admin", viewer.secret}, here, 401)
		admits(viewer, here, 200)
		admits(viewer, here, 200)
	}
	s.ok("DELETE", "/api/v1/client/viewer", "")
	admits(viewer, here, 401)
	admits(viewer, here, 401)
	admits(s.root, here, 200)
}
