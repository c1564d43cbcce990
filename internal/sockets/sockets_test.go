package sockets

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"seagate/internal/forwarded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a listener of a pool, and what it accepts.
func open(t *testing.T, p *Pool) (address string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), accepting(t, p.Listener(l, nil))
}

// accepting returns what a listener accepts until the test ends.
func accepting(t *testing.T, l net.Listener) (accepted chan net.Conn) {
	accepted = make(chan net.Conn, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for len(accepted) > 0 {
			(<-accepted).Close()
		}
	})
	return accepted
}

// tryDial connects from one of the addresses of the loopback network.
func tryDial(t *testing.T, address, from string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return d.DialContext(t.Context(), "tcp", address)
}

func dial(t *testing.T, address, from string) net.Conn {
	t.Helper()
	c, err := tryDial(t, address, from)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// wantEnd waits for the server to have closed c.
func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection is open: %v", err)
	}
}

// wantOpen checks that c reads nothing, as a connection that nobody writes to.
func wantOpen(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection has ended: %v", err)
	}
}

func wantStats(t *testing.T, p *Pool, want Stats) {
	t.Helper()
	if got := p.Stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTheOldestStrangerGivesWay(t *testing.T) {
	p := NewPool(4, 2, nil)
	address, accepted := open(t, p)
	first := dial(t, address, "127.0.0.2")
	<-accepted
	second := dial(t, address, "127.0.0.3")
	Keep(<-accepted)
	third := dial(t, address, "127.0.0.4")
	<-accepted
	fourth := dial(t, address, "127.0.0.5")
	<-accepted
	wantEnd(t, first)
	for _, c := range []net.Conn{second, third, fourth} {
		wantOpen(t, c)
	}
	wantStats(t, p, Stats{Open: 3, Strangers: 2, Displaced: 1})
}

func TestIdleConnectionsGiveWayAfterStrangers(t *testing.T) {
	p := NewPool(3, 3, nil)
	address, accepted := open(t, p)
	var clients [3]net.Conn
	for i := range clients {
		clients[i] = dial(t, address, fmt.Sprint("127.0.0.", i+2))
		server := <-accepted
		if i < 2 {
			Keep(server)
			Changed(server, http.StateIdle)
		}
	}
	dial(t, address, "127.0.0.9")
	Keep(<-accepted)
	wantEnd(t, clients[2])
	dial(t, address, "127.0.0.8")
	Keep(<-accepted)
	wantEnd(t, clients[0])
	wantOpen(t, clients[1])
	wantStats(t, p, Stats{Open: 3, Idle: 1, Displaced: 2})
}

func TestAnAddressWithItsShareTakesItsOwnPlaces(t *testing.T) {
	p := NewPool(16, 8, nil) // the share is two
	address, accepted := open(t, p)
	other := dial(t, address, "127.0.0.9")
	<-accepted
	var greedy []net.Conn
	for range 20 {
		greedy = append(greedy, dial(t, address, "127.0.0.2"))
		<-accepted
	}
	wantOpen(t, other)
	for _, c := range greedy[:13] {
		wantEnd(t, c)
	}
	for _, c := range greedy[13:] {
		wantOpen(t, c)
	}
	wantStats(t, p, Stats{Open: 8, Strangers: 8, Displaced: 13})
}

func TestAConnectionInUseNeverGivesWay(t *testing.T) {
	p := NewPool(2, 2, nil)
	address, accepted := open(t, p)
	kept := []net.Conn{dial(t, address, "127.0.0.2"), nil}
	server := <-accepted
	Keep(server)
	kept[1] = dial(t, address, "127.0.0.3")
	Keep(<-accepted)
	if refused, err := tryDial(t, address, "127.0.0.4"); err == nil {
		wantEnd(t, refused)
		refused.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	wantStats(t, p, Stats{Open: 2, Refused: 1})
	server.Close()
	server.Close() // gives its place back once
	wantStats(t, p, Stats{Open: 1, Refused: 1})
	again := dial(t, address, "127.0.0.4")
	<-accepted
	wantOpen(t, again)
	wantOpen(t, kept[1])
}

// An HTTP connection is in use while an authenticated request is answered, and idle
// between requests, also under TLS.
func TestHTTPConnectionsAreIdleBetweenRequests(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){"http": (*httptest.Server).Start, "https": (*httptest.Server).StartTLS} {
		t.Run(name, func(t *testing.T) {
			p := NewPool(4, 4, nil)
			during := make(chan Stats, 1)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/known" {
					CarrierOf(r.Context()).Keep()
				}
				during <- p.Stats()
			}))
			rests := make(chan struct{}, 1)
			server.Listener = p.Listener(server.Listener, nil)
			server.Config.ConnContext = Context
			server.Config.ConnState = func(nc net.Conn, state http.ConnState) {
				if Changed(nc, state); state == http.StateIdle {
					rests <- struct{}{}
				}
			}
			start(server)
			defer server.Close()
			for _, step := range []struct {
				path          string
				during, after Stats
			}{
				{"/", Stats{Open: 1, Strangers: 1}, Stats{Open: 1, Strangers: 1}},
				{"/known", Stats{Open: 1}, Stats{Open: 1, Idle: 1}},
				{"/known", Stats{Open: 1}, Stats{Open: 1, Idle: 1}},
			} {
				response, err := server.Client().Get(server.URL + step.path)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				<-rests
				if got := <-during; got != step.during {
					t.Errorf("during a request of %s: %+v, want %+v", step.path, got, step.during)
				}
				wantStats(t, p, step.after)
			}
		})
	}
}

