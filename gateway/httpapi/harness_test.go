package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/httpapi"
	"seagate/groups"
	"seagate/internal/origin"
	"seagate/internal/secret"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// A setup is the part of a world that a test may change.
type setup struct {
	records  storage.Records
	auth     auth.Options
	rules    schema.Rules
	streams  int // in one jail
	settings gateway.Settings
	options  httpapi.Options
	level    slog.Level

	checkpoint func(ctx context.Context, dir string) error
}

// A world is a gateway with the API over it.
type world struct {
	gateway *gateway.Gateway
	metrics *prometheus.Registry
	handler httpapi.API
	log     *logbook
	root    credentials
}

type credentials struct{ id, secret string }

func newWorld(t testing.TB, change ...func(*setup)) *world {
	t.Helper()
	s := setup{
		records:  memory.New(),
		auth:     authtest.Options(),
		streams:  10_000,
		settings: gatewaytest.Settings(),
		options:  options(),
		level:    slog.LevelDebug,
	}
	for _, f := range change {
		f(&s)
	}
	w := &world{log: &logbook{}}
	g := gatewaytest.New(t, func(o *gatewaytest.Options) {
		o.Records, o.Auth, o.Rules, o.Settings, o.Checkpoint = s.records, s.auth, s.rules, s.settings, s.checkpoint
		o.Streams = s.streams
		o.Network.Workers = 1
		o.Log = slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: s.level}))
	})
	_, secret := g.Root("admin")
	w.gateway, w.metrics, w.root = g.Gateway, g.Registry, credentials{"admin", secret.Reveal()}
	w.handler = httpapi.New(w.gateway, s.options)
	return w
}

