package client_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

const (
	subscribeMeta  = `{"id":2,"action":"subscribe","payload":"boiler_data","meta":true}`
	subscribeGroup = `{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"g","ack":"explicit"}`
	followGroup    = `{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"g","meta":true,"ack":"explicit"}`
	gap            = `{"id":2,"action":"subscription","streamName":"boiler_data","gap":{"from":5,"to":9}}`
	header         = `{"id":2,"action":"subscription","streamName":"boiler_data","payload":"h","header":true,"epoch":"e1"}`
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 500_000_000, time.UTC)

// joinedAt returns the answer to a subscribe with meta.
func joinedAt(first, next uint64) string {
	return string(protocol.AppendSubscribedAt(nil, 2, protocol.ActionSubscription, "boiler_data",
		protocol.Joined{Epoch: "e1", First: first, Next: next}))
}

// numbered returns a message of subscription 2 whose payload is its number.
func numbered(seq uint64, redelivered int) string {
	meta := protocol.DeliveryMeta{Seq: seq, Time: noon, Epoch: "e1", Redelivered: redelivered}
	return string(protocol.AppendDeliveryMeta(protocol.AppendDeliveryHead(nil, 2),
		protocol.ActionSubscription, "boiler_data", fmt.Append(nil, seq), meta))
}

// subscribeAs answers the authentication, and a first subscription with this request.
func (p *peer) subscribeAs(want, answer string) {
	p.t.Helper()
	p.enter()
	p.expect(want)
	p.send(answer)
}

func TestMeta(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.subscribeAs(subscribeMeta, joinedAt(1, 4))
			p.send(header, numbered(4, 0), gap, numbered(10, 2))
			p.expectEnd()
		})
		sub, err := f.dialed(client.Options{}).Subscribe(t.Context(), "boiler_data", client.SubscribeOptions{Meta: true})
		if err != nil {
			t.Fatal(err)
		}
		if want := (client.Joined{Epoch: "e1", First: 1, Next: 4}); sub.Joined() != want {
			t.Errorf("joined %+v, want %+v", sub.Joined(), want)
		}
		const stream = "boiler_data"
		for _, want := range []client.Message{
			{Stream: stream, Payload: jsontext.Value(`"h"`), Header: true, Epoch: "e1"},
			{Stream: stream, Payload: jsontext.Value(`4`), Seq: 4, Time: noon, Epoch: "e1"},
			{Stream: stream, Missing: client.Missing{From: 5, To: 9}},
			{Stream: stream, Payload: jsontext.Value(`10`), Seq: 10, Time: noon, Epoch: "e1", Redelivered: 2},
		} {
			got, err := sub.Next(t.Context())
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	})
}

func TestMessagesLostEndTheConnection(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.close(4008, "messages_lost: the stream no longer keeps 5 to 9")
		})
		_, err := mustSubscribe(t, f.dialed(client.Options{})).Next(t.Context())
		if e := wantRefusal(t, err, protocol.CodeMessagesLost); !e.Temporary() || e.Close != 4008 {
			t.Errorf("got %+v, want one after which to subscribe again", e)
		}
	})
}

func TestAcknowledge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.subscribeAs(subscribeGroup, joinedAt(1, 1))
			for i, want := range []string{
				`"action":"ack","payload":{"subscription":2,"seq":[17]}}`,
				`"action":"ack","payload":{"subscription":2,"seq":[17,18]}}`,
				`"action":"ack","payload":{"subscription":2,"upTo":18}}`,
				`"action":"nack","payload":{"subscription":2,"seq":[19]}}`,
				`"action":"nack","payload":{"subscription":2,"seq":[19,20],"reason":"\"no\"","delay":0.25}}`,
			} {
				p.expect(fmt.Sprintf(`{"id":%d,%s`, i+3, want))
				p.send(fmt.Sprintf(`{"id":%d,"action":"x","success":true}`, i+3))
			}
			for i, action := range []string{"ack", "ack", "nack"} {
				p.skip()
				p.send(fmt.Sprintf(`{"id":%d,"action":"%s","success":false,"error":{"code":"not_explicit","message":"no"}}`, i+8, action))
			}
			p.expectEnd()
		})
		ctx := t.Context()
		sub, err := f.dialed(client.Options{}).Subscribe(ctx, "boiler_data", client.SubscribeOptions{Group: "g", Explicit: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range []error{
			sub.Ack(ctx), sub.Nack(ctx, client.NackOptions{}), // of nothing, for which nothing is sent
			sub.Ack(ctx, 17), sub.Ack(ctx, 17, 18), sub.AckUpTo(ctx, 18), sub.Nack(ctx, client.NackOptions{}, 19),
			sub.Nack(ctx, client.NackOptions{Reason: `"no"`, Delay: 250 * time.Millisecond}, 19, 20),
		} {
			if err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
		for _, err := range []error{sub.Ack(ctx, 1), sub.AckUpTo(ctx, 1), sub.Nack(ctx, client.NackOptions{}, 1)} {
			wantRefusal(t, err, protocol.CodeNotExplicit)
		}
	})
}

