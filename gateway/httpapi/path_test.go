package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"seagate/protocol"
)

// TestPaths sends paths byte for byte, unlike a client library.
func TestPaths(t *testing.T) {
	s := newServer(t)
	s.define("a")
	s.define(url.PathEscape("größe"))
	s.define("a+b")
	long := strings.Repeat("x", 1000)
	for path, code := range map[string]protocol.Code{
		"/api/v1/streams/a/schema":                    "",
		"/api/v1/streams/%61/schema":                  "",
		"/api/v1/streams/gr%C3%B6%c3%9fe/schema":      "",
		"/api/v1/streams/größe/schema":                "",
		"/api/v1/streams/a+b/schema":                  "",
		"/api/v1/streams/a%2Bb/schema":                "",
		"/api/v1/streams/a/schema?x=%zz":              "",
		"/api/v1/streams/a%2Fb/schema":                protocol.CodeInvalidName,
		"/api/v1/streams/a%2fschema":                  protocol.CodeInvalidName,
		"/api/v1/streams/%2E/schema":                  protocol.CodeInvalidName,
		"/api/v1/streams/%2e%2e/schema":               protocol.CodeInvalidName,
		"/api/v1/streams/..%2F..%2Fclients/schema":    protocol.CodeInvalidName,
		"/api/v1/streams/a%252Fb/schema":              protocol.CodeInvalidName, // decoded once: a%2Fb
		"/api/v1/streams/a%20b/schema":                protocol.CodeInvalidName,
		"/api/v1/streams/a%00/schema":                 protocol.CodeInvalidName,
		"/api/v1/streams/%0d%0aSet-Cookie:x/schema":   protocol.CodeInvalidName,
		"/api/v1/streams/%ff/schema":                  protocol.CodeInvalidName,
		"/api/v1/streams/gro%CC%88%C3%9Fe/schema":     protocol.CodeInvalidName, // not in NFC
		"/api/v1/streams/" + long + "/schema":         protocol.CodeInvalidName,
		"/api/v1/streams/%24internal/schema":          protocol.CodeInvalidName,
		"/api/v1/streams/ö%2Fschema":                  protocol.CodePathNotFound,
		"/api/v1/streams/a\"%2Fschema":                protocol.CodePathNotFound,
		"/api/v1/streams//schema":                     protocol.CodePathNotFound,
		"/api/v1/streams/../streams/a/schema":         protocol.CodePathNotFound,
		"/api/v1/streams/./schema":                    protocol.CodePathNotFound,
		"/api/v1/streams/a/schema/":                   protocol.CodePathNotFound,
		"/api/v1/streams/a/schema/..":                 protocol.CodePathNotFound,
		"/api/v1/streams/":                            protocol.CodePathNotFound,
		"/api/v1/":                                    protocol.CodePathNotFound,
		"//api/v1":                                    protocol.CodePathNotFound,
		"//evil.example/api/v1":                       protocol.CodePathNotFound,
		"/":                                           protocol.CodePathNotFound,
		"/favicon.ico":                                protocol.CodePathNotFound,
		"/API/V1/streams":                             protocol.CodePathNotFound,
		"/api/v2/streams":                             protocol.CodePathNotFound,
		"/api/v1/streams/a/publish/x":                 protocol.CodePathNotFound,
		"http://a/api/v1/streams/a/schema":            "",
		"http://a":                                    protocol.CodePathNotFound,
		"http://a//x":                                 protocol.CodePathNotFound,
		"*":                                           protocol.CodePathNotFound,
		"/api/v1/streams/a/schemas/%2e%2e":            protocol.CodeInvalidRequest,
		"/api/v1/streams/a/schemas/1%2F..%2F..%2Fetc": protocol.CodeInvalidRequest,
		"/api/v1/streams/a/schemas/" + long:           protocol.CodeInvalidRequest,
		"/api/v1/streams/a/schemas/1e9":               protocol.CodeInvalidRequest,
	} {
		a := s.raw("GET", "GET "+path+" HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"\r\n")
		if code != "" {
			t.Run(path, func(t *testing.T) { problemOf(t, code, a) })
		} else if a.status != 200 {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
	for _, path := range []string{"/api/v1/client/a%2Fb", "/api/v1/client/a%3Ab", "/api/v1/jails/%2e%2e", "/api/v1/jails/a:b"} {
		p := problemOf(t, protocol.CodeInvalidName, s.raw("DELETE", "DELETE "+path+" HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"\r\n"))
		if !strings.Contains(p.Message, "allowed") && !strings.Contains(p.Message, "meaning") {
			t.Errorf("%s: no reason in %q", path, p.Message)
		}
	}
}

// A name with an encoded slash is never taken for a longer path, whatever other
// bytes the path has.
func TestEncodedSlashNeverSeparates(t *testing.T) {
	s := newServer(t)
	s.ok("POST", "/api/v1/client", `{"clientId":"x"}`)
	a := s.raw("PUT", "PUT /api/v1/client/x%2Fjwt-public-key?\"ö HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"\r\n")
	problemOf(t, protocol.CodeInvalidName, a)
	a = s.raw("DELETE", "DELETE /api/v1/streams%2Fö HTTP/1.1\r\nHost: a\r\n"+s.root.authorization()+"\r\n")
	problemOf(t, protocol.CodePathNotFound, a)
}

// Each path refuses other methods, and its Allow header lists those it has.
func TestMethods(t *testing.T) {
	s := newServer(t)
	for path, allow := range map[string]string{
		"":                             "GET, HEAD, OPTIONS",
		"/streams":                     "GET, HEAD, OPTIONS",
		"/whoami":                      "GET, HEAD, OPTIONS",
		"/streams/a":                   "DELETE, GET, HEAD, OPTIONS",
		"/streams/a/publish":           "OPTIONS, POST",
		"/streams/a/define":            "OPTIONS, POST",
		"/streams/a/schema":            "GET, HEAD, OPTIONS",
		"/streams/a/schemas":           "GET, HEAD, OPTIONS",
		"/streams/a/schemas/1":         "GET, HEAD, OPTIONS",
		"/streams/a/schemas/1/changes": "GET, HEAD, OPTIONS",
		"/streams/a/header":            "DELETE, GET, HEAD, OPTIONS, PUT",
		"/streams/a/pause":             "OPTIONS, POST",
		"/streams/a/resume":            "OPTIONS, POST",
		"/schema-versions-vector":      "OPTIONS, POST",
		"/client":                      "OPTIONS, POST",
		"/client/a":                    "DELETE, OPTIONS, PUT",
		"/client/a/jwt-public-key":     "OPTIONS, PUT",
		"/clients":                     "GET, HEAD, OPTIONS",
		"/jails":                       "GET, HEAD, OPTIONS, POST",
		"/jails/a":                     "DELETE, OPTIONS",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get"} {
			if slices.Contains(strings.Split(allow, ", "), method) {
				continue
			}
			a := s.raw(method, method+" /api/v1"+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
			if method == "HEAD" {
				if a.status != 405 || a.body != "" {
					t.Errorf("HEAD %s: %d %s", path, a.status, a.body)
				}
			} else {
				problemOf(t, protocol.CodeMethodNotAllowed, a)
			}
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow: %s", method, path, got)
			}
		}
		a := s.do(call{method: "OPTIONS", path: "/api/v1" + path, anonymous: true})
		if a.status != 204 || a.header.Get("Allow") != allow || a.body != "" {
			t.Errorf("OPTIONS %s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
	problemOf(t, protocol.CodePathNotFound, s.do(call{method: "OPTIONS", path: "/api/v1/nothing", anonymous: true}))
}

// HEAD is answered like GET, without the body.
func TestHead(t *testing.T) {
	s := newServer(t)
	s.define("a")
	for _, path := range []string{"", "/streams", "/streams/a", "/streams/a/schema", "/clients", "/streams/nobody"} {
		get, head := s.do(call{method: "GET", path: "/api/v1" + path}), s.do(call{method: "HEAD", path: "/api/v1" + path})
		if head.status != get.status || head.body != "" {
			t.Errorf("%s: %d %s", path, head.status, head.body)
		}
		for _, name := range []string{"Content-Type", "Content-Length", "Cache-Control"} {
			if head.header.Get(name) != get.header.Get(name) {
				t.Errorf("%s: %s: %q and %q", path, name, head.header.Get(name), get.header.Get(name))
			}
		}
	}
}

// FuzzPath checks that every path is answered with the JSON of this API, without
// a redirect or a failure of the server, and that no invalid stream name is
// accepted.
func FuzzPath(f *testing.F) {
	w := newWorld(f, quiet)
	for _, seed := range []string{
		"/api/v1/streams/a/schema", "/api/v1/streams/%61", "/api/v1/streams/a%2Fb", "/api/v1//streams", "/api/v1/streams/..",
		"/api/v1/streams/%2e%2e/schema", "/api/v1/streams/ö%2Fschema", "//", "*", "", "/api/v1/streams/a/schemas/1?x", "/api/v1/jails/%ff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return // net/http refuses it
		}
		for _, method := range []string{"GET", "HEAD", "DELETE", "OPTIONS", "CONNECT"} {
			r := &http.Request{Method: method, URL: u, RequestURI: path, Header: http.Header{}, Host: "a", RemoteAddr: "192.0.2.1:1", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
			r.SetBasicAuth(w.root.id, w.root.secret)
			answer := httptest.NewRecorder()
			w.handler.ServeHTTP(answer, r)
			if answer.Code >= 300 && answer.Code < 400 || answer.Code >= 500 {
				t.Fatalf("%s %q: %d %s", method, path, answer.Code, answer.Body)
			}
			if answer.Code != 204 && !isJSON(answer.Body.String()) {
				t.Fatalf("%s %q: %d %v %s", method, path, answer.Code, answer.Header(), answer.Body)
			}
			if err := protocol.CheckStreamName(r.PathValue("stream")); r.PathValue("stream") != "" && err != nil && answer.Code == 200 {
				t.Fatalf("%s %q: the stream %q was let through", method, path, r.PathValue("stream"))
			}
		}
	})
}
