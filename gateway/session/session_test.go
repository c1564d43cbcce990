package session

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/outbox"
	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// lines is a link that ends each message with a line feed.
type lines struct {
	ended   []*protocol.Error
	encoded atomic.Int64 // frames that were begun
}

func (l *lines) BeginFrame(dst []byte) []byte    { l.encoded.Add(1); return dst }
func (*lines) EndFrame(dst []byte, _ int) []byte { return append(dst, '\n') }
func (*lines) Enter() error                      { return nil }
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

// Past bug: a group's gap reached a subscription that the client had ended, and closed
// the whole connection.
func TestAnEndedSubscriptionDoesNotEndItsConnection(t *testing.T) {
	s, link := overPipe(t, bareGateway())
	sub := &subscription{session: s, id: 2, stream: "boiler", ended: true}
	if sub.End(protocol.Errorf(protocol.CodeMessagesLost, "messages were dropped")) || len(link.ended) > 0 {
		t.Errorf("the connection ended: %v", link.ended)
	}
}

// Past bug: with many subscriptions of a connection to one stream, each batch was
// encoded and kept once for each of them.
func TestABatchKeepsFramesForFewSubscriptionIDs(t *testing.T) {
	b := &streams.Batch{Messages: []*streams.Message{{Payload: []byte(`1`)}, {Payload: []byte(`22`)}}}
	s, _ := overPipe(t, bareGateway())
	for id := range int64(100) {
		sub := &subscription{session: s, id: id, stream: "boiler"}
		first := sub.appendDelivery(nil, b.Messages[0], 0)
		both := sub.appendDelivery(bytes.Clone(first), b.Messages[1], 0)
		for share, want := range map[string][]byte{"all": both, "second": both[len(first):]} {
			var only []groups.Share
			if share == "second" {
				only = []groups.Share{{Index: 1}}
			}
			sub.offerTo(b, only, sub.framesOf(b), func(got []byte, ends []int, _ bool) bool {
				if !bytes.Equal(got, want) || ends[len(ends)-1] != len(want) {
					t.Errorf("id %d: %s: frames %q, ends %v; want %q", id, share, got, ends, want)
				}
				return true
			})
		}
	}
	if kept := b.Memo(framesKey{}, nil).(*[]*frames); len(*kept) != maxShared {
		t.Errorf("the batch keeps %d encodings, want %d", len(*kept), maxShared)
	}
}

// A replay to one subscriber kept each batch twice, and made garbage of one.
func TestABatchForOneSubscriptionKeepsNoFrames(t *testing.T) {
	b := &streams.Batch{Alone: true}
	for range 256 {
		b.Messages = append(b.Messages, &streams.Message{Payload: bytes.Repeat([]byte("1"), 1000)})
	}
	s, _ := overPipe(t, bareGateway())
	sub := &subscription{session: s, id: 2, stream: "boiler"}
	want := sub.appendDelivery(nil, b.Messages[0], 0)
	offered := 0
	offer := func(got []byte, ends []int, _ bool) bool {
		if !bytes.HasPrefix(got, want) || ends[0] != len(want) {
			t.Errorf("frames %.100q, want %.100q", got, want)
		}
		offered += len(ends)
		return true
	}
	sub.offerTo(b, nil, sub.framesOf(b), offer)
	if kept := b.Memo(framesKey{}, nil); kept != nil || offered != len(b.Messages) {
		t.Errorf("%d frames were offered, and %v kept", offered, kept)
	}
	if n := testing.AllocsPerRun(20, func() { sub.offerTo(b, nil, sub.framesOf(b), offer) }); n > 64 { // the race detector lets a pool lose a quarter
		t.Errorf("256 frames take %v allocations", n)
	}
}

