package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// plain is an HTTP client without kept connections, redirects or compression.
var plain = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       patience,
}

// An answer is the answer to an HTTP request.
type answer struct {
	status int
	body   string
	header http.Header
}

// call makes a request under /api/v1. Without an id there are no credentials.
func (g *gateway) call(as credentials, method, path, body string, header ...string) answer {
	g.t.Helper()
	a, err := fetch(g.request(as, method, path, body, header...))
	if err != nil {
		g.t.Fatalf("%s %.200s: %v", method, path, err)
	}
	return a
}

func (g *gateway) request(as credentials, method, path, body string, header ...string) *http.Request {
	g.t.Helper()
	r, err := requestTo(g.listen, as, method, path, body, header...)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

func requestTo(listen string, as credentials, method, path, body string, header ...string) (*http.Request, error) {
	r, err := http.NewRequest(method, "http://"+listen+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if as.id != "" {
		r.SetBasicAuth(as.id, as.secret)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r, nil
}

func fetch(r *http.Request) (answer, error) {
	response, err := plain.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(body), response.Header}, err
}

// ok makes a request that must succeed and returns the body of the answer.
func (g *gateway) ok(as credentials, method, path, body string) string {
	g.t.Helper()
	a := g.call(as, method, path, body)
	if a.status != http.StatusOK {
		g.t.Fatalf("%s %.200s: %d %.2000s", method, path, a.status, a.body)
	}
	return a.body
}

// refused makes a request that must be refused with the status and code.
func (g *gateway) refused(as credentials, status int, code, method, path, body string, header ...string) {
	g.t.Helper()
	wantProblem(g.t, g.call(as, method, path, body, header...), status, code)
}

// wantProblem checks a refusal: the members of RFC 9457 and those that stream-sea clients
// read.
func wantProblem(t testing.TB, a answer, status int, code string) {
	t.Helper()
	var p struct {
		Message string `json:"message"`
		Code    string `json:"code"`
	}
	err := json.Unmarshal([]byte(a.body), &p)
	if err != nil || a.status != status || p.Code != code || p.Message == "" || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %.1000s (%v), want %d %s", a.status, a.header.Get("Content-Type"), a.body, err, status, code)
	}
}

// newJail creates a jail and returns its first client.
func (g *gateway) newJail(jail, client string) credentials {
	g.t.Helper()
	body := g.ok(root, "POST", "/jails", fmt.Sprintf(`{"newJailId":%q,"newJailName":"","newClientId":%q}`, jail, client))
	return credentials{client, field(g.t, body, "newClientSecret")}
}

// newClient creates a client in the jail of another.
func (g *gateway) newClient(as credentials, client string) credentials {
	g.t.Helper()
	body := g.ok(as, "POST", "/client", fmt.Sprintf(`{"clientId":%q,"description":""}`, client))
	return credentials{client, field(g.t, body, "secret")}
}

// define creates a stream with one field, the integer n.
func (g *gateway) define(as credentials, stream string) {
	g.t.Helper()
	g.ok(as, "POST", "/streams/"+stream+"/define", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
}

// publish publishes a message.
func (g *gateway) publish(as credentials, stream, payload string) {
	g.t.Helper()
	g.ok(as, "POST", "/streams/"+stream+"/publish", `{"payload":`+payload+`}`)
}

// field returns a member of a JSON object that is a string.
func field(t testing.TB, object, name string) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	text, _ := members[name].(string)
	return text
}

// operator makes a request to the admin listener.
func (g *gateway) operator(path string) (answer, error) {
	r, err := http.NewRequestWithContext(context.Background(), "GET", "http://"+g.admin+path, nil)
	if err != nil {
		return answer{}, err
	}
	return fetch(r)
}

// eventually polls until a condition is true.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not happen", what)
		}
	}
}

// timeout returns the end of patience.
func timeout() <-chan time.Time { return time.After(patience) }
