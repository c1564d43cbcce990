package httpapi_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"seagate/auth"
	"seagate/internal/origin"
	"seagate/protocol"
)

// Large answers are compressed for clients that accept gzip.
func TestGzipAnswers(t *testing.T) {
	s := newServer(t)
	s.ok("POST", "/api/v1/streams/small/define", `{"version":1,"fields":[]}`)
	var fields []string
	for i := range 100 {
		fields = append(fields, fmt.Sprintf(`{"name":"field%d","type":"integer"}`, i))
	}
	s.ok("POST", "/api/v1/streams/large/define", `{"version":1,"fields":[`+strings.Join(fields, ",")+`]}`)
	large := s.ok("GET", "/api/v1/streams/large/schema", "")

	for accept, want := range map[string]bool{
		"":                             false,
		"gzip":                         true,
		"GZIP":                         true,
		"x-gzip":                       true,
		"gzip,deflate":                 true,
		"deflate, gzip;q=1.0, *;q=0.5": true,
		"gzip; q=0.001":                true,
		"*":                            true,
		"gzip;q=0":                     false,
		"gzip;q=0.0, *":                false,
		"*;q=0":                        false,
		"identity":                     false,
		"identity;q=1, gzip;q=0.5":     false,
		"identity;q=0.5, gzip":         true,
		"identity;q=0, gzip":           true,
		"deflate, br":                  false,
		"gzip;q=nonsense":              false,
		"gzip;q=NaN":                   false,
		"gzip;q=2":                     false,
		"gzip;level=9":                 false,
		"notgzip":                      false,
	} {
		a := s.do(call{method: "GET", path: "/api/v1/streams/large/schema", header: map[string]string{"Accept-Encoding": accept}})
		if a.status != 200 || a.header.Get("Vary") != "Accept-Encoding" || a.header.Get("Content-Length") != itoa(len(a.body)) {
			t.Errorf("%q: %d %v", accept, a.status, a.header)
		}
		body := a.body
		if got := a.header.Get("Content-Encoding") == "gzip"; got != want {
			t.Errorf("%q: gzip is %v", accept, got)
		} else if got {
			body = unzipped(t, body)
		}
		if body != large {
			t.Errorf("%q: %s", accept, body)
		}
		a = s.do(call{method: "GET", path: "/api/v1/streams/small/schema", header: map[string]string{"Accept-Encoding": accept}})
		if a.header.Get("Content-Encoding") != "" || a.body != `{"name":"small","version":1,"fields":[]}` {
			t.Errorf("%q: %v %s", accept, a.header, a.body)
		}
	}
	a := s.do(call{method: "HEAD", path: "/api/v1/streams/large/schema"})
	if a.header.Get("Content-Length") != itoa(len(large)) {
		t.Errorf("HEAD: %v", a.header)
	}
}

// No cache keeps an answer, and no browser guesses its type.
func TestSecurityHeaders(t *testing.T) {
	s := newServer(t)
	for _, a := range []answer{
		s.do(call{method: "POST", path: "/api/v1/client", body: `{"clientId":"x"}`}),
		s.do(call{method: "GET", path: "/api/v1/streams"}),
		s.do(call{method: "GET", path: "/api/v1/streams", anonymous: true}),
		s.do(call{method: "GET", path: "/nowhere"}),
	} {
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%d %v", a.status, a.header)
		}
	}
}

// A panic fails one request and nothing else.
func TestPanic(t *testing.T) {
	s := newServer(t)
	directory := s.gateway.Directory
	s.gateway.Directory = nil
	a := s.do(call{method: "GET", path: "/api/v1/streams"})
	s.gateway.Directory = directory
	if p := problemOf(t, protocol.CodeInternal, a); strings.Contains(p.Message, "nil pointer") {
		t.Errorf("the message tells %q", p.Message)
	}
	log := s.log.String()
	if !strings.Contains(log, "a request panicked") || !strings.Contains(log, "nil pointer") || !strings.Contains(log, `"stack":"goroutine`) {
		t.Errorf("log: %s", log)
	}
	if s.refusals(t, protocol.CodeInternal) != 1 {
		t.Error("not counted")
	}
	if a.header.Get("Connection") == "close" {
		t.Error("the connection was closed")
	}
	s.ok("GET", "/api/v1/streams", "")
}

