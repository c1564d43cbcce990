package lines_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"seagate/gateway/gatewaytest"
	"seagate/internal/panics/panicstest"
)

// A panic in a goroutine of a connection ends that connection. It leaves nothing behind, and
// others work.
func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	for name, spoil := range map[string]func(b *bench, c *gatewaytest.BadConn, p *peer){
		"read":             func(_ *bench, c *gatewaytest.BadConn, p *peer) { c.Reading.Store(true); p.settle("x") },
		"write a delivery": func(b *bench, c *gatewaytest.BadConn, _ *peer) { c.Writing.Store(true); b.publish("boiler", `{"n":1}`) },
		"write an answer":  func(_ *bench, c *gatewaytest.BadConn, p *peer) { c.Writing.Store(true); p.settle("x") },
		"close":            func(_ *bench, c *gatewaytest.BadConn, p *peer) { c.Closing.Store(true); p.nc.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := &gatewaytest.BadListener{}
			b := newBench(t, setup{
				parts:  func(o *gatewaytest.Options) { o.Settings.ConnectionsPerClient = 2 },
				listen: func(inner net.Listener) net.Listener { l.Listener = inner; return l },
			})
			b.define("boiler")
			listening := func() *peer {
				p := b.dial()
				p.send(`{"action":"listen","id":1,"stream":"boiler"}`)
				p.want(`{"action":"listen","id":1,"stream":"boiler"}`)
				return p
			}
			healthy := listening()
			bad := listening()
			contained := panicstest.Begin(t, panicstest.Anywhere)
			spoil(b, l.Latest(), bad)
			awaitOpen(t, b, 1)
			contained.Want(1)
			again := listening() // its place among those of the client is free
			b.publish("boiler", `{"n":2}`)
			if name == "write a delivery" {
				healthy.want(`{"action":"put","stream":"boiler","message":{"n":1}}`)
			}
			for _, p := range []*peer{healthy, again} {
				p.want(`{"action":"put","stream":"boiler","message":{"n":2}}`)
			}
		})
	}
}

// The first connection of a listener, which panics before it has a reader, is closed; the next
// ones are accepted.
func TestAPanicWhileAConnectionIsAccepted(t *testing.T) {
	b := newBench(t, setup{listen: func(inner net.Listener) net.Listener { return &badFirst{Listener: inner} }})
	panicstest.Want(t, "connection", 1, func() {
		if _, err := b.dial().nc.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the connection is open: %v", err)
		}
	})
	b.define("boiler")
	p := b.dial()
	p.send(`{"action":"listen","id":1,"stream":"boiler"}`)
	p.want(`{"action":"listen","id":1,"stream":"boiler"}`)
	if n := b.server.Open(); n != 1 {
		t.Errorf("%d connections are open", n)
	}
}

// badFirst accepts a connection that panics when it is set up, and then good ones.
type badFirst struct {
	net.Listener
	accepted bool
}

func (l *badFirst) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil || l.accepted {
		return nc, err
	}
	l.accepted = true
	return badSetup{nc}, nil
}

type badSetup struct{ net.Conn }

func (badSetup) SetKeepAliveConfig(net.KeepAliveConfig) error { panic("injected") }

// awaitOpen waits until so many connections are open.
func awaitOpen(t *testing.T, b *bench, n int) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for b.server.Open() != n {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%d connections are open, want %d", b.server.Open(), n)
		}
	}
}
