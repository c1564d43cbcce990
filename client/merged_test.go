package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// A lost connection is made again, behind the last message of each stream. A stream that
// was deleted is not asked for again.
func TestFollowMergedReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const answer = `{"id":2,"action":"subscription","success":true,"streamNames":["a","b"],"payload":2,` +
			`"positions":{"a":{"epoch":"e-a","firstSeq":1,"nextSeq":7},"b":{"epoch":"e-b","firstSeq":1,"nextSeq":9}}}`
		message := func(stream string, seq int) string {
			return fmt.Sprintf(`{"id":2,"action":"subscription","streamName":%q,"payload":{"n":%d},"seq":%d,"time":"2026-11-28T10:00:00Z","epoch":"e-%[1]s"}`, stream, seq, seq)
		}
		f := newFake(t,
			func(p *peer) {
				p.enter()
				p.expect(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"priority":{"b":1}},"from":"earliest","meta":true}`)
				p.send(answer)
				p.raw.Close()
			},
			func(p *peer) { // where the first one was to begin
				p.enter()
				p.expect(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"priority":{"b":1}},"from":{"a":7,"b":9},"epoch":{"a":"e-a","b":"e-b"},"meta":true}`)
				p.send(answer, message("a", 7), message("b", 9), message("a", 8))
				p.raw.Close()
			},
			func(p *peer) { // b has lost messages to retention
				p.enter()
				p.expect(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"priority":{"b":1}},"from":{"a":9,"b":10},"epoch":{"a":"e-a","b":"e-b"},"meta":true}`)
				p.send(answer, `{"id":2,"action":"subscription","streamName":"b","gap":{"from":10,"to":19}}`,
					`{"id":2,"action":"subscription","streamName":"a","dropped":{"late":2,"untimed":1}}`)
				p.close(1001, "server_shutdown: back in a moment")
			},
			func(p *peer) {
				p.enter()
				p.expect(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"priority":{"b":1}},"from":{"a":9,"b":20},"epoch":{"a":"e-a","b":"e-b"},"meta":true}`)
				p.send(answer, `{"id":2,"action":"subscription","streamName":"b","ended":"stream_deleted"}`)
				p.raw.Close()
			},
			func(p *peer) {
				p.enter()
				p.expect(`{"id":2,"action":"subscribe","payload":"a","from":9,"epoch":"e-a","meta":true}`)
				p.send(`{"id":2,"action":"subscription","success":true,"streamName":"a","payload":2,"epoch":"e-a","firstSeq":1,"nextSeq":9}`, message("a", 9))
				p.expectEnd()
			},
		)
		var got []string
		var causes []error
		err := f.client(client.Options{}).FollowMerged(t.Context(), []string{"a", "b"}, client.FollowMergedOptions{
			Sync:         client.Sync{Priority: map[string]int{"b": 1}},
			From:         client.Earliest(),
			OnSubscribed: func(cause error) { causes = append(causes, cause) },
			OnLost:       func(cause error, wait time.Duration) { wantWait(t, cause, wait) },
		}, func(m client.Message) error {
			switch {
			case m.Seq > 0:
				got = append(got, fmt.Sprint(m.Stream, m.Seq))
			case m.Ended != "":
				got = append(got, m.Stream+" ended")
			case m.Dropped != nil:
				got = append(got, m.Stream+" dropped")
			default:
				got = append(got, fmt.Sprint(m.Stream, " ", m.Missing.From, "-", m.Missing.To))
			}
			if m.Seq == 9 && m.Stream == "a" {
				return errEnough
			}
			return nil
		})
		if err != errEnough {
			t.Errorf("FollowMerged: %v", err)
		}
		if want := []string{"a7", "b9", "a8", "b 10-19", "a dropped", "b ended", "a9"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if len(causes) != 5 || causes[0] != nil || !errors.Is(causes[2], client.ErrConnection) || client.CodeOf(causes[3]) != "server_shutdown" {
			t.Errorf("causes %v", causes)
		}
	})
}

// Past bug: what trying again does not help was tried for ever.
func TestFollowMergedEndsWhereTryingAgainDoesNotHelp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"subscribe","payload":["a","b"],"sync":{},"meta":true}`)
			p.send(`{"id":2,"action":"subscription","success":false,"error":{"code":"stream_not_found","message":"m"}}`)
			p.expectEnd()
		})
		again := client.FollowMergedOptions{OnLost: func(cause error, _ time.Duration) { t.Errorf("tries again after %v", cause) }}
		nothing := func(client.Message) error { return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.client(client.Options{}).FollowMerged(ctx, []string{"a", "b"}, again, nothing); client.CodeOf(err) != "stream_not_found" {
			t.Errorf("a stream that is not there: %v", err)
		}
		again.Sync.Priority = map[string]int{"c": 1}
		if err := f.client(client.Options{}).FollowMerged(ctx, []string{"a", "b"}, again, nothing); err == nil || !strings.Contains(err.Error(), `priority for "c"`) {
			t.Errorf("a priority for none of them: %v", err)
		}
	})
}
