package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"seagate/auth/authtest"
	"seagate/gateway"
	"seagate/gateway/outbox"
	"seagate/groups"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

// lines is a link that ends each message with a line feed.
type lines struct {
	ended []*protocol.Error
}

func (*lines) BeginFrame(dst []byte) []byte      { return dst }
func (*lines) EndFrame(dst []byte, _ int) []byte { return append(dst, '\n') }
func (l *lines) End(reason *protocol.Error) bool { l.ended = append(l.ended, reason); return true }

// overPipe returns a session whose peer ignores what it is sent.
func overPipe(t *testing.T, g *gateway.Gateway) (*Session, *lines) {
	t.Helper()
	nc, peer := net.Pipe()
	t.Cleanup(func() { nc.Close(); peer.Close() })
	go io.Copy(io.Discard, peer)
	link := &lines{}
	out := outbox.New(nc, outbox.Options{
		Budget:       32 << 10,
		StallTimeout: time.Minute,
		Probe:        func(dst []byte, tag uint64) []byte { return fmt.Appendln(dst, "probe", tag) },
		Drained:      func() {},
		Broken:       func(error) {},
		Metrics:      g.Metrics,
	})
	opts := &Options{Transport: "test", Limits: protocol.DefaultLimits(), Action: protocol.ActionSubscription, PublishesInFlight: 8}
	return New(g, opts, link, out, netip.Addr{}), link
}

func bareGateway() *gateway.Gateway {
	return &gateway.Gateway{Parts: gateway.Parts{
		Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
		Log:     slog.New(slog.DiscardHandler),
	}}
}

// A lagging group's gap reached a subscription that its client had ended, and
// closed the whole connection for it.
func TestAnEndedSubscriptionDoesNotEndItsConnection(t *testing.T) {
	s, link := overPipe(t, bareGateway())
	sub := &subscription{session: s, id: 2, stream: "boiler", ended: true}
	if sub.End(protocol.Errorf(protocol.CodeMessagesLost, "messages were dropped")) || len(link.ended) > 0 {
		t.Errorf("the connection ended: %v", link.ended)
	}
}

// A connection with many subscriptions to one stream had each batch encoded,
// and kept, once for each of them.
func TestABatchKeepsFramesForFewSubscriptionIDs(t *testing.T) {
	p := &streams.Batch{Messages: []*streams.Message{{Payload: []byte(`1`)}, {Payload: []byte(`22`)}}}
	s, _ := overPipe(t, bareGateway())
	owned := 0
	for id := range int64(100) {
		sub := &subscription{session: s, id: id, stream: "boiler"}
		f, own := sub.framesOf(p)
		want := sub.appendDelivery(sub.appendDelivery(nil, p.Messages[0], 0), p.Messages[1], 0)
		if !bytes.Equal(f.bytes, want) {
			t.Errorf("id %d: frames %q, want %q", id, f.bytes, want)
		}
		if own {
			owned++
			f.release()
		}
	}
	kept := p.Memo(passFramesKey{}, func() any { return passFrames{} }).(passFrames)
	if len(kept) != sharedIDs || owned != 100-sharedIDs {
		t.Errorf("the batch keeps %d encodings and %d were the caller's; want %d and %d", len(kept), owned, sharedIDs, 100-sharedIDs)
	}
}

// unsubscribe finds the subscription and deletes it in two steps. The end of
// the stream, in between, closed it too.
func TestASubscriptionThatEndsInTwoWaysIsClosedOnce(t *testing.T) {
	ctx := context.Background()
	records := memory.New()
	dir := authtest.Open(t, records, authtest.Options())
	secret := authtest.NewRoot(t, dir, "root")
	schemas, _ := schema.OpenRegistry(ctx, records, schema.Rules{}, schema.DefaultLimits())
	network, _ := streams.Open(ctx, streams.Stores{Records: records, Disk: memory.New(), Memory: memory.New()}, streamstest.Options(streams.Options{}))
	defer network.Close()
	registry, _ := groups.Open(ctx, records, network.Lookup, groups.DefaultOptions())
	defer registry.Close(ctx)
	g, err := gateway.New(ctx, gateway.Parts{Directory: dir, Schemas: schemas, Network: network, Groups: registry,
		Metrics: gateway.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)}, gateway.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	root, err := dir.Basic("root", secret.Reveal(), netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, e := g.Define(ctx, root, "x", []byte(`{"version":1,"fields":[]}`)); e != nil {
		t.Fatal(e)
	}
	s, _ := overPipe(t, g)
	s.principal = root
	for id := int64(2); id < 60000; id++ {
		sub := &subscription{session: s, id: id, stream: "x"}
		if e := s.join(sub, protocol.Subscribe{Stream: "x"}); e != nil {
			t.Fatal(e)
		}
		r, err := protocol.DecodeRequest(fmt.Appendf(nil, `{"id":%d,"action":"unsubscribe","payload":%d}`, id, id), protocol.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 8 { // keep s.mu contended, as pongs and resumes do
			wait.Go(func() { s.countSubscriptions() })
		}
		wait.Go(func() { s.forget(sub) })
		for range 8 {
			wait.Go(func() { s.countSubscriptions() })
		}
		s.unsubscribe(r)
		wait.Wait()
	}
	var m dto.Metric
	g.Metrics.Subscriptions.WithLabelValues("own").Write(&m)
	if n := m.GetGauge().GetValue(); n != 0 {
		t.Errorf("%v subscriptions after all have ended", n)
	}
}
