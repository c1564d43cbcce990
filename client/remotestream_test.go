package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/client"
	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/lines"
	"seagate/internal/pace"
	"seagate/internal/secret"
	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// A lineBench is a gateway with a lines listener that can be stopped and started.
type lineBench struct {
	*gatewaytest.Gateway
	t       *testing.T
	address string
	options lines.Options
	root    *auth.Principal
	secret  secret.Text
	server  *lines.Server
	served  chan error
}

func newLineBench(t *testing.T, change ...func(*lines.Options)) *lineBench {
	b := &lineBench{t: t, address: "127.0.0.1:0", options: lines.Options{
		Connections: 100, ConnectionsPerJail: 100, LineBytes: 1 << 20, LineTimeout: time.Minute, QueuedBytes: 32 << 10, PublishesInFlight: 256,
		AuthenticationTimeout: 10 * time.Second, StallTimeout: time.Minute, LingerTimeout: 5 * time.Second, SweepInterval: time.Minute,
		ClientID: "root",
	}}
	b.Gateway = gatewaytest.New(t, func(o *gatewaytest.Options) {
		o.Settings.Jobs = gateway.JobPolicy{Streams: 100, Bytes: 16 << 20, IdleTimeout: time.Hour}
	})
	b.root, b.secret = b.Root("root")
	for _, f := range change {
		f(&b.options)
	}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *lineBench) start() {
	b.t.Helper()
	listener, err := net.Listen("tcp", b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.address = listener.Addr().String()
	b.server, b.served = lines.NewServer(b.Gateway.Gateway, b.options), make(chan error, 1)
	go func() { b.served <- b.server.Serve(listener) }()
}

func (b *lineBench) stop() {
	if b.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.server.Shutdown(ctx, pace.Pace{PerSecond: 1})
	<-b.served
	b.server = nil
}

func (b *lineBench) remote(change ...func(*client.RemoteOptions)) *client.RemoteStream {
	b.t.Helper()
	var o client.RemoteOptions
	for _, f := range change {
		f(&o)
	}
	r, err := client.NewRemoteStream(b.address, o)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { r.Close() })
	return r
}

func (b *lineBench) publish(stream string, payload string) {
	b.t.Helper()
	done := make(chan error, 1)
	b.Publish(b.root, gateway.Publication{Stream: stream, Payloads: []jsontext.Value{jsontext.Value(payload)}}, func(_ protocol.Published, err error) { done <- err })
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
}

// A collector is a putter that a test reads from. It takes one message per receive.
type collector struct{ c chan client.StreamMessage }

func newCollector() *collector { return &collector{make(chan client.StreamMessage)} }

func (c *collector) Put(m client.StreamMessage) {
	select {
	case c.c <- m:
	case <-time.After(time.Minute):
	}
}

func (c *collector) next(t testing.TB) client.StreamMessage {
	t.Helper()
	select {
	case m := <-c.c:
		return m
	case <-time.After(time.Minute):
		t.Fatal("nothing comes")
		return client.StreamMessage{}
	}
}