func TestAcknowledgingManyMessagesTakesSeveralRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.subscribeAs(subscribeGroup, joinedAt(1, 1))
			p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[` + strings.Repeat("7,", protocol.MaxAckSeqs-1) + `7]}}`)
			p.send(`{"id":3,"action":"ack","success":true}`)
			p.expect(`{"id":4,"action":"ack","payload":{"subscription":2,"seq":[8]}}`)
			p.send(`{"id":4,"action":"ack","success":true}`)
			p.expectEnd()
		})
		sub, err := f.dialed(client.Options{}).Subscribe(t.Context(), "boiler_data", client.SubscribeOptions{Group: "g", Explicit: true})
		if err != nil {
			t.Fatal(err)
		}
		seqs := make([]uint64, protocol.MaxAckSeqs+1)
		for i := range seqs {
			seqs[i] = 7
		}
		seqs[protocol.MaxAckSeqs] = 8
		if err := sub.Ack(t.Context(), seqs...); err != nil {
			t.Error(err)
		}
	})
}

func TestBadMessageIDsAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		for _, id := range []string{"", "a\nb", "\xff", strings.Repeat("a", 256)} {
			wantRefusal(t, errOf(conn.PublishOnce(t.Context(), "s", id, 1)), protocol.CodeInvalidRequest)
			wantRefusal(t, errOf(f.client(client.Options{}).PublishOnce(t.Context(), "s", id, 1)), protocol.CodeInvalidRequest)
		}
		// HTTP would drop the space.
		wantRefusal(t, errOf(f.client(client.Options{}).PublishOnce(t.Context(), "s", "a ", 1)), protocol.CodeInvalidRequest)
	})
}

// followMeta follows a stream and records also what is missing.
func (d *diary) followMeta(t *testing.T, f *fake, options client.FollowOptions, n int) error {
	noted := d.options()
	options.OnLost, options.OnSubscribed = noted.OnLost, noted.OnSubscribed
	options.OnMissing = func(m client.Missing) { d.payloads = append(d.payloads, fmt.Sprintf("%d-%d", m.From, m.To)) }
	return f.client(client.Options{}).Follow(t.Context(), "boiler_data", options, d.until(n))
}

func (d *diary) want(t *testing.T, payloads ...string) {
	t.Helper()
	if !reflect.DeepEqual(d.payloads, payloads) {
		t.Errorf("received %q, want %q", d.payloads, payloads)
	}
}

func TestFollowContinuesWhereItWas(t *testing.T) {
	resume := func(from int) string {
		return fmt.Sprintf(`{"id":2,"action":"subscribe","payload":"boiler_data","from":%d,"epoch":"e1","meta":true}`, from)
	}
	const earliest = `{"id":2,"action":"subscribe","payload":"boiler_data","from":"earliest","meta":true}`
	bubble(t, func(t *testing.T) {
		f := newFake(t,
			func(p *peer) { // which refuses at first
				p.enter()
				p.expect(earliest)
				p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"shutting_down","message":"no"}}`)
				p.expectEnd()
			},
			func(p *peer) {
				p.subscribeAs(earliest, joinedAt(3, 3))
				p.raw.Close() // before there is a message
			},
			func(p *peer) {
				p.subscribeAs(resume(3), joinedAt(3, 3))
				p.send(header, numbered(3, 0), numbered(4, 0))
				p.raw.Close()
			},
			func(p *peer) { // what is next by now is the gateway's business, until it says so
				p.subscribeAs(resume(5), joinedAt(10, 10))
				p.raw.Close()
			},
			func(p *peer) {
				p.subscribeAs(resume(5), joinedAt(10, 10))
				p.send(header, gap)
				p.raw.Close()
			},
			func(p *peer) {
				p.subscribeAs(resume(10), joinedAt(10, 10))
				p.send(header, numbered(12, 0)) // a filter keeps the others back
				p.raw.Close()
			},
			func(p *peer) {
				p.subscribeAs(resume(13), joinedAt(10, 13))
				p.send(numbered(13, 0))
				p.expectEnd()
			},
		)
		var d diary
		if err := d.followMeta(t, f, client.FollowOptions{From: client.Earliest()}, 8); err != errEnough {
			t.Errorf("Follow returned %v", err)
		}
		d.want(t, `"h"`, "3", "4", `"h"`, "5-9", `"h"`, "12", "13")
		for i, gap := range d.gaps {
			if gap.Resumed != (i > 0) {
				t.Errorf("gap %d: %+v", i, gap)
			}
		}
	})
}

