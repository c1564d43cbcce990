package httpapi_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"seagate/clients/js"
	"seagate/internal/origin"
)

// TestModules: any page gets the JavaScript client, also one that may not use the API, and
// the API tells the digest that the page can insist on.
func TestModules(t *testing.T) {
	s := newServer(t, func(s *setup) { s.options.Origins = origin.Set{} })
	var index struct {
		Modules []struct{ Path, Integrity string }
	}
	if err := json.Unmarshal([]byte(s.do(call{method: "GET", path: "/api/v1", anonymous: true}).body), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Modules) != 2 || index.Modules[0].Path != "/seagate.js" || index.Modules[1].Path != "/stream-sea.js" {
		t.Fatalf("GET /api/v1 has the modules %v", index.Modules)
	}
	for _, m := range index.Modules {
		path := m.Path
		page := map[string]string{"Origin": "https://page.example"}
		a := s.do(call{method: "GET", path: path, anonymous: true, header: page})
		if a.status != 200 || a.header.Get("Content-Type") != "text/javascript; charset=utf-8" ||
			a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
			t.Fatalf("%s: %d %v", path, a.status, a.header)
		}
		sum := sha512.Sum384([]byte(a.body))
		if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); m.Integrity != want {
			t.Errorf("GET /api/v1 says %q of %s, want %q", m.Integrity, path, want)
		}
		tag := a.header.Get("ETag")
		page["If-None-Match"] = tag
		if again := s.do(call{method: "GET", path: path, anonymous: true, header: page}); again.status != 304 || again.body != "" || again.header.Get("ETag") != tag {
			t.Errorf("%s again: %d %v", path, again.status, again.header)
		}
		packed := s.do(call{method: "GET", path: path, anonymous: true, header: map[string]string{"Accept-Encoding": "gzip"}})
		if packed.header.Get("Content-Encoding") != "gzip" || len(packed.body) >= len(a.body)/2 || packed.header.Get("ETag") == tag {
			t.Errorf("%s packed: %d bytes of %d, %v", path, len(packed.body), len(a.body), packed.header)
		}
		if head := s.do(call{method: "HEAD", path: path, anonymous: true}); head.status != 200 || head.body != "" {
			t.Errorf("HEAD %s: %d", path, head.status)
		}
		if posted := s.do(call{method: "POST", path: path, anonymous: true}); posted.status != 405 || !strings.Contains(posted.header.Get("Allow"), "GET") {
			t.Errorf("POST %s: %d %v", path, posted.status, posted.header)
		}
	}
}

// moduleLinks is what the API says of the modules.
func moduleLinks() string {
	var links []string
	for _, m := range js.Modules() {
		links = append(links, `{"path":"`+m.Path+`","integrity":"`+m.Integrity+`"}`)
	}
	return "[" + strings.Join(links, ",") + "]"
}
