package tracing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/internal/panics/panicstest"
	"seagate/internal/secret"
)

// A collector takes spans as OpenTelemetry's does.
type collector struct {
	mu       sync.Mutex
	requests []exportRequest
	header   http.Header
	path     string
	status   int
	answer   string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	var e exportRequest
	if err := json.Unmarshal(text, &e, json.RejectUnknownMembers(true)); err != nil {
		c.status = http.StatusBadRequest
	}
	c.requests, c.header, c.path = append(c.requests, e), r.Header, r.URL.Path
	if c.status != 0 {
		w.WriteHeader(c.status)
		return
	}
	io.WriteString(w, c.answer)
}

func (c *collector) spans() (all []spanView) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		all = append(all, r.ResourceSpans[0].ScopeSpans[0].Spans...)
	}
	return all
}

func open(t *testing.T, c *collector, change ...func(*Options)) *Tracer {
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	o := Options{Endpoint: server.URL, Authorization: secret.New("Bearer 0123456789"), OneIn: 1, PerSecond: 1000, Version: "1.2.3", Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	return New(o)
}

// A trace goes on in the gateway, and everything in it is one tree.
func TestExport(t *testing.T) {
	c := &collector{}
	tr := open(t, c)
	parent := Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	s := tr.Start(parent, "publish", "boiler")
	s.Child("check").End("")
	s.End("stream_paused", Attribute{"messaging.system", "seagate"}, Attribute{"seagate.seq", int64(1) << 53})
	accepted := time.Now().Add(-time.Second)
	s.Delivered("deliver boiler", accepted)
	tr.Close()
	tr.Close()
	spans := c.spans()
	if len(spans) != 3 || c.path != "/v1/traces" || c.header.Get("Authorization") != "Bearer 0123456789" || c.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %v %+v", c.path, c.header, spans)
	}
	check, publish, deliver := spans[0], spans[1], spans[2]
	id := s.Context().SpanID
	if publish.ParentID != "00f067aa0ba902b7" || publish.SpanID != hex.EncodeToString(id[:]) || publish.Status != (status{2, "stream_paused"}) || publish.Kind != 4 {
		t.Errorf("publish: %+v", publish)
	}
	if check.ParentID != publish.SpanID || deliver.ParentID != publish.SpanID || check.Name != "check" || deliver.Kind != 5 || check.Status != (status{}) {
		t.Errorf("check: %+v\ndeliver: %+v", check, deliver)
	}
	for _, span := range spans {
		if span.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" || len(span.Start) < 19 || span.End < span.Start {
			t.Errorf("%+v", span)
		}
	}
	if len(publish.Attributes) != 3 || *publish.Attributes[0].Value.String != "seagate" || *publish.Attributes[1].Value.Int != "9007199254740992" ||
		publish.Attributes[2].Key != "error.type" || *publish.Attributes[2].Value.String != "stream_paused" {
		t.Errorf("attributes: %+v", publish.Attributes)
	}
	if exported, failed, dropped := tr.Counts(); exported != 3 || failed != 0 || dropped != 0 {
		t.Errorf("counted %d, %d, %d", exported, failed, dropped)
	}
}

// What is sampled: one in so many of those without a parent, and those whose parent is, within the bounds.
func TestSampling(t *testing.T) {
	c := &collector{}
	tr := open(t, c, func(o *Options) { o.OneIn, o.PerSecond = 10, 30 })
	sampled := 0
	for range 100 {
		if tr.Start(Context{}, "publish", "s") != nil {
			sampled++
		}
	}
	if sampled != 10 {
		t.Errorf("%d of 100 are sampled", sampled)
	}
	if tr.Start(Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), "publish", "s") != nil {
		t.Error("a publish is sampled whose sender is not")
	}
	for range 1000 {
		if s := tr.Start(Parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), "publish", "s"); s != nil {
			sampled++
		}
	}
	if sampled > 35 { // with some time that has passed
		t.Errorf("%d are sampled in a moment, 30 may be", sampled)
	}
	s := open(t, c).Start(Context{}, "publish", "s")
	for range maxDeliveries + 5 {
		s.Delivered("deliver", time.Now())
	}
	if _, _, dropped := s.tracer.Counts(); dropped != 5 {
		t.Errorf("%d deliveries are dropped, want 5", dropped)
	}
	s.tracer.Close()
	tr.Close()
}

