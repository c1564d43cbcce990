// Package tracing makes spans of publishes and their deliveries, and exports them over OTLP (HTTP, JSON),
// the protocol of OpenTelemetry. Any collector, Jaeger and Tempo read it.
//
// It is small on purpose. The exporter of OpenTelemetry's own SDK brings gRPC and protobuf, some 5 MB,
// and what a gateway needs of the SDK is this.
//
// A nil Tracer is off, and so is a nil Span: their methods do nothing, at the cost of a comparison.
//
// What is sampled is bounded: traces each second, spans of deliveries for each publish, spans that wait
// for export. What exceeds a bound is dropped and counted. Nothing waits for an export.
package tracing

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"seagate/internal/secret"
)

// Options of a Tracer. All fields must be set, unless their comment says otherwise.
type Options struct {
	// Endpoint is the URL of the collector. Spans go to /v1/traces below it.
	Endpoint string
	// Authorization is the header of that name, or empty.
	Authorization secret.Text
	// OneIn says how many publishes without a traceparent there are for each one that is sampled.
	// 0 samples none of them.
	OneIn int
	// PerSecond bounds the traces of a second. A client that says that its trace is sampled cannot
	// exceed it either.
	PerSecond int

	Version string // of the gateway
	Log     *slog.Logger
}

// Bounds of what waits in memory.
const (
	maxWaiting    = 4096
	maxDeliveries = 32 // of one publish
)

// A Tracer makes and exports spans. It is safe for concurrent use.
type Tracer struct {
	opts  Options
	count atomic.Uint64 // publishes without a parent
	limit *rate.Limiter
	ended chan *Span

	exported, failed, dropped atomic.Uint64

	client  *http.Client
	closing chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// New returns a Tracer that exports until it is closed.
func New(opts Options) *Tracer {
	t := &Tracer{
		opts:    opts,
		limit:   rate.NewLimiter(rate.Limit(opts.PerSecond), opts.PerSecond),
		ended:   make(chan *Span, maxWaiting),
		closing: make(chan struct{}),
		client: &http.Client{
			Timeout:       exportTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	t.running.Go(t.export)
	return t
}

// Close exports what waits, for a bounded time, and ends the Tracer. Spans that end later are dropped.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	t.once.Do(func() { close(t.closing) })
	t.running.Wait()
	t.client.CloseIdleConnections()
}

// Counts returns how many spans were exported, how many could not be, and how many were dropped
// because a bound was reached.
func (t *Tracer) Counts() (exported, failed, dropped uint64) {
	if t == nil {
		return 0, 0, 0
	}
	return t.exported.Load(), t.failed.Load(), t.dropped.Load()
}

// Start begins the span of an operation on a stream in the trace of its parent, or in a new one. It returns
// nil if the operation is not sampled.
func (t *Tracer) Start(parent Context, operation, stream string) *Span {
	if t == nil {
		return nil
	}
	if parent.IsSet() {
		if !parent.Sampled {
			return nil
		}
	} else if n := t.count.Add(1); t.opts.OneIn == 0 || (n-1)%uint64(t.opts.OneIn) != 0 {
		return nil
	}
	if !t.limit.Allow() {
		t.dropped.Add(1)
		return nil
	}
	s := &Span{tracer: t, context: parent, parent: parent.SpanID, name: operation + " " + stream, kind: kindProducer, start: time.Now()}
	if !parent.IsSet() {
		s.context = Context{TraceID: newTraceID(), Sampled: true}
	}
	s.context.SpanID = newSpanID()
	return s
}

// Kinds of spans, as OTLP numbers them.
const (
	kindInternal = 1
	kindProducer = 4
	kindConsumer = 5
)

// A Span is something that takes time. It belongs to who began it until it has ended.
type Span struct {
	tracer     *Tracer
	context    Context
	parent     [8]byte
	name       string
	kind       int
	start, end time.Time
	attributes []Attribute
	failure    string

	deliveries atomic.Int32
}

// An Attribute describes a span. Its value is a string or an int64.
type Attribute struct {
	Key   string
	Value any
}

// Context names the span.
func (s *Span) Context() Context {
	if s == nil {
		return Context{}
	}
	return s.context
}

// Child begins a span inside of s.
func (s *Span) Child(name string) *Span {
	if s == nil {
		return nil
	}
	return s.child(name, kindInternal, time.Now())
}

func (s *Span) child(name string, kind int, start time.Time) *Span {
	c := &Span{tracer: s.tracer, context: s.context, parent: s.context.SpanID, name: name, kind: kind, start: start}
	c.context.SpanID = newSpanID()
	return c
}

// Delivered adds the span of a delivery of what s published, which began when the message was accepted
// and has just ended. It may be called after the end of s.
func (s *Span) Delivered(name string, accepted time.Time, attributes ...Attribute) {
	if s == nil {
		return
	}
	if s.deliveries.Add(1) > maxDeliveries {
		s.tracer.dropped.Add(1)
		return
	}
	s.child(name, kindConsumer, accepted).End("", attributes...)
}

// End ends the span. A failure is an error code, which becomes the attribute error.type too, and "" is success.
func (s *Span) End(failure string, attributes ...Attribute) {
	if s == nil {
		return
	}
	if failure != "" {
		attributes = append(attributes, Attribute{"error.type", failure})
	}
	s.end, s.failure, s.attributes = time.Now(), failure, attributes
	select {
	case <-s.tracer.closing:
	case s.tracer.ended <- s:
		return
	default:
	}
	s.tracer.dropped.Add(1)
}
