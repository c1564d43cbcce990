package httpapi_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"seagate/internal/sockets"
)

// quiet sets the log level that a server in production has.
func quiet(s *setup) { s.level = slog.LevelInfo }

// BenchmarkPublish measures what the handler adds to net/http: routing,
// authentication, decoding, validation, appending.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{256, 4096} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			publish := newPublish(b, size)
			b.ReportAllocs()
			for b.Loop() {
				publish()
			}
		})
	}
}

// newPublish returns a function that publishes a body of about size bytes.
func newPublish(t testing.TB, size int) (publish func()) {
	w := newWorld(t, quiet)
	body := publishBody(size)
	w.defineLoad(t)
	r := must(http.NewRequest("POST", "/api/v1/streams/load/publish", nil))
	r.SetBasicAuth(w.root.id, w.root.secret)
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "192.0.2.1:4711"
	r = r.WithContext(sockets.Context(r.Context(), nil)) // as on a connection with other requests
	source := bytes.NewReader(nil)
	answer := &discard{header: http.Header{}}
	return func() {
		source.Reset(body)
		r.Body, r.ContentLength = io.NopCloser(source), int64(len(body))
		clear(answer.header)
		w.handler.ServeHTTP(answer, r)
		if !bytes.HasPrefix(answer.body, []byte(`{"seq":`)) {
			t.Fatalf("%s", answer.body)
		}
	}
}

// What the handler of a publish allocates is bounded, net/http aside.
func TestPublishAllocations(t *testing.T) {
	publish := newPublish(t, 256)
	if n := testing.AllocsPerRun(500, publish); n > 12 { // 8 were measured without the race detector
		t.Errorf("a publish takes %v allocations", n)
	}
}

// BenchmarkPublishSocket is BenchmarkPublish with net/http, the kernel and the
// client.
func BenchmarkPublishSocket(b *testing.B) {
	s := newServer(b, quiet)
	s.defineLoad(b)
	body := string(publishBody(256))
	b.ReportAllocs()
	for b.Loop() {
		s.ok("POST", "/api/v1/streams/load/publish", body)
	}
}

// BenchmarkBatch publishes a hundred messages in one request.
func BenchmarkBatch(b *testing.B) {
	w := newWorld(b, quiet)
	w.defineLoad(b)
	message := string(publishBody(256))
	body := []byte("[" + strings.Repeat(message+",", 99) + message + "]")
	r := must(http.NewRequest("POST", "/api/v1/streams/load/publish", nil))
	r.SetBasicAuth(w.root.id, w.root.secret)
	r.RemoteAddr = "192.0.2.1:4711"
	answer := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		clear(answer.header)
		w.handler.ServeHTTP(answer, r)
	}
	if !bytes.HasPrefix(answer.body, []byte(`{"seq":`)) {
		b.Fatalf("%s", answer.body)
	}
}

func (w *world) defineLoad(b testing.TB) {
	b.Helper()
	_, err := w.gateway.Define(b.Context(), w.principal(b, w.root), "load", []byte(`{"version":1,"fields":[
		{"name":"id","type":"integer"},{"name":"sent","type":"date"},{"name":"state","type":"enum","enum":["up","down"]},
		{"name":"load","type":"float"},{"name":"tags","type":"array<string>"},{"name":"text","type":"string"}]}`))
	check(b, err)
}

// publishBody returns a body of about size bytes.
func publishBody(size int) []byte {
	head := `{"payload":{"id":123456,"sent":"2024-05-17T10:30:00Z","state":"up","load":0.731,"tags":["a","bc","def"],"text":"`
	return []byte(head + strings.Repeat("x", size-len(head)) + `"}}`)
}

// discard is an http.ResponseWriter that keeps the last body.
type discard struct {
	header http.Header
	body   []byte
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}

// SetReadDeadline is for http.ResponseController.
func (d *discard) SetReadDeadline(time.Time) error { return nil }

func (d *discard) Write(p []byte) (int, error) {
	d.body = append(d.body[:0], p...)
	return len(p), nil
}
