package gateway_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/auth"
	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

func awaiting(s *gateway.Settings) { s.AwaitUndefined, s.WaitingPerClient = true, 3 }

// awaiting subscribes to a stream that need not be there. begun is how often it began.
func (p *parts) awaiting(who *auth.Principal, r gateway.Request, begun *int) (*gateway.Subscription, *sink) {
	p.t.Helper()
	s := &sink{}
	r.Begun = func() { *begun++ }
	sub, err := p.Subscribe(p.t.Context(), who, r, s)
	p.ok(err)
	sub.Start()
	return sub, s
}

func TestASubscriptionWaitsForItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), awaiting)
		root, _ := g.Root("root")
		for round := range 3 { // the stream is deleted in between
			for _, r := range []gateway.Request{
				{Stream: "s"},
				{Stream: "s", Group: groupA},
				{Stream: "s", Group: groupB, Explicit: true},
				{Stream: "s", From: gateway.Position{Position: protocol.Position{Kind: protocol.PositionEarliest}}},
				{Stream: "s", From: at(1)},
			} {
				begun := 0
				sub, s := g.awaiting(root, r, &begun)
				if !sub.IsWaiting() || sub.Shared() {
					t.Errorf("%+v: it does not wait", r)
				}
				sub.Resume()
				sub.Ack(1)
				if err := sub.Acknowledge(protocol.Ack{UpTo: 1}); (err == nil) != r.Explicit {
					t.Errorf("%+v: an acknowledgement: %v", r, err)
				}
				if err := g.publish(root, "s", `{"p":1}`); code(err) != protocol.CodeStreamNotFound {
					t.Errorf("a publish: %v", err)
				}
				if _, err := g.Define(t.Context(), root, "s", []byte(pressures)); err != nil {
					t.Fatal(err)
				}
				g.ok(g.publish(root, "s", `{"p":1}`)) // perhaps before it has begun
				synctest.Wait()
				g.ok(g.publish(root, "s", `{"p":2}`))
				synctest.Wait()
				s.want(t, `{"p":1}`, `{"p":2}`)
				if begun != 1 || sub.IsWaiting() || sub.Shared() != (r.Group != "") {
					t.Errorf("%+v: it began %d times", r, begun)
				}
				g.ok(g.DeleteStream(t.Context(), root, "s"))
				synctest.Wait()
				if !slices.Equal(s.ended, []string{string(protocol.CodeStreamDeleted)}) {
					t.Errorf("round %d: it ended with %q", round, s.ended)
				}
				sub.Close()
			}
		}
	})
}

func TestSubscriptionsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), awaiting)
		root, _ := g.Root("root")
		begun := 0
		var subs []*gateway.Subscription
		for i := range 3 {
			sub, _ := g.awaiting(root, gateway.Request{Stream: fmt.Sprint("s", i)}, &begun)
			subs = append(subs, sub)
		}
		another := gateway.Request{Stream: "x", Begun: func() {}}
		if _, err := g.Subscribe(t.Context(), root, another, &sink{}); code(err) != protocol.CodeTooManySubscriptions {
			t.Errorf("one too many: %v", err)
		}
		subs[0].Close()
		if sub, err := g.Subscribe(t.Context(), root, another, &sink{}); err != nil {
			t.Errorf("there is room again: %v", err)
		} else {
			sub.Close() // without having been started
		}
		for i := range 3 {
			if _, err := g.Define(t.Context(), root, fmt.Sprint("s", i), []byte(pressures)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if begun != 2 {
			t.Errorf("%d began, want those two that were not closed", begun)
		}
		g.awaiting(root, another, &begun) // those that began wait no more
	})
}

func TestAPositionOfAStreamThatIsNotThereIsLost(t *testing.T) {
	g := build(t, memory.New(), awaiting)
	root, _ := g.Root("root")
	for _, from := range []gateway.Position{at(2), {Epoch: "e"}} {
		r := gateway.Request{Stream: "s", From: from, Begun: func() {}}
		if _, err := g.Subscribe(t.Context(), root, r, &sink{}); code(err) != protocol.CodePositionLost {
			t.Errorf("%+v: %v", from, err)
		}
	}
	r := gateway.Request{Stream: "s", Explicit: true, Begun: func() {}}
	if _, err := g.Subscribe(t.Context(), root, r, &sink{}); code(err) != protocol.CodeInvalidRequest {
		t.Errorf("explicit without a group: %v", err)
	}
	if _, err := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s"}, &sink{}); code(err) != protocol.CodeStreamNotFound {
		t.Errorf("a transport that cannot wait: %v", err)
	}
}