// told reads what a refused connection is told, until its end.
func told(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	text, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection is open: %v", err)
	}
	return string(text)
}

// listenTelling is open with Refusals.
func listenTelling(t *testing.T, p *Pool, texts *Refusals) (address string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), accepting(t, p.Listener(l, texts))
}

func TestARefusedConnectionIsToldWhy(t *testing.T) {
	words := Refusals{Full: []byte("full\n"), Strangers: []byte("strangers\n")}
	for _, asked := range []bool{false, true} {
		words.AfterRequest = asked
		p := NewPool(2, 2, nil)
		address, accepted := listenTelling(t, p, &words)
		for range 2 {
			dial(t, address, "127.0.0.1")
			Keep(<-accepted)
		}
		c := dial(t, address, "127.0.0.1")
		// All that the peer sends is read: what it does not read would end the connection
		// before it has the words.
		fmt.Fprintf(c, "%030000d", 1)
		if got := told(t, c); got != "full\n" {
			t.Errorf("asked %v: told %q", asked, got)
		}
	}
	// One stranger may be there, and it is of another address than one that has its share.
	p := NewPool(16, 1, nil)
	address, accepted := listenTelling(t, p, &words)
	for range 2 {
		dial(t, address, "127.0.0.1")
		Keep(<-accepted)
	}
	dial(t, address, "127.0.0.2")
	<-accepted
	c := dial(t, address, "127.0.0.1")
	fmt.Fprint(c, "GET")
	if got := told(t, c); got != "strangers\n" {
		t.Errorf("told %q", got)
	}
}

// A flood costs MaxRefusals descriptors, of which one address has a share, and the listener
// waits for nobody.
func TestRefusalsAreBounded(t *testing.T) {
	p := NewPool(1, 1, forwarded.Proxies{netip.MustParsePrefix("127.0.0.9/32")})
	address, accepted := listenTelling(t, p, &Refusals{Full: []byte("full\n")})
	dial(t, address, "127.0.0.1")
	Keep(<-accepted)
	wantTold := func(from, want string) {
		t.Helper()
		c, err := tryDial(t, address, from)
		if err != nil { // the reset may be that quick
			if want != "" {
				t.Error(err)
			}
			return
		}
		defer c.Close()
		if got := told(t, c); got != want {
			t.Errorf("from %s: told %q, want %q", from, got, want)
		}
	}
	hold := func(from string, n int) (giveBack []func()) { // others are being told
		for range n {
			var end func()
			for deadline := time.Now().Add(10 * time.Second); end == nil; runtime.Gosched() {
				// Those that were told give their places back a little later.
				if end = p.refusing.take(netip.MustParseAddr(from)); time.Now().After(deadline) {
					t.Fatalf("%s has no place", from)
				}
			}
			giveBack = append(giveBack, end)
		}
		return giveBack
	}
	ended := hold("127.0.0.1", refusalShare)
	wantTold("127.0.0.1", "")
	wantTold("127.0.0.2", "full\n")
	ended[0]()
	wantTold("127.0.0.1", "full\n")
	ended = hold("127.0.0.9", MaxRefusals-refusalShare+1) // a proxy has no share
	wantTold("127.0.0.2", "")
	ended[0]()
	wantTold("127.0.0.2", "full\n")
	wantStats(t, p, Stats{Open: 1, Refused: 5})
}