// options returns bounds that a test does not reach by accident.
func options() httpapi.Options {
	return httpapi.Options{
		Origins:           origin.Any(),
		MessageBytes:      1 << 20,
		DecompressedBytes: 1 << 20,
		BatchMessages:     10_000,
		BodyTimeout:       30 * time.Second,
		BackupStall:       time.Minute,
		Version:           "unknown",
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A logbook is the output of a logger, which a test can read.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A server is a world behind a socket.
type server struct {
	*world
	t    testing.TB
	url  string
	addr string
}

func newServer(t testing.TB, change ...func(*setup)) *server {
	t.Helper()
	w := newWorld(t, change...)
	s := httptest.NewUnstartedServer(w.handler)
	s.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(w.log, nil), slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	return &server{world: w, t: t, url: s.URL, addr: s.Listener.Addr().String()}
}

// A call is a request, by default of the root client.
type call struct {
	method, path string
	body         string
	header       map[string]string
	as           *credentials // nil: the root client
	anonymous    bool
}

type answer struct {
	status int
	header http.Header
	body   string
}

// plain is a client that neither asks for gzip nor follows redirects.
var plain = &http.Client{
	Transport:     &http.Transport{DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (s *server) do(c call) answer {
	s.t.Helper()
	r, err := http.NewRequest(c.method, s.url+c.path, strings.NewReader(c.body))
	check(s.t, err)
	if !c.anonymous {
		as := c.as
		if as == nil {
			as = &s.root
		}
		r.SetBasicAuth(as.id, as.secret)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.header {
		if value == "" {
			r.Header.Del(name)
		} else {
			r.Header.Set(name, value)
		}
	}
	response, err := plain.Do(r)
	check(s.t, err)
	return read(s.t, response)
}

func read(t testing.TB, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

// ok makes a call that must succeed, and returns the body.
func (s *server) ok(method, path, body string) string {
	s.t.Helper()
	return s.okAs(s.root, method, path, body)
}

func (s *server) okAs(who credentials, method, path, body string) string {
	s.t.Helper()
	a := s.do(call{method: method, path: path, body: body, as: &who})
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" {
		s.t.Fatalf("%s %s: %d %s %s", method, path, a.status, a.header.Get("Content-Type"), a.body)
	}
	return a.body
}

// refused makes a call that must be refused with the code, and returns the
// problem.
func (s *server) refused(code protocol.Code, c call) protocol.Problem {
	s.t.Helper()
	return problemOf(s.t, code, s.do(c))
}

// problemOf returns the problem that an answer must be.
func problemOf(t testing.TB, code protocol.Code, a answer) protocol.Problem {
	t.Helper()
	info, _ := code.Info()
	if a.status != info.Status || a.header.Get("Content-Type") != protocol.ProblemContentType {
		t.Fatalf("want %d %s, got %d %s: %.300s", info.Status, code, a.status, a.header.Get("Content-Type"), a.body)
	}
	p, err := protocol.DecodeProblem([]byte(a.body))
	check(t, err)
	if p.Code != code || p.Status != a.status || p.Message == "" || p.Detail != p.Message || p.Title != info.Title {
		t.Fatalf("want %s, got %.300s", code, a.body)
	}
	return p
}

// raw sends bytes on a new connection and reads one answer.
func (s *server) raw(method, request string) answer {
	s.t.Helper()
	c, err := net.Dial("tcp", s.addr)
	check(s.t, err)
	defer c.Close()
	check(s.t, c.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(c, request)
	check(s.t, err)
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	check(s.t, err)
	return read(s.t, response)
}

// authorization is the header for the credentials, as a line.
func (c credentials) authorization() string {
	r := must(http.NewRequest("GET", "/", nil))
	r.SetBasicAuth(c.id, c.secret)
	return "Authorization: " + r.Header.Get("Authorization") + "\r\n"
}

// newJail creates a jail with a client and returns the client's credentials.
func (s *server) newJail(id, client string) credentials {
	s.t.Helper()
	body := s.ok("POST", "/api/v1/jails", `{"newJailId":"`+id+`","newJailName":"","newClientId":"`+client+`"}`)
	var made struct {
		ID     string `json:"newClientId"`
		Secret string `json:"newClientSecret"`
	}
	check(s.t, json.Unmarshal([]byte(body), &made))
	return credentials{made.ID, made.Secret}
}

// define defines a stream of the root jail with one integer field, n.
func (s *server) define(stream string) {
	s.t.Helper()
	s.ok("POST", "/api/v1/streams/"+stream+"/define", `{"version":1,"fields":[{"name":"n","type":"integer"}]}`)
}

// refusals is the counter of HTTP refusals with the code.
func (w *world) refusals(t testing.TB, code protocol.Code) (n float64) {
	t.Helper()
	families, err := w.metrics.Gather()
	check(t, err)
	for _, f := range families {
		if f.GetName() != "seagate_refusals_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == string(code) && m.GetLabel()[1].GetValue() == "http" {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// principal authenticates a client.
func (w *world) principal(t testing.TB, who credentials) *auth.Principal {
	t.Helper()
	p, err := w.gateway.Authenticate(protocol.Credentials{
		Type: protocol.BasicCredentials, ClientID: who.id, Secret: secret.New(who.secret),
	}, anywhere)
	check(t, err)
	return p
}

// messages subscribes as a client and returns the messages that it receives.
func (w *world) messages(t testing.TB, who credentials, stream string) <-chan string {
	t.Helper()
	sink := make(sink, 20_000)
	subscription, err := w.gateway.Subscribe(t.Context(), w.principal(t, who), gateway.Request{Stream: stream}, sink)
	check(t, err)
	t.Cleanup(subscription.Close)
	subscription.Start()
	return sink
}

type sink chan string

func (s sink) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	if share == nil {
		for _, m := range b.Messages {
			s <- string(m.Payload)
		}
		return len(b.Messages), 0
	}
	for _, handed := range share {
		s <- string(b.Messages[handed.Index].Payload)
	}
	return len(share), 0
}

func (s sink) Gap(first, last uint64) (tag uint64, told bool) {
	s <- fmt.Sprintf("gap from %d to %d", first, last)
	return 0, true
}

func (s sink) End(e *protocol.Error) bool {
	s <- "end: " + string(e.Code)
	return true
}

// next waits for the next message.
func next(t testing.TB, messages <-chan string) string {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no message came")
		return ""
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

func unzipped(t testing.TB, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	check(t, err)
	plain, err := io.ReadAll(r)
	check(t, err)
	return string(plain)
}

// isJSON reports whether a text is strict JSON.
func isJSON(text string) bool {
	return jsontext.Value(text).IsValid()
}

var anywhere = netip.MustParseAddr("192.0.2.1")

// withWriteTimeout serves the same world with a deadline for every answer.
func withWriteTimeout(t testing.TB, s *server, deadline time.Duration) (url string) {
	again := httptest.NewUnstartedServer(s.handler)
	again.Config.WriteTimeout = deadline
	again.Start()
	t.Cleanup(again.Close)
	return again.URL
}