func (c *collector) want(t testing.TB, values ...any) {
	t.Helper()
	for _, v := range values {
		m := c.next(t)
		got := m.Value
		switch {
		case m.Closed:
			got = "closed"
		case m.Missing != (client.Missing{}):
			got = m.Missing
		case m.Header:
			got = fmt.Sprint("header ", m.Value)
		}
		if !reflect.DeepEqual(got, v) {
			t.Fatalf("got %#v (%+v), want %#v", got, m, v)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type steps struct {
	Done int64 `json:"done"`
}

func TestRemoteStream(t *testing.T) {
	b := newLineBench(t)
	registry := &msgstream.Registry{}
	must(t, msgstream.Register[steps](registry, "fit.steps", "1.0"))
	r := b.remote(func(o *client.RemoteOptions) { o.Codec = registry })
	ctx := t.Context()
	must(t, r.SetHeader(ctx, "job", steps{0}))
	first, second := newCollector(), newCollector()
	must(t, r.Listen("job", first))
	first.want(t, "header {0}")
	must(t, r.Put(ctx, "job", steps{1}))
	must(t, r.PutWithHeader(ctx, "job", steps{2}, steps{2}))
	must(t, r.Listen("job", second)) // while the first listens
	second.want(t, "header {2}")
	must(t, r.Put(ctx, "job", map[string]any{"last": []any{steps{3}, 1.0, int64(1), nil}}))
	last := map[string]any{"last": []any{steps{3}, 1.0, int64(1), nil}}
	first.want(t, steps{1}, steps{2}, last)
	second.want(t, last)
	r.Hangup("job", first)
	must(t, r.Put(ctx, "job", "x"))
	second.want(t, "x")
	must(t, r.Delete(ctx, "job"))
	second.want(t, "closed")
	if err := r.Put(ctx, "bo iler", 1); client.CodeOf(err) != "invalid_name" {
		t.Errorf("a bad name: %v", err)
	}
	if err := r.Put(ctx, "job", func() {}); err == nil || client.CodeOf(err) != "" {
		t.Errorf("what cannot be encoded: %v", err)
	}
	r.Close()
	if err := r.Listen("job", first); err != client.ErrClosed || r.Err() != client.ErrClosed {
		t.Errorf("after Close: %v, %v", err, r.Err())
	}
	if err := r.Put(ctx, "job", 1); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A putter that is slow holds up no other, and misses nothing.
func TestASlowPutterHoldsUpNoOther(t *testing.T) {
	b := newLineBench(t)
	r := b.remote(func(o *client.RemoteOptions) { o.QueueBytes = 1 << 10 })
	slow, fast, other := newCollector(), newCollector(), newCollector()
	must(t, r.SetHeader(t.Context(), "job", "h"))
	must(t, r.Listen("job", slow))
	must(t, r.Listen("job", fast))
	must(t, r.Listen("other", other))
	slow.want(t, "header h")
	fast.want(t, "header h")
	const n = 600
	go func() {
		for i := range n {
			r.Put(context.Background(), "job", i)
		}
		r.Put(context.Background(), "other", "end")
	}()
	for i := range n {
		fast.want(t, int64(i))
	}
	other.want(t, "end")
	for i := range n {
		slow.want(t, int64(i))
		if i%150 == 0 { // the others go on meanwhile
			must(t, r.Put(t.Context(), "job", "more"))
			fast.want(t, "more")
		}
	}
	slow.want(t, "more", "more", "more", "more")
}

// A restart of the listener loses nothing and repeats nothing, and a putter that joins in
// between finds its place.
func TestARemoteStreamResumes(t *testing.T) {
	b := newLineBench(t)
	lost := make(chan error, 100)
	r := b.remote(func(o *client.RemoteOptions) { o.OnLost = func(err error, _ time.Duration) { lost <- err } })
	must(t, r.SetHeader(t.Context(), "job", "h"))
	c := newCollector()
	must(t, r.Listen("job", c))
	c.want(t, "header h")
	for i := range 3 {
		b.stop()
		if err := <-lost; i == 0 && client.CodeOf(err) != "server_shutdown" {
			t.Errorf("lost with %v", err)
		}
		b.publish("job", fmt.Sprint(i))
		late := newCollector()
		must(t, r.Listen("job", late))
		b.start()
		c.want(t, int64(i))
		late.want(t, "header h")
		b.publish("job", `"both"`)
		c.want(t, "both")
		late.want(t, "both")
		r.Hangup("", late)
	}
}

// Where a stream has begun anew, the putter is told of the gap.
func TestARemoteStreamTellsWhatItCannotResume(t *testing.T) {
	b := newLineBench(t)
	r := b.remote()
	c := newCollector()
	must(t, r.SetHeader(t.Context(), "job", "old"))
	must(t, r.Listen("job", c))
	c.want(t, "header old")
	must(t, r.Put(t.Context(), "job", 1))
	c.want(t, int64(1))
	b.stop()
	must(t, b.DeleteStream(t.Context(), b.root, "job"))
	must(t, b.OpenJob(b.root, "job"))
	must(t, b.SetHeader(t.Context(), b.root, "job", jsontext.Value(`"new"`)))
	b.publish("job", `"the header knows of it"`)
	b.publish("job", `"and of this one, whose number would come next"`)
	b.start()
	c.want(t, client.Missing{From: 2}, "header new")
	b.publish("job", `3`)
	c.want(t, int64(3))
}

func TestRemoteCredentials(t *testing.T) {
	b := newLineBench(t, func(o *lines.Options) { o.ClientID = "" })
	r := b.remote(func(o *client.RemoteOptions) { o.Credentials = client.Basic("root", b.secret.Reveal()) })
	must(t, r.Put(t.Context(), "job", 1))

	wrong := b.remote(func(o *client.RemoteOptions) { o.Credentials = client.Basic("root", "wrong-wrong-wrong-wrong") })
	if err := refusal(t, wrong); client.CodeOf(err) != "invalid_credentials" {
		t.Errorf("told %v", err)
	}
	<-wrong.Done()
	if err := wrong.Put(t.Context(), "job", 1); client.CodeOf(err) != "invalid_credentials" || client.CodeOf(wrong.Err()) != "invalid_credentials" {
		t.Errorf("put: %v; Err: %v", err, wrong.Err())
	}

	none := b.remote()
	if err := refusal(t, none); client.CodeOf(err) != "credentials_required" {
		t.Errorf("told %v", err)
	}
}

// refusal returns what a listener is told at the end, or Listen if the stream has ended before.
func refusal(t *testing.T, r *client.RemoteStream) error {
	t.Helper()
	c := newCollector()
	if err := r.Listen("job", c); err != nil {
		return err
	}
	m := c.next(t)
	if !m.Closed {
		t.Errorf("told %+v", m)
	}
	return m.Err
}

// A message that the codec refuses is told as it came, and the next ones follow.
func TestARemoteStreamGoesOnBehindWhatItCannotDecode(t *testing.T) {
	b := newLineBench(t)
	registry := &msgstream.Registry{}
	must(t, msgstream.Register[steps](registry, "fit.steps", "1.0"))
	r := b.remote(func(o *client.RemoteOptions) { o.Codec = registry })
	c := newCollector()
	must(t, r.SetHeader(t.Context(), "job", 0))
	must(t, r.Listen("job", c))
	c.want(t, "header 0")
	const bad = `{".class":"fit.steps",".version":"1.0",".state":{"done":"many"}}`
	b.publish("job", bad)
	b.publish("job", `1`)
	if m := c.next(t); m.Err == nil || !strings.Contains(m.Err.Error(), "fit.steps") || fmt.Sprint(m.Value) != bad {
		t.Errorf("got %+v", m)
	}
	c.want(t, int64(1))
}

func TestPutWaitsForAConnection(t *testing.T) {
	b := newLineBench(t)
	b.stop()
	r := b.remote()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Put(ctx, "job", 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a gateway: %v", err)
	}
	b.start()
	must(t, r.Put(t.Context(), "job", 2))
}

func TestNewRemoteStreamRefuses(t *testing.T) {
	for address, o := range map[string]client.RemoteOptions{
		"localhost":        {},
		"127.0.0.1:1":      {Credentials: client.Credentials{ClientID: "x"}},
		"http://127.0.0.1": {},
	} {
		if r, err := client.NewRemoteStream(address, o); err == nil {
			r.Close()
			t.Errorf("%s, %+v: no error", address, o)
		}
	}
}