// Streams come and go while clients begin to wait for them and change their minds. Nobody
// begins twice, whoever has begun gets what follows, and all places are given back.
func TestSubscriptionsThatWaitWhileStreamsComeAndGo(t *testing.T) {
	g := build(t, memory.New(), func(s *gateway.Settings) { s.AwaitUndefined, s.WaitingPerClient = true, 64 })
	root, _ := g.Root("root")
	done := make(chan struct{})
	var defining, waiting sync.WaitGroup
	defining.Go(func() {
		for n := 0; ; n++ {
			if _, err := g.Define(context.Background(), root, "s", []byte(pressures)); err != nil {
				t.Error(err)
				return
			}
			if err := g.publish(root, "s", `{"p":1}`); err != nil {
				t.Error(err)
			}
			if err := g.DeleteStream(context.Background(), root, "s"); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	began, got := int64(0), int64(0)
	for k := range 8 {
		waiting.Go(func() {
			for i := range 100 {
				s := &racingSink{end: make(chan struct{})}
				r := gateway.Request{Stream: "s", Begun: func() { s.begun.Add(1) }}
				if k%2 == 1 {
					r.Group = fmt.Sprintf("3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a%02x", k)
				}
				sub, err := g.Subscribe(context.Background(), root, r, s)
				if isEither(err, protocol.CodeStreamDeleted, protocol.CodeStreamNotFound) { // deleted in the middle
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				sub.Start()
				if (i+k)%3 == 0 {
					runtime.Gosched()
				} else {
					select {
					case <-s.end: // the stream was deleted behind its messages
					case <-time.After(time.Minute):
						t.Error("a subscription neither begins nor ends")
					}
				}
				sub.Close()
				if n := s.begun.Load(); n > 1 {
					t.Errorf("it began %d times", n)
				} else {
					atomic.AddInt64(&began, n)
				}
				atomic.AddInt64(&got, s.got.Load())
			}
		})
	}
	waiting.Wait()
	close(done)
	defining.Wait()
	t.Logf("%d began, and got %d messages", began, got)
	if began == 0 || got == 0 {
		t.Error("nobody has waited for a stream and got a message of it: too little to tell")
	}
	begun := 0
	for i := range 64 { // each place is free again
		g.awaiting(root, gateway.Request{Stream: fmt.Sprint("other", i)}, &begun)
	}
}

func isEither(err error, codes ...protocol.Code) bool {
	return err != nil && slices.Contains(codes, code(err))
}

// A racingSink counts what comes, and closes end with the end.
type racingSink struct {
	begun, got atomic.Int64
	once       sync.Once
	end        chan struct{}
}

func (s *racingSink) Deliver(b *streams.Batch, share []groups.Share) (taken int, tag uint64) {
	n := len(b.Messages)
	if share != nil {
		n = len(share)
	}
	s.got.Add(int64(n))
	return n, 1
}

func (s *racingSink) Gap(uint64, uint64) (uint64, bool) { return 0, true }

func (s *racingSink) End(*protocol.Error) bool {
	s.once.Do(func() { close(s.end) })
	return true
}

// A subscription that is closed just when its stream comes gets nothing.
func TestASubscriptionThatWaitsIsClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), awaiting)
		root, _ := g.Root("root")
		begun := 0
		sub, s := g.awaiting(root, gateway.Request{Stream: "s"}, &begun)
		if _, err := g.Define(t.Context(), root, "s", []byte(pressures)); err != nil {
			t.Fatal(err)
		}
		sub.Close() // perhaps before it has begun
		g.ok(g.publish(root, "s", `{"p":1}`))
		synctest.Wait()
		if len(s.ended) > 0 || len(s.got) > 0 {
			t.Errorf("a closed subscription got %q and ended with %q", s.got, s.ended)
		}
	})
}

// Merged subscriptions do not wait: whoever asks for a stream that is not there is told so,
// and asks again.
func TestMergedSubscriptionsDoNotWait(t *testing.T) {
	g := build(t, memory.New(), awaiting)
	root, _ := g.Root("root")
	g.define(root, "a")
	r := gateway.MergedRequest{Streams: []gateway.MergedStream{{Name: "a"}, {Name: "b"}}}
	if _, err := g.SubscribeMerged(t.Context(), root, r, &mergedSink{}); code(err) != protocol.CodeStreamNotFound {
		t.Errorf("a stream that nobody has defined: %v", err)
	}
	g.define(root, "b")
	sub, err := g.SubscribeMerged(t.Context(), root, r, &mergedSink{})
	g.ok(err)
	sub.Close()
	begun := 0
	for i := range 3 { // the refusal has taken no place
		g.awaiting(root, gateway.Request{Stream: fmt.Sprint("s", i)}, &begun)
	}
}
