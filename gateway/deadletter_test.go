package gateway_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

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
