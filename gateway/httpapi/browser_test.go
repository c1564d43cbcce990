package httpapi_test

import (
	"testing"

	"seagate/protocol"
)

// A browser sends what a page may send without asking first with the credentials that it
// remembers. So a page has to say that it sends JSON, which it may not without asking.
func TestPagesMustSayThatTheySendJSON(t *testing.T) {
	s := newServer(t)
	s.define("a")
	page := func(method, path, body, kind string) call {
		return call{method: method, path: path, body: body, header: map[string]string{"Origin": "https://page.example", "Content-Type": kind}}
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		for _, c := range []call{
			page("POST", "/api/v1/streams/a/publish", `{"payload":{"n":1}}`, kind),
			page("POST", "/api/v1/jails", `{"newJailId":"j","newJailName":"","newClientId":"c"}`, kind),
			page("PUT", "/api/v1/client/admin", "", kind),
			page("DELETE", "/api/v1/streams/a", "", kind),
		} {
			s.refused(protocol.CodeUnsupportedMediaType, c)
		}
	}
	for _, c := range []call{
		page("POST", "/api/v1/streams/a/publish", `{"payload":{"n":1}}`, "application/json"),
		page("GET", "/api/v1/streams", "", ""),
		{method: "POST", path: "/api/v1/streams/a/publish", body: `{"payload":{"n":2}}`, header: map[string]string{"Content-Type": ""}}, // no page
	} {
		if a := s.do(c); a.status != 200 {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
	}
}

func TestBrowsersGetNoChallengeForBasic(t *testing.T) {
	s := newServer(t)
	for name, c := range map[string]struct {
		header map[string]string
		want   string
	}{
		"a page":          {map[string]string{"Origin": "https://page.example"}, `xBasic realm="seagate"`},
		"the address bar": {map[string]string{"Sec-Fetch-Mode": "navigate"}, `xBasic realm="seagate"`},
		"an old browser":  {map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:60.0)"}, `xBasic realm="seagate"`},
		"a program":       {map[string]string{"User-Agent": "curl/8.0"}, `Basic realm="seagate", charset="UTF-8"`},
	} {
		a := s.do(call{method: "GET", path: "/api/v1/streams", anonymous: true, header: c.header})
		if got := a.header.Get("WWW-Authenticate"); a.status != 401 || got != c.want {
			t.Errorf("%s: %d, %q", name, a.status, got)
		}
	}
}
