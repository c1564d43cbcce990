package gateway_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"seagate/gateway"
	"seagate/groups"
	"seagate/internal/panics/panicstest"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

// A subscription that panics when it begins ends alone, and gives its place back.
func TestAWaitingSubscriptionThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), awaiting)
		root := g.root()
		s, begun := &sink{}, 0
		bad, err := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Begun: func() { panic("injected") }}, s)
		g.ok(err)
		bad.Start()
		_, healthy := g.awaiting(root, gateway.Request{Stream: "s"}, &begun)
		panicstest.Want(t, "delivery", 1, func() {
			g.define(root, "s")
			synctest.Wait()
		})
		if len(s.ended) != 1 || s.ended[0] != string(protocol.CodeInternal) {
			t.Errorf("it ended with %q", s.ended)
		}
		bad.Close()
		g.ok(g.publish(root, "s", `{"p":1}`))
		synctest.Wait()
		healthy.want(t, `{"p":1}`)
		for range 3 { // as many as may wait
			g.awaiting(root, gateway.Request{Stream: "other"}, &begun)
		}
	})
}

// A dead letter that panics is answered with an error, so that its group tries again.
func TestADeadLetterThatPanics(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	key := groups.Key{Topic: streams.ID{Space: root.JailUID, Name: "s"}, Client: root.ClientUID, Group: groupA}
	var answers []error
	streamsOf := g.Catalog
	g.Catalog = nil
	panicstest.Want(t, "dead letters", 1, func() {
		g.DeadLetter(groups.DeadLetter{Key: key, Message: &streams.Message{Seq: 1, Payload: []byte(`{}`)}}, func(err error) { answers = append(answers, err) })
	})
	g.Catalog = streamsOf
	if len(answers) != 1 || answers[0] == nil {
		t.Errorf("answered with %v", answers)
	}
}

// A probe that panics says that the gateway is not ready.
func TestAProbeThatPanics(t *testing.T) {
	g := build(t, memory.New(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	panicstest.Want(t, "probe", 1, func() {
		if err := gateway.SendProbe(ctx, nil); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
	g.ok(g.Probe(ctx))
}
