package client_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"seagate/client"
)

const (
	drainRequest = `{"id":3,"action":"unsubscribe","payload":2,"drain":true}`
	draining     = `{"id":3,"action":"unsubscribe","success":true,"draining":true}`
	drained      = `{"id":2,"action":"subscription","streamName":"boiler_data","drained":true}`
)

// wantUnsubscribed checks that a subscription has ended by its own wish, with no messages left.
func wantUnsubscribed(t *testing.T, sub *client.Subscription) {
	t.Helper()
	if m, err := sub.Next(t.Context()); !errors.Is(err, client.ErrUnsubscribed) {
		t.Errorf("got %+v, %v; want ErrUnsubscribed", m, err)
	}
}

func mustDrain(t *testing.T, sub *client.Subscription) {
	t.Helper()
	if err := sub.Drain(t.Context()); err != nil {
		t.Errorf("Drain: %v", err)
	}
}

func TestDrain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`))
			p.expect(drainRequest)
			p.send(delivery(`2`), draining, delivery(`3`)) // which was on its way
			time.Sleep(time.Minute)
			p.send(drained)
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(client.Options{}))
		mustDrain(t, sub)
		mustDrain(t, sub)
		for _, want := range []string{`1`, `2`, `3`} {
			wantNext(t, sub, want)
		}
		wantUnsubscribed(t, sub)
		mustDrain(t, sub)
		if err := sub.Unsubscribe(t.Context()); err != nil {
			t.Errorf("Unsubscribe: %v", err)
		}
	})
}

// A gateway that does not drain, or has nothing to drain, ends the subscription.
func TestDrainThatIsAnsweredWithTheEnd(t *testing.T) {
	for name, answer := range map[string]string{
		"at once":         `{"id":3,"action":"unsubscribe","success":true}`,
		"it ended before": `{"id":3,"action":"unsubscribe","success":false,"error":{"code":"subscription_not_found","message":"no"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t, func(p *peer) {
					p.enterAndSubscribe()
					p.expect(drainRequest)
					p.send(delivery(`1`), answer)
					p.expectEnd()
				})
				sub := mustSubscribe(t, f.dialed(client.Options{}))
				mustDrain(t, sub)
				wantNext(t, sub, `1`)
				wantUnsubscribed(t, sub)
			})
		})
	}
}

func TestDrainWithAFullQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`), delivery(`2`), delivery(`3`))
			p.expect(drainRequest)
			p.send(draining, drained)
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(queueOf(1)))
		synctest.Wait()
		within(t, 0, func() { mustDrain(t, sub) })
	})
}

func TestUnsubscribeCutsDrainShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enterAndSubscribe()
			p.send(delivery(`1`))
			p.expect(drainRequest)
			p.send(draining)
			p.expect(`{"id":4,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":4,"action":"unsubscribe","success":true}`)
			p.expectEnd()
		})
		sub := mustSubscribe(t, f.dialed(client.Options{}))
		mustDrain(t, sub)
		if err := sub.Unsubscribe(t.Context()); err != nil {
			t.Errorf("Unsubscribe: %v", err)
		}
		wantNext(t, sub, `1`)
		wantUnsubscribed(t, sub)
	})
}

// A member of a group that follows finishes what it was handed when its context ends, within the time
// that it has.
func TestFollowDrains(t *testing.T) {
	for name, test := range map[string]struct {
		answers []string
		want    []string
		takes   time.Duration
	}{
		"it has left": {[]string{draining, drained}, []string{`1`, `2`}, 0},
		"it has not":  {[]string{draining}, []string{`1`, `2`}, 5 * time.Second},
		"no answer":   {nil, []string{`1`}, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFake(t, func(p *peer) {
					p.enter()
					p.expect(`{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10","meta":true}`)
					p.send(`{"id":2,"action":"subscription","success":true,"streamName":"boiler_data","payload":2}`, delivery(`1`), delivery(`2`))
					p.expect(drainRequest)
					p.send(test.answers...)
					p.expectEnd()
				})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				options := client.FollowOptions{Group: "0a0e1b5c-7e52-4b7a-9a57-0d8f2f6f1a10", Drain: 5 * time.Second}
				var got []string
				var since time.Time
				err := f.client(client.Options{}).Follow(ctx, "boiler_data", options, func(m client.Message) error {
					if got = append(got, string(m.Payload)); len(got) == 1 {
						synctest.Wait() // the second is in the queue
						cancel()
						since = time.Now()
					}
					return nil
				})
				if !errors.Is(err, context.Canceled) || !slices.Equal(got, test.want) || time.Since(since) != test.takes {
					t.Errorf("handled %q, %v after %v", got, err, time.Since(since))
				}
			})
		})
	}
}