func TestFollowContinuesWhenItIsTooSlow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t,
			func(p *peer) {
				p.subscribeAs(subscribeMeta, joinedAt(1, 1))
				p.send(numbered(1, 0), numbered(2, 0), numbered(3, 0))
				p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
				p.expectEnd()
			},
			func(p *peer) {
				p.subscribeAs(`{"id":2,"action":"subscribe","payload":"boiler_data","from":3,"epoch":"e1","meta":true}`, joinedAt(1, 3))
				p.send(numbered(3, 0))
				p.expectEnd()
			},
		)
		var d diary
		note := d.until(3)
		f.client(queueOf(1)).Follow(t.Context(), "boiler_data", client.FollowOptions{}, func(m client.Message) error {
			time.Sleep(10 * time.Second)
			return note(m)
		})
		d.want(t, "1", "2", "3")
	})
}

// A stream that is defined while there is no connection is read from its first message.
func TestFollowWaitsForADefinition(t *testing.T) {
	const waiting = `{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2,"waiting":true}`
	const first = `{"id":2,"action":"subscribe","payload":"boiler_data","from":1,"meta":true}`
	bubble(t, func(t *testing.T) {
		f := newFake(t,
			func(p *peer) {
				p.subscribeAs(subscribeMeta, waiting)
				p.raw.Close()
			},
			func(p *peer) {
				p.subscribeAs(first, waiting)
				p.raw.Close()
			},
			func(p *peer) {
				p.subscribeAs(first, joinedAt(1, 1))
				p.raw.Close() // before the first message
			},
			func(p *peer) {
				p.subscribeAs(`{"id":2,"action":"subscribe","payload":"boiler_data","from":1,"epoch":"e1","meta":true}`, joinedAt(1, 1))
				p.send(numbered(1, 0))
				p.expectEnd()
			},
		)
		var d diary
		if err := d.followMeta(t, f, client.FollowOptions{}, 1); err != errEnough {
			t.Errorf("Follow returned %v", err)
		}
		d.want(t, "1")
		for i, gap := range d.gaps {
			if gap.Resumed != (i > 0) {
				t.Errorf("gap %d: %+v", i, gap)
			}
		}
	})
}

func TestFollowWhenItsPositionIsLost(t *testing.T) {
	lost := func(p *peer) {
		p.enter()
		p.expect(`{"id":2,"action":"subscribe","payload":"boiler_data","from":2,"epoch":"e1","meta":true}`)
		p.send(`{"id":2,"action":"subscribe","success":false,"error":{"code":"position_lost","message":"no"}}`)
		p.expectEnd()
	}
	first := func(request string) func(*peer) {
		return func(p *peer) {
			p.subscribeAs(request, joinedAt(1, 1))
			p.send(numbered(1, 0))
			p.raw.Close()
		}
	}
	bubble(t, func(t *testing.T) {
		f := newFake(t, first(subscribeMeta), lost, func(p *peer) {
			p.subscribeAs(`{"id":2,"action":"subscribe","payload":"boiler_data","from":"earliest","meta":true}`, joinedAt(1, 1))
			p.send(numbered(1, 0), numbered(2, 0))
			p.expectEnd()
		})
		var d diary
		if err := d.followMeta(t, f, client.FollowOptions{}, 3); err != errEnough {
			t.Errorf("Follow returned %v", err)
		}
		d.want(t, "1", "1", "2")
		if len(d.gaps) != 2 || d.gaps[1].Resumed || !d.gaps[1].Restarted {
			t.Errorf("gaps %+v, want one that is restarted", d.gaps)
		}
	})
	bubble(t, func(t *testing.T) { // the caller wants this epoch alone
		f := newFake(t, first(`{"id":2,"action":"subscribe","payload":"boiler_data","epoch":"e1","meta":true}`), lost)
		var d diary
		wantRefusal(t, d.followMeta(t, f, client.FollowOptions{Epoch: "e1"}, 2), protocol.CodePositionLost)
	})
	bubble(t, func(t *testing.T) { // the caller's own position is wrong
		f := newFake(t, lost)
		var d diary
		wantRefusal(t, d.followMeta(t, f, client.FollowOptions{From: client.AtSeq(2), Epoch: "e1"}, 1), protocol.CodePositionLost)
	})
}

