package httpapi_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"

	"seagate/clients/js"
	"seagate/protocol"
)

const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// TestPage: a browser that opens the gateway's URL gets a page with that URL, which
// makes no request and runs nothing.
func TestPage(t *testing.T) {
	s := newServer(t)
	a := s.do(call{method: "GET", path: "/", anonymous: true, header: map[string]string{"Accept": browserAccept}})
	if a.status != 200 || a.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	text := html.UnescapeString(a.body)
	for _, want := range []string{
		"export SEAGATE_URL=" + s.url + "\n",
		"curl -u CLIENT " + s.url + "/api/v1/streams/boiler_data/publish",
		`{ "imports": { "seagate-client": "` + s.url + `/seagate.js" },`,
		js.Modules()[0].Integrity,
		"quickstart.md",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s:\n%s", want, a.body)
		}
	}
	if found := regexp.MustCompile(`<(script|img|link|iframe|form)|src=|href="[^/]|url\(|@import`).FindString(a.body); found != "" {
		t.Errorf("the page has %s", found)
	}
	_, style, _ := strings.Cut(a.body, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if got := a.header.Get("Content-Security-Policy"); got != want {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.header)
	}
	head := s.do(call{method: "HEAD", path: "/", anonymous: true, header: map[string]string{"Accept": browserAccept}})
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != a.header.Get("Content-Length") {
		t.Errorf("HEAD: %d %v %s", head.status, head.header, head.body)
	}
}

// TestPageIsForThoseWhoAskForHTML: for everybody else nothing is at "/".
func TestPageIsForThoseWhoAskForHTML(t *testing.T) {
	s := newServer(t)
	for _, c := range []call{
		{method: "GET", path: "/"},
		{method: "GET", path: "/", header: map[string]string{"Accept": "*/*"}},
		{method: "GET", path: "/", header: map[string]string{"Accept": "application/json, text/html;q=0"}},
		{method: "GET", path: "/", header: map[string]string{"Accept": "text/htmlx, text/*"}},
		{method: "POST", path: "/", header: map[string]string{"Accept": browserAccept}},
		{method: "GET", path: "/index.html", header: map[string]string{"Accept": browserAccept}},
		{method: "GET", path: "//", header: map[string]string{"Accept": browserAccept}},
	} {
		c.anonymous = true
		a := s.do(c)
		problemOf(t, protocol.CodePathNotFound, a)
		if strings.Contains(strings.Join(a.header["Vary"], ","), "Accept") {
			t.Errorf("%+v: %v", c, a.header)
		}
	}
}

// TestPageBehindAProxy has the URL that the browser sees, and no host that is not one.
func TestPageBehindAProxy(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct{ headers, want string }{
		{"Host: example.com\r\nX-Forwarded-Proto: https\r\n", `connect("https://example.com", `},
		{"Host: [::1]:3104\r\n", "export SEAGATE_URL=http://[::1]:3104\n"},
		{"Host: a;id\r\n", "export SEAGATE_URL=http://HOST\n"},
		{"Host: $(id)\r\n", "export SEAGATE_URL=http://HOST\n"},
	} {
		a := s.raw("GET", "GET / HTTP/1.1\r\n"+c.headers+"Accept: text/html\r\n\r\n")
		if a.status != 200 || !strings.Contains(a.body, c.want) {
			t.Errorf("%q: %d, no %q in\n%s", c.headers, a.status, c.want, a.body)
		}
	}
}
