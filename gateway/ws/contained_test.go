package ws_test

import (
	"net"
	"strings"
	"testing"

	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/ws/wstest"
	"seagate/internal/panics/panicstest"
)

// A panic in a goroutine of a connection ends that connection. It leaves nothing behind, and
// another one works.
func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	for name, spoil := range map[string]func(b *bench, c *gatewaytest.BadConn, p *wstest.Conn){
		"read": func(_ *bench, c *gatewaytest.BadConn, p *wstest.Conn) { c.Reading.Store(true); p.Send(`{"id":3}`) },
		"write a delivery": func(b *bench, c *gatewaytest.BadConn, _ *wstest.Conn) {
			c.Writing.Store(true)
			b.publish("boiler", `{"n":1}`)
		},
		"write an answer": func(_ *bench, c *gatewaytest.BadConn, p *wstest.Conn) {
			c.Writing.Store(true)
			p.Send(`{"id":3,"action":"describe","payload":"boiler"}`)
		},
		"close": func(_ *bench, c *gatewaytest.BadConn, p *wstest.Conn) { c.Closing.Store(true); p.Net.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := &gatewaytest.BadListener{Listener: listen(t)}
			b := newBench(t, setup{listener: l, settings: func(s *gateway.Settings) { s.ConnectionsPerClient = 2 }})
			healthy := b.login()
			b.subscribe(healthy, 2, "boiler", "")
			bad := b.login()
			b.subscribe(bad, 2, "boiler", inGroup)
			contained := panicstest.Begin(t, panicstest.Anywhere)
			spoil(b, l.Latest(), bad)
			waitFor(t, "the end of the connection", func() bool { return b.server.Open() == 1 })
			contained.Want(1)
			if strings.HasPrefix(name, "write a delivery") {
				healthy.Want(delivery(2, "boiler", `{"n":1}`))
			}
			again := b.login() // its place among those of the client is free
			b.subscribe(again, 2, "boiler", "")
			b.publish("boiler", `{"n":2}`)
			for _, p := range []*wstest.Conn{healthy, again} {
				p.Want(delivery(2, "boiler", `{"n":2}`))
			}
		})
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A panic while a connection is ended at a shutdown does not keep the shutdown.
func TestAPanicAtAShutdown(t *testing.T) {
	l := &gatewaytest.BadListener{Listener: listen(t)}
	b := newBench(t, setup{listener: l})
	bad := b.login()
	l.Latest().Writing.Store(true)
	contained := panicstest.Begin(t, panicstest.Anywhere)
	if err := b.server.Shutdown(t.Context(), atOnce); err != nil {
		t.Error(err)
	}
	if contained.Count() == 0 {
		t.Error("no panic was counted")
	}
	bad.Net.Close()
}