// A collector that is away costs spans and nothing else. It is logged once.
func TestCollectorIsAway(t *testing.T) {
	var log bytes.Buffer
	c := &collector{status: http.StatusServiceUnavailable}
	tr := open(t, c, func(o *Options) { o.Log, o.PerSecond = slog.New(slog.NewTextHandler(&log, nil)), 1e6 })
	for range 2 * batchSpans {
		tr.Start(Context{}, "publish", "s").End("")
	}
	tr.Close()
	exported, failed, dropped := tr.Counts()
	if exported != 0 || failed+dropped != 2*batchSpans || strings.Count(log.String(), "spans cannot be exported") != 1 {
		t.Errorf("counted %d, %d, %d: %s", exported, failed, dropped, &log)
	}
	tr.Start(Context{}, "publish", "s").End("") // after Close
}

func TestParse(t *testing.T) {
	const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if c := Parse(valid); !c.Sampled || c.String() != valid {
		t.Errorf("%s is read as %s", valid, c)
	}
	if c := Parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes-later"); !c.IsSet() || c.Sampled {
		t.Errorf("a later version is read as %s", c)
	}
	for _, text := range []string{
		"", "00", valid + "-", valid + "0", valid[:54], "ff" + valid[2:], strings.ToUpper(valid),
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		strings.Replace(valid, "-", "_", 1), strings.Replace(valid, "b7", "bx", 1),
	} {
		if c := Parse(text); c.IsSet() {
			t.Errorf("%q is read as %s", text, c)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Add("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-later")
	f.Fuzz(func(t *testing.T, text string) {
		if c := Parse(text); c.IsSet() && Parse(c.String()) != c {
			t.Errorf("%q is read as %s, and that as %s", text, c, Parse(c.String()))
		}
	})
}

// What is off costs nothing.
func TestWithoutSamplingNothingIsAllocated(t *testing.T) {
	var off *Tracer
	on := &Tracer{opts: Options{OneIn: 0}}
	for _, tr := range []*Tracer{off, on} {
		n := testing.AllocsPerRun(100, func() {
			s := tr.Start(Parse(""), "publish", "boiler")
			s.Child("check").End("")
			s.Delivered("deliver", time.Time{})
			s.End("")
		})
		if n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
	off.Close()
	if off.Start(Context{}, "publish", "s").Context() != (Context{}) {
		t.Error(errors.New("what is off has a trace"))
	}
}

// A collector that answers 200 may have rejected some of the spans.
func TestACollectorRejectsSome(t *testing.T) {
	for answer, want := range map[string]int{
		``:                      3,
		`{}`:                    3,
		`thanks`:                3,
		`{"partialSuccess":{}}`: 3,
		`{"partialSuccess":{"rejectedSpans":"0","errorMessage":"slow down"}}`: 3,
		`{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}`:   1,
		`{"partialSuccess":{"rejectedSpans":2}}`:                              1,
		`{"partialSuccess":{"rejectedSpans":"70"}}`:                           0,
		`{"partialSuccess":{"rejectedSpans":"-1"}}`:                           3,
	} {
		tr := open(t, &collector{answer: answer})
		for range 3 {
			tr.Start(Context{}, "publish", "boiler").End("")
		}
		tr.Close()
		if exported, failed, _ := tr.Counts(); exported != uint64(want) || failed != uint64(3-want) {
			t.Errorf("%s: %d are exported and %d failed, want %d", answer, exported, failed, want)
		}
	}
}

// A panickingTransport panics with its first request.
type panickingTransport struct{ asked int }

func (p *panickingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.asked++; p.asked == 1 {
		panic("injected")
	}
	return http.DefaultTransport.RoundTrip(r)
}

// An export that panics fails, and the next one goes well.
func TestAnExportThatPanics(t *testing.T) {
	c := &collector{}
	tr := open(t, c)
	tr.client.Transport = &panickingTransport{}
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	contained := panicstest.Begin(t, "tracing")
	if _, err := tr.send([]*Span{tr.Start(Context{}, "publish", "a")}); !errors.Is(err, errPanicked) {
		t.Errorf("it ended with %v", err)
	}
	if _, err := tr.send([]*Span{tr.Start(Context{}, "publish", "b")}); err != nil {
		t.Error(err)
	}
	contained.Want(1)
	if n := len(c.spans()); n != 1 {
		t.Errorf("%d spans were exported", n)
	}
	tr.Close()
}
