package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
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
