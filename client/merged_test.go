package client_test

import (
	"testing"
	"time"

	"seagate/client"
)

// The request has everything that was asked for, and notices keep their stream.
func TestSubscribeMerged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"by":"$.t","priority":{"b":1},"wait":0.5},"from":{"a":17,"b":4},"epoch":{"a":"e"},"meta":true}`)
			p.send(`{"id":2,"action":"subscription","success":true,"streamNames":["a","b"],"payload":2}`,
				`{"id":2,"action":"subscription","streamName":"b","payload":{"t":1},"seq":4,"time":"2026-11-28T10:00:00Z","epoch":"f"}`,
				`{"id":2,"action":"subscription","streamName":"a","dropped":{"late":2,"untimed":1}}`,
				`{"id":2,"action":"subscription","streamName":"a","ended":"stream_deleted"}`,
				`{"id":2,"action":"subscription","streamName":"b","ended":"stream_deleted"}`)
			p.expectEnd()
		})
		conn, err := f.client(client.Options{}).Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		wait := 500 * time.Millisecond
		sub, err := conn.SubscribeMerged(t.Context(), []string{"a", "b"}, client.MergedOptions{
			Sync:      client.Sync{By: "$.t", Priority: map[string]int{"b": 1}, Wait: &wait},
			Positions: []client.StreamPosition{{Stream: "a", Seq: 17, Epoch: "e"}, {Stream: "b", Seq: 4}},
		})
		if err != nil {
			t.Fatal(err)
		}
		next := func() client.Message {
			m, err := sub.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		if m := next(); m.Stream != "b" || m.Seq != 4 || string(m.Payload) != `{"t":1}` {
			t.Errorf("message %+v", m)
		}
		if m := next(); m.Stream != "a" || m.Dropped == nil || *m.Dropped != (client.Dropped{Late: 2, Untimed: 1}) {
			t.Errorf("dropped %+v", m)
		}
		for _, stream := range []string{"a", "b"} {
			if m := next(); m.Stream != stream || m.Ended != "stream_deleted" {
				t.Errorf("ended %+v", m)
			}
		}
		if _, err := sub.Next(t.Context()); client.CodeOf(err) != "stream_deleted" {
			t.Errorf("after the last stream: %v", err)
		}
	})
}
