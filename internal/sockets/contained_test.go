package sockets

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"seagate/internal/panics"
	"seagate/internal/panics/panicstest"
)

// spoil lets the pool panic about each connection that comes and goes, until mend is called.
func (p *Pool) spoil() (mend func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	peers := p.peers
	p.peers = nil
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.peers = peers
	}
}

// wantClosed fails unless the peer closes the connection.
func wantClosed(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || err != io.EOF && err.(net.Error).Timeout() {
		t.Fatalf("the connection is open: %v", err)
	}
}

// A panic about one connection closes it. The listener accepts others, and nothing is locked.
func TestAPanicAboutAConnection(t *testing.T) {
	p := NewPool(10, 10, loopback(t))
	address, accepted := open(t, p)
	contained := panicstest.Begin(t, "connection")
	mend := p.spoil()
	if c, err := tryDial(t, address, "127.0.0.2"); err == nil {
		defer c.Close()
		wantClosed(t, c)
	}
	mend()
	dial(t, address, "127.0.0.2")
	(<-accepted).Close()
	contained.Want(1)
	if p.Stats().Open != 0 {
		t.Errorf("%+v", p.Stats())
	}
}

// A panic about a connection that is refused closes it, before it is told why or afterwards. The
// listener accepts others, and ends.
func TestAPanicWhileRefusing(t *testing.T) {
	p := NewPool(1, 1, nil)
	address, accepted := listenTelling(t, p, &Refusals{Full: []byte("full\n"), AfterRequest: true})
	dial(t, address, "127.0.0.1")
	first := <-accepted
	Keep(first)
	spoil := func(by map[netip.Prefix]int) {
		p.refusing.mu.Lock()
		defer p.refusing.mu.Unlock()
		p.refusing.by = by
	}
	panicstest.Want(t, "connection", 1, func() {
		spoil(nil)
		if c, err := tryDial(t, address, "127.0.0.1"); err == nil {
			defer c.Close()
			wantClosed(t, c)
		}
	})
	contained := panicstest.Begin(t, "connection")
	spoil(map[netip.Prefix]int{})
	c := dial(t, address, "127.0.0.1")
	for begun := false; !begun; runtime.Gosched() {
		p.refusing.mu.Lock()
		begun = len(p.refusing.by) > 0
		p.refusing.mu.Unlock()
	}
	spoil(nil)
	fmt.Fprint(c, "GET")
	if got := told(t, c); got != "full\n" {
		t.Errorf("told %q", got)
	}
	c.Close()
	for contained.Count() == 0 {
		runtime.Gosched()
	}
	first.Close()
	dial(t, address, "127.0.0.1")
	(<-accepted).Close()
	contained.Want(1)
}

// The same about a connection whose PROXY header comes.
func TestAPanicAboutAProxyHeader(t *testing.T) {
	p := NewPool(10, 10, loopback(t))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxied := p.ProxyListener(l, time.Minute, nil).(*proxyListener)
	accepted := accepting(t, proxied)
	before := panics.Counts()["connection"]
	bad := dial(t, l.Addr().String(), "127.0.0.1")
	for reading := 0; reading == 0; {
		proxied.mu.Lock()
		reading = len(proxied.reading)
		proxied.mu.Unlock()
	}
	mend := p.spoil()
	bad.Write(headerOf(t, 1, "203.0.113.9:4711"))
	wantClosed(t, bad)
	mend()
	good := dial(t, l.Addr().String(), "127.0.0.1")
	good.Write(headerOf(t, 2, "203.0.113.9:4711"))
	(<-accepted).Close()
	if panics.Counts()["connection"] == before || len(proxied.reading) != 0 {
		t.Errorf("%v; %d are read", panics.Counts(), len(proxied.reading))
	}
}
