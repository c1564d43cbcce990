package client_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"seagate/client"
	"seagate/protocol"
)

func provided(requested bool, subscribers int) string {
	return fmt.Sprintf(`{"id":2,"action":"provide","streamName":"s","requested":%v,"subscribers":%d,"groups":0}`, requested, subscribers)
}

const provideAnswer = `{"id":2,"action":"provide","success":true,"streamName":"s","requested":false,"subscribers":0,"groups":0}`

func mustProvide(t *testing.T, conn *client.Conn) *client.Provider {
	t.Helper()
	p, err := conn.Provide(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProvide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"provide","payload":"s"}`)
			p.send(provideAnswer, provided(true, 1))
			p.expect(`{"id":3,"action":"pause","payload":{"provide":2,"paused":true}}`)
			p.send(`{"id":3,"action":"pause","success":true}`, provided(false, 0), provided(true, 7), provided(false, 0))
			p.expect(`{"id":4,"action":"publish","streamName":"s","payload":1,"header":{"n":1}}`)
			p.send(`{"id":4,"action":"publish","success":true,"seq":1}`)
			p.expect(`{"id":5,"action":"unsubscribe","payload":2}`)
			p.send(`{"id":5,"action":"unsubscribe","success":true}`, provided(true, 1))
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		p := mustProvide(t, conn)
		next := func(requested bool, subscribers int) {
			t.Helper()
			i, err := p.Next(t.Context())
			if err != nil || i.Requested != requested || i.Subscribers != subscribers {
				t.Errorf("Next: %+v, %v", i, err)
			}
		}
		next(true, 1)
		if err := p.Pause(t.Context(), true); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		next(false, 0) // what came in between was undone
		receipt, err := conn.SendWithHeader(t.Context(), "s", 1, map[string]int{"n": 1})
		if err == nil {
			_, err = receipt.Wait(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := p.Withdraw(t.Context()); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if _, err := p.Next(t.Context()); !errors.Is(err, client.ErrWithdrawn) {
			t.Errorf("after Withdraw: %v", err)
		}
	})
}

func TestTheEndsOfAProvider(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"provide","payload":"s"}`)
			p.send(`{"id":2,"action":"provide","success":false,"error":{"code":"stream_not_found","message":"no"}}`)
			p.expect(`{"id":3,"action":"provide","payload":"s"}`)
			p.send(`{"id":3,"action":"provide","success":true,"streamName":"s","requested":true,"subscribers":0,"groups":2}`,
				`{"id":3,"action":"provide","success":false,"streamName":"s","error":{"code":"stream_deleted","message":"gone"}}`)
			p.expect(`{"id":4,"action":"provide","payload":"s"}`)
			p.send(`{"id":4,"action":"provide","success":true,"streamName":"s","requested":false,"subscribers":0,"groups":0}`)
			p.expectEnd()
		})
		conn := f.dialed(client.Options{})
		if _, err := conn.Provide(t.Context(), "s"); client.CodeOf(err) != protocol.CodeStreamNotFound {
			t.Errorf("refused: %v", err)
		}
		p := mustProvide(t, conn)
		if i := p.Interest(); !i.Requested || i.Groups != 2 {
			t.Errorf("Interest: %+v", i)
		}
		synctest.Wait()
		if _, err := p.Next(t.Context()); client.CodeOf(err) != protocol.CodeStreamDeleted {
			t.Errorf("deleted: %v", err)
		}
		last := mustProvide(t, conn)
		conn.Close()
		if _, err := last.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := last.Pause(t.Context(), true); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Pause after Close: %v", err)
		}
	})
}

func TestSubscribeWithState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFake(t, func(p *peer) {
			p.enter()
			p.expect(`{"id":2,"action":"subscribe","payload":"s","state":true}`)
			p.send(`{"id":2,"action":"subscription","success":true,"streamName":"s","payload":2,"registered":true,"paused":false}`,
				delivery(`1`),
				`{"id":2,"action":"subscription","streamName":"s","state":{"registered":true,"paused":true}}`,
				delivery(`2`))
			p.expectEnd()
		})
		sub, err := f.dialed(client.Options{}).Subscribe(t.Context(), "s", client.SubscribeOptions{State: true})
		if err != nil {
			t.Fatal(err)
		}
		if s := sub.State(); !s.Registered || s.Paused {
			t.Errorf("joined in state %+v", s)
		}
		wantNext(t, sub, `1`)
		m, err := sub.Next(t.Context())
		if err != nil || m.State == nil || *m.State != (client.State{Registered: true, Paused: true}) || m.Payload != nil {
			t.Errorf("Next: %+v, %v", m, err)
		}
		wantNext(t, sub, `2`)
	})
}