// Frames encoded for one share serve the others, in any order. Attempts appear only
// in frames of members that asked for them.
func TestSharesOfABatchHaveTheirOwnFrames(t *testing.T) {
	b := &streams.Batch{}
	for i := range 5 {
		b.Messages = append(b.Messages, &streams.Message{Seq: uint64(i + 1), Payload: fmt.Append(nil, i)})
	}
	s, _ := overPipe(t, bareGateway())
	for _, meta := range []bool{false, true} {
		sub := &subscription{session: s, id: 2, stream: "boiler", meta: meta}
		for _, share := range [][]groups.Share{
			{{Index: 3}}, {{Index: 1}, {Index: 4, Attempt: 2}}, nil, {{Index: 0}, {Index: 1}, {Index: 2}, {Index: 3}, {Index: 4, Attempt: 1}}, {{Index: 0}},
		} {
			listed := share
			if share == nil {
				for i := range b.Messages {
					listed = append(listed, groups.Share{Index: i})
				}
			}
			var want []byte
			for _, m := range listed {
				want = sub.appendDelivery(want, b.Messages[m.Index], m.Attempt)
			}
			sub.offerTo(b, share, sub.framesOf(b), func(got []byte, ends []int, _ bool) bool {
				if !bytes.Equal(got, want) || len(ends) != len(listed) {
					t.Errorf("meta %t, share %v: frames %q, want %q", meta, share, got, want)
				}
				return true
			})
		}
	}
}

// With a thousand subscriptions on one connection, most of the time went into frames of
// subscriptions that were then turned away.
func TestNothingIsEncodedForAFullConnection(t *testing.T) {
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	if _, err := g.Define(t.Context(), root, "x", []byte(`{"version":1,"fields":[]}`)); err != nil {
		t.Fatal(err)
	}
	s, link := overPipe(t, g.Gateway)
	nc, peer := net.Pipe() // a peer that reads nothing
	t.Cleanup(func() { nc.Close(); peer.Close() })
	s.out = outbox.New(nc, outbox.Options{Budget: 32 << 10, StallTimeout: time.Minute, Drained: func() {}, Broken: func(error) {}, Metrics: g.Metrics})
	s.principal = root
	big := &streams.Batch{}
	for i := range 100 {
		big.Messages = append(big.Messages, &streams.Message{Seq: uint64(i + 1), Payload: bytes.Repeat([]byte("1"), 1000)})
	}
	taken := 0
	var subs []*subscription
	for id := range int64(100) {
		sub := &subscription{session: s, id: id + 100, stream: "x"}
		if err := s.join(sub, protocol.Subscribe{Stream: "x"}); err != nil {
			t.Fatal(err)
		}
		subs = append(subs, sub)
	}
	for i, sub := range subs {
		n, _ := sub.Deliver(big, nil)
		taken += n
		if i > 0 && (n > 0 || !sub.behind) {
			t.Fatalf("subscription %d took %d, behind %t", i, n, sub.behind)
		}
	}
	if int(link.encoded.Load()) > len(big.Messages) || taken == 0 {
		t.Errorf("%d frames were encoded, of which %d were taken", link.encoded.Load(), taken)
	}
	if subs[5].hasRoom() || !subs[5].behind {
		t.Error("a full connection has room")
	}
}

// Frames for one subscription are encoded as they are taken.
func TestFramesAreEncodedAsTheyAreTaken(t *testing.T) {
	b := &streams.Batch{}
	for i := range 256 {
		b.Messages = append(b.Messages, &streams.Message{Seq: uint64(i + 1), Payload: bytes.Repeat([]byte("1"), 1000)})
	}
	s, link := overPipe(t, bareGateway())
	offerAll := func(id int64, offer func([]byte, []int, bool) bool) {
		sub := &subscription{session: s, id: id, stream: "x"}
		sub.offerTo(b, nil, sub.framesOf(b), offer)
	}
	for id := range int64(maxShared) { // use up the frames that are shared
		offerAll(id, func([]byte, []int, bool) bool { return true })
	}
	link.encoded.Store(0)
	offered := 0
	offerAll(99, func(_ []byte, ends []int, _ bool) bool { offered += len(ends); return false })
	if int(link.encoded.Load()) != offered || offered > 40 {
		t.Errorf("%d frames were encoded and %d offered", link.encoded.Load(), offered)
	}
	offered = 0
	offerAll(100, func(_ []byte, ends []int, _ bool) bool { offered += len(ends); return true })
	if offered != len(b.Messages) {
		t.Errorf("%d of %d frames were offered", offered, len(b.Messages))
	}
}

// unsubscribe finds and deletes the subscription in two steps. The end of the stream
// may close it in between.
func TestASubscriptionThatEndsInTwoWaysIsClosedOnce(t *testing.T) {
	ctx := t.Context()
	g := gatewaytest.New(t)
	root, _ := g.Root("root")
	if _, e := g.Define(ctx, root, "x", []byte(`{"version":1,"fields":[]}`)); e != nil {
		t.Fatal(e)
	}
	s, _ := overPipe(t, g.Gateway)
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
