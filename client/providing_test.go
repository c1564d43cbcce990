package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// Over a lost connection the provision is renewed, with its pause. What is told is what
// has changed.
func TestProvideReconnects(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begin := func(p *peer, requested bool) {
			p.enter()
			p.expect(`{"id":2,"action":"provide","payload":"s"}`)
			p.send(fmt.Sprintf(`{"id":2,"action":"provide","success":true,"streamName":"s","requested":%v,"subscribers":0,"groups":0}`, requested))
		}
		pause := func(p *peer) {
			p.expect(`{"id":3,"action":"pause","payload":{"provide":2,"paused":true}}`)
			p.send(`{"id":3,"action":"pause","success":true}`)
		}
		f := newFake(t,
			func(p *peer) {
				begin(p, false)
				pause(p)
				p.send(provided(true, 1))
				time.Sleep(time.Second) // of the bubble: the client has told what it was told by then
				p.raw.Close()
			},
			func(p *peer) { // still requested: nothing to tell
				begin(p, true)
				pause(p)
				p.close(1001, "server_shutdown: back in a moment")
			},
			func(p *peer) {
				begin(p, false)
				pause(p)
				time.Sleep(time.Second)
				p.send(provided(true, 2))
				p.expectEnd()
			},
		)
		enough := errors.New("enough")
		var told, begun []bool
		var waits []time.Duration
		err := f.client(client.Options{}).Provide(t.Context(), "s", client.ProvideOptions{
			OnProviding: func(p *client.Provider) error {
				if begun = append(begun, p.Interest().Requested); len(begun) == 1 {
					return p.Pause(t.Context(), true)
				}
				return nil
			},
			OnLost: func(cause error, wait time.Duration) {
				waits = append(waits, wait)
				wantWait(t, cause, wait)
			},
		}, func(i client.Interest) error {
			if told = append(told, i.Requested); len(told) == 3 {
				return enough
			}
			return nil
		})
		if err != enough {
			t.Errorf("Provide: %v", err)
		}
		if want := []bool{true, false, true}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		if want := []bool{false, true, false}; !slices.Equal(begun, want) {
			t.Errorf("begun with %v, want %v", begun, want)
		}
		if len(waits) != 2 || waits[0] == waits[1] {
			t.Errorf("waited %v, want two random times", waits)
		}
	})
}

func TestTheEndsOfProvide(t *testing.T) {
	refusal := func(code string) func(*peer) {
		return func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"provide","payload":"s"}`)
			p.send(fmt.Sprintf(`{"id":2,"action":"provide","success":false,"error":{"code":%q,"message":"no"}}`, code))
			p.expectEnd()
		}
	}
	accept := func(then ...string) func(*peer) {
		return func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"provide","payload":"s"}`)
			p.send(provideAnswer)
			p.send(then...)
			p.expectEnd()
		}
	}
	own, over := errors.New("own"), errors.New("over")
	for name, c := range map[string]struct {
		script func(*peer)
		begun  func(*client.Provider, context.CancelCauseFunc) error
		want   func(error) bool
	}{
		"no such stream": {refusal("stream_not_found"), nil, func(err error) bool { return client.CodeOf(err) == protocol.CodeStreamNotFound }},
		"deleted": {accept(`{"id":2,"action":"provide","success":false,"streamName":"s","error":{"code":"stream_deleted","message":"gone"}}`), nil,
			func(err error) bool { return client.CodeOf(err) == protocol.CodeStreamDeleted }},
		"an error of its own": {accept(), func(*client.Provider, context.CancelCauseFunc) error { return own }, func(err error) bool { return err == own }},
		"the context": {accept(), func(_ *client.Provider, cancel context.CancelCauseFunc) error { cancel(over); return nil },
			func(err error) bool { return errors.Is(err, over) }},
		"withdrawn": {func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"provide","payload":"s"}`)
			p.send(provideAnswer)
			p.expect(`{"id":3,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":3,"action":"unsubscribe","success":true}`)
			p.expectEnd()
		}, func(p *client.Provider, _ context.CancelCauseFunc) error { return p.Withdraw(context.Background()) },
			func(err error) bool { return errors.Is(err, client.ErrWithdrawn) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				options := client.ProvideOptions{
					OnProviding: func(p *client.Provider) error {
						if c.begun == nil {
							return nil
						}
						return c.begun(p, cancel)
					},
					OnLost: func(cause error, _ time.Duration) { t.Errorf("tries again after %v", cause) },
				}
				err := newFake(t, c.script).client(client.Options{}).Provide(ctx, "s", options, func(client.Interest) error { return nil })
				if !c.want(err) {
					t.Errorf("Provide: %v", err)
				}
			})
		})
	}
}