// An older gateway ignores members that it does not know.
func TestFollowWithoutNumbersReportsAGap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		script := func(p *peer) {
			p.subscribeAs(subscribeMeta, subscribed)
			p.send(delivery(`1`))
			p.close(1001, "")
		}
		f := newFake(t, script, script)
		var d diary
		d.followMeta(t, f, client.FollowOptions{}, 2)
		if len(d.gaps) != 2 || d.gaps[1].Resumed {
			t.Errorf("gaps %+v, want one that is not resumed", d.gaps)
		}
	})
}

func TestFollowAsAMemberOfAGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const member = `{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"g","from":"earliest","meta":true,"ack":"explicit"}`
		f := newFake(t,
			func(p *peer) {
				p.subscribeAs(member, joinedAt(1, 1))
				p.send(numbered(1, 0))
				p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[1]}}`)
				p.send(numbered(2, 0), numbered(3, 1), numbered(4, 0))
				synctest.Wait() // they are handled, and wait for the answer
				p.send(`{"id":3,"action":"ack","success":true}`)
				p.expect(`{"id":4,"action":"ack","payload":{"subscription":2,"seq":[2,3,4]}}`)
				p.raw.Close()
			},
			func(p *peer) { // the group knows where it is
				p.subscribeAs(member, joinedAt(1, 5))
				p.send(numbered(5, 0), numbered(6, 0))
				p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[5]}}`)
				p.expectEnd() // the sixth is not acknowledged
			},
		)
		var d diary
		if err := d.followMeta(t, f, client.FollowOptions{Group: "g", From: client.Earliest(), Explicit: true}, 6); err != errEnough {
			t.Errorf("Follow returned %v", err)
		}
		d.want(t, "1", "2", "3", "4", "5", "6")
	})
}

// A caller who needs no more messages ends the context in the handler of the last one.
func TestFollowAcknowledgesTheLastMessage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.subscribeAs(followGroup, joinedAt(1, 1))
			p.send(numbered(1, 0), numbered(2, 0))
			p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[1]}}`)
			p.expect(`{"id":4,"action":"ack","payload":{"subscription":2,"seq":[2]}}`)
			p.expectEnd()
		})
		ctx, enough := context.WithCancel(t.Context())
		err := f.client(client.Options{}).Follow(ctx, "boiler_data", client.FollowOptions{Group: "g", Explicit: true}, func(m client.Message) error {
			if m.Seq == 2 {
				enough()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Follow returned %v", err)
		}
	})
}

func TestFollowEndsIfAcknowledgingIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.subscribeAs(followGroup, joinedAt(1, 1))
			p.send(numbered(1, 0))
			p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[1]}}`)
			p.send(`{"id":3,"action":"ack","success":false,"error":{"code":"not_explicit","message":"no"}}`, numbered(2, 0))
			p.skip() // what the second message is acknowledged with
			p.skip()
		})
		var d diary
		err := d.followMeta(t, f, client.FollowOptions{Group: "g", Explicit: true}, 3)
		wantRefusal(t, err, protocol.CodeNotExplicit)
	})
}

func TestAcknowledgingWhileTheSubscriptionEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.subscribeAs(followGroup, joinedAt(1, 1))
			p.send(numbered(1, 0), numbered(2, 0))
			p.expect(`{"id":3,"action":"ack","payload":{"subscription":2,"seq":[1]}}`)
			p.send(`{"id":3,"action":"ack","success":false,"error":{"code":"subscription_not_found","message":"no"}}`,
				`{"id":2,"action":"subscribe","success":false,"error":{"code":"stream_deleted","message":"gone"}}`)
			p.skip()
			p.skip()
		})
		var d diary
		err := d.followMeta(t, f, client.FollowOptions{Group: "g", Explicit: true}, 3)
		wantRefusal(t, err, protocol.CodeStreamDeleted)
		if errors.Is(err, client.ErrConnection) {
			t.Error(err)
		}
	})
}
