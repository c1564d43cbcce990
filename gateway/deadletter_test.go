package gateway_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"seagate/auth"
	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
)

// a dead letter that cannot be buried is retried for ever, and nobody is told.
func TestDeadLettersThatFailAreSilent(t *testing.T) {
	var log bytes.Buffer
	g := build(t, memory.New(), nil)
	root := g.root()
	g.Log = slog.New(slog.NewTextHandler(&log, nil))
	name := strings.Repeat("s", 252)
	g.define(root, name)
	key := groups.Key{Topic: streams.ID{Space: root.JailUID, Name: name}, Client: root.ClientUID, Group: "g"}
	var err error
	log.Reset()
	g.DeadLetter(groups.DeadLetter{Key: key, Message: &streams.Message{Seq: 1, Payload: []byte(`{}`)}, Deliveries: 5, Reason: "x"}, func(e error) { err = e })
	if err != nil && log.Len() == 0 {
		t.Errorf("refused with %v, and not a word in the log", err)
	}
}

// the epoch of who joins a group that is there is not looked at.
func TestEpochOfAGroupsMember(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	const id = "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10"
	lost := gateway.Position{Epoch: "another"}
	for i := range 2 {
		sub, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: id, From: lost}, &sink{})
		if code(e) != protocol.CodePositionLost {
			t.Errorf("%d: joined with another epoch: %v", i, e)
			sub.Close()
		}
		if i == 0 {
			if _, e := g.Subscribe(t.Context(), root, gateway.Request{Stream: "s", Group: id}, &sink{}); e != nil {
				t.Fatal(e)
			}
		}
	}
}

// bury hands a message that was given up to the gateway, and returns what it answered.
func (p *parts) bury(root *auth.Principal, stream, payload string) error {
	p.t.Helper()
	key := groups.Key{Topic: streams.ID{Space: root.JailUID, Name: stream}, Client: root.ClientUID, Group: groupA}
	answers := make(chan error, 1)
	p.DeadLetter(groups.DeadLetter{Key: key, Message: &streams.Message{Seq: 1, Payload: []byte(payload)}, Deliveries: 5, Reason: "x"},
		func(err error) { answers <- err })
	return <-answers
}

// A dead-letter stream had one of its own, and so on. One whose name was as long as a name
// may be was its own, and its messages contained each other.
func TestADeadLetterStreamHasNone(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	for _, name := range []string{"s.dead", strings.Repeat("s", 250) + ".dead"} {
		g.define(root, name)
		g.ok(g.publish(root, name, `{"p":1}`))
		g.ok(g.bury(root, name, `{"p":1}`))
		topic, _ := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: name})
		if b := topic.Bounds(); b.Next != 2 {
			t.Errorf("%s has %d messages, want the one that was published", name, b.Next-1)
		}
	}
	if names := g.Network.Names(root.JailUID); len(names) != 2 {
		t.Errorf("there are the streams %q, want the two that were defined", names)
	}
}

// Dead letters entered a stream that a tenant had defined, whatever its definition said.
func TestADeadLetterIsAMessageOfItsStream(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	g.define(root, "s.dead") // as another kind of stream
	if err := g.bury(root, "s", `{"p":1}`); err == nil || !strings.Contains(err.Error(), `"s.dead" does not accept dead letters`) {
		t.Errorf("buried: %v", err)
	}
	if topic, ok := g.Network.Lookup(streams.ID{Space: root.JailUID, Name: "s.dead"}); ok && topic.Bounds().Next != 1 {
		t.Error("a dead letter is in a stream whose definition does not accept it")
	}
	_, err := g.Define(t.Context(), root, "s.dead", []byte(`{"version":2,"unknownFields":"accept","fields":[{"name":"seq","type":"integer"}]}`))
	g.ok(err)
	g.ok(g.bury(root, "s", `{"p":1}`))
	g.define(root, "deep")
	g.ok(g.bury(root, "deep", strings.Repeat("[", g.Settings().JSONDepth)+strings.Repeat("]", g.Settings().JSONDepth)))
}