// The access log says who did what, and contains no secret.
func TestAccessLog(t *testing.T) {
	s := newServer(t)
	tenant := s.newJail("tenant", "boss")
	made := secretIn(t, s.okAs(tenant, "POST", "/api/v1/client", `{"clientId":"worker","description":"d"}`))
	rotated := secretIn(t, s.okAs(tenant, "PUT", "/api/v1/client/worker", ""))
	token := "eyJhbGciOiJSUzUxMiJ9.eyJleHAiOjF9.c2ln"
	guess := auth.NewSecret().Reveal()
	s.do(call{method: "GET", path: "/api/v1/streams?after=inthequery", as: &tenant})
	s.do(call{method: "GET", path: "/api/v1/streams", anonymous: true, header: map[string]string{"Authorization": "Bearer " + token}})
	s.do(call{method: "GET", path: "/api/v1/streams", anonymous: true, header: map[string]string{"Authorization": "Basic " + guess}})
	s.do(call{method: "GET", path: "/api/v1/streams", as: &credentials{"boss", guess}})
	s.do(call{method: "GET", path: "/api/v1/streams", as: &credentials{strings.Repeat("long", 1000), guess}})
	s.do(call{method: "GET", path: "/" + strings.Repeat("long", 1000)})
	s.do(call{method: strings.Repeat("LONG", 1000), path: "/api/v1/streams"})

	log := s.log.String()
	for _, secret := range []string{s.root.secret, tenant.secret, made, rotated, token, guess, "inthequery",
		strings.Repeat("long", 20), strings.Repeat("LONG", 20)} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	for _, line := range []string{
		`"msg":"request","method":"POST","route":"/api/v1/client","status":200,"took":`,
		`"jail":"tenant","client":"boss"}`,
		`"method":"GET","route":"/api/v1/streams","status":401,`,
		`"code":"credentials_required"}`,
		`"method":"GET","route":"/","status":404,`,
	} {
		if !strings.Contains(log, line) {
			t.Errorf("the log lacks %s", line)
		}
	}
}

func TestNoAccessLogAbove(t *testing.T) {
	s := newServer(t, func(s *setup) { s.level = slog.LevelInfo })
	s.do(call{method: "GET", path: "/api/v1/streams"})
	if log := s.log.String(); strings.Contains(log, `"msg":"request"`) {
		t.Errorf("log: %s", log)
	}
}

// TestOrigins: pages that are allowed may read, the others get nothing done.
func TestOrigins(t *testing.T) {
	some := must(origin.Parse([]string{"https://app.example.com"}))
	for name, c := range map[string]struct {
		origins origin.Set
		origin  string
		allowed string // the header; "": refused
		vary    string
	}{
		"any":      {origin.Any(), "https://page.example.org", "*", ""},
		"listed":   {some, "https://app.example.com", "https://app.example.com", "Origin"},
		"other":    {some, "https://page.example.org", "", "Origin"},
		"null":     {some, "null", "", "Origin"},
		"nonsense": {some, strings.Repeat("x", 10_000), "", "Origin"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(s *setup) { s.options.Origins = c.origins })
			s.define("a")
			header := map[string]string{"Origin": c.origin}
			published := s.do(call{method: "POST", path: "/api/v1/streams/a/publish", body: `{"payload":{"n":1}}`, header: header})
			missing := s.do(call{method: "GET", path: "/nowhere", header: header})
			preflight := s.do(call{method: "OPTIONS", path: "/api/v1/streams/a/publish", anonymous: true, header: map[string]string{
				"Origin": c.origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}})
			for _, a := range []answer{published, missing, preflight} {
				if got := a.header.Get("Access-Control-Allow-Origin"); got != c.allowed {
					t.Errorf("%d: allowed is %q", a.status, got)
				}
				if a.header.Get("Vary") != c.vary || a.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%v", a.header)
				}
			}
			if c.allowed == "" {
				problemOf(t, protocol.CodeOriginNotAllowed, published)
				problemOf(t, protocol.CodeOriginNotAllowed, preflight)
				if log := s.log.String(); !strings.Contains(log, "allowed_origins") || strings.Contains(log, strings.Repeat("x", 100)) {
					t.Errorf("log: %s", log)
				}
				return
			}
			problemOf(t, protocol.CodePathNotFound, missing)
			if published.status != 200 || preflight.status != 204 ||
				preflight.header.Get("Access-Control-Allow-Methods") != "OPTIONS, POST" ||
				preflight.header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, Content-Encoding, Idempotency-Key, Traceparent" ||
				preflight.header.Get("Access-Control-Max-Age") == "" ||
				published.header.Get("Access-Control-Expose-Headers") == "" {
				t.Errorf("%d %v, %d %v", published.status, published.header, preflight.status, preflight.header)
			}
		})
	}
	t.Run("own", func(t *testing.T) {
		s := newServer(t, func(s *setup) { s.options.Origins = some })
		a := s.do(call{method: "GET", path: "/api/v1", header: map[string]string{"Origin": s.url}})
		if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != s.url {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
}

// Only WebSocket handshakes reach the handler of the WebSocket.
func TestUpgrades(t *testing.T) {
	s := newServer(t, func(s *setup) {
		s.options.Origins = origin.Set{}
		s.options.WebSocket = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, hijacks := w.(http.Hijacker)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, fmt.Sprint(hijacks))
		})
	})
	for _, c := range []struct {
		request string
		status  int
	}{
		{"GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 418},
		{"GET /api/v1/streams?x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\nOrigin: https://elsewhere.example\r\n", 418},
		{"GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", 200},
		{"GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n", 200},
		{"GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n", 200},
		{"HEAD /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 200},
		{"POST /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 405},
		{"GET /api/v1/clients HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 200},
	} {
		method, _, _ := strings.Cut(c.request, " ")
		a := s.raw(method, c.request+s.root.authorization()+"\r\n")
		if a.status != c.status || a.status == 418 && a.body != "true" {
			t.Errorf("%s\n%d %s", c.request, a.status, a.body)
		}
	}
	without := newServer(t)
	if a := without.raw("GET", "GET /api/v1/streams HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+without.root.authorization()+"\r\n"); a.status != 200 {
		t.Errorf("without a WebSocket: %d", a.status)
	}
}
