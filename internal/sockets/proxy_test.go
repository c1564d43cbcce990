package sockets

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"seagate/internal/forwarded"
)

func loopback(t *testing.T) forwarded.Proxies {
	t.Helper()
	p, err := forwarded.Parse([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// openProxied is open with PROXY headers.
func openProxied(t *testing.T, p *Pool, timeout time.Duration) (address string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), accepting(t, p.ProxyListener(l, timeout, nil))
}

func headerOf(t *testing.T, version byte, client string) []byte {
	t.Helper()
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(client))
	b, err := proxyproto.HeaderProxyFromAddrs(version, from, from).Format()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProxyHeaders(t *testing.T) {
	address, accepted := openProxied(t, NewPool(100, 100, loopback(t)), 10*time.Second)
	local, _ := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}).Format()
	for _, c := range []struct {
		name, from string
		header     []byte
		client     string // "" for that of the connection
	}{
		{"version 1", "127.0.0.1", headerOf(t, 1, "203.0.113.9:4711"), "203.0.113.9:4711"},
		{"version 2", "127.0.0.1", headerOf(t, 2, "203.0.113.9:4711"), "203.0.113.9:4711"},
		{"version 2, IPv6", "127.0.0.1", headerOf(t, 2, "[2001:db8::1]:4711"), "[2001:db8::1]:4711"},
		{"a check by the proxy", "127.0.0.1", local, ""},
		{"a client that the proxy does not know", "127.0.0.1", []byte("PROXY UNKNOWN\r\n"), ""},
		{"a client that writes a header itself", "127.0.0.2", headerOf(t, 1, "203.0.113.9:4711"), ""},
		{"a client", "127.0.0.2", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, address, c.from)
			conn.Write(append(c.header[:len(c.header):len(c.header)], "GET"...))
			got := <-accepted
			defer got.Close()
			want := c.client
			if want == "" {
				want = conn.LocalAddr().String()
			}
			if got.RemoteAddr().String() != want {
				t.Errorf("the client is at %s, want %s", got.RemoteAddr(), want)
			}
			rest := []byte("GET")
			if c.from != "127.0.0.1" {
				rest = append(c.header[:len(c.header):len(c.header)], rest...)
			}
			read := make([]byte, len(rest))
			if _, err := io.ReadFull(got, read); err != nil || !bytes.Equal(read, rest) {
				t.Errorf("read %q behind the header, want %q (%v)", read, rest, err)
			}
		})
	}
}

func TestBadProxyHeadersEndTheirConnection(t *testing.T) {
	long := headerOf(t, 2, "203.0.113.9:4711")
	long[14] = 0xFF // the length
	address, accepted := openProxied(t, NewPool(100, 100, loopback(t)), 50*time.Millisecond)
	for name, b := range map[string]string{
		"none":        "GET /api/v1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"nothing":     "",
		"unfinished":  "PROXY TCP4 203.0.113.9",
		"no address":  "PROXY TCP4 x y 1 2\r\n",
		"endless":     "PROXY TCP4 " + string(bytes.Repeat([]byte("1"), 1000)),
		"long":        string(long),
		"line feed":   "PROXY UNKNOWN\nGET / HTTP/1.1\r\n",
		"version two": string(headerOf(t, 2, "203.0.113.9:4711")[:20]),
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, address, "127.0.0.1")
			conn.Write([]byte(b))
			wantEnd(t, conn)
		})
	}
	if len(accepted) > 0 {
		t.Error("a connection without a header was accepted")
	}
}

// Behind a proxy every client has a share of its own, and the proxy has none.
func TestClientsBehindAProxyHaveShares(t *testing.T) {
	p := NewPool(16, 16, loopback(t)) // the share is two
	address, accepted := openProxied(t, p, 10*time.Second)
	connect := func(client string) net.Conn {
		c := dial(t, address, "127.0.0.1")
		c.Write(headerOf(t, 1, client))
		return c
	}
	greedy := []net.Conn{connect("203.0.113.9:1"), nil, nil}
	<-accepted
	for i := 1; i < len(greedy); i++ {
		greedy[i] = connect("203.0.113.9:1")
		<-accepted
	}
	wantEnd(t, greedy[0])
	var others []net.Conn
	for _, client := range []string{"203.0.113.1:1", "203.0.113.2:1", "203.0.113.3:1", "203.0.113.4:1"} {
		others = append(others, connect(client))
		<-accepted
	}
	for _, c := range append(others, greedy[1:]...) {
		wantOpen(t, c)
	}
	if got := p.Stats(); got.Open != 6 || got.Displaced != 1 {
		t.Errorf("%+v", got)
	}
}

// A flood of strangers displaces strangers, and last those from where somebody has
// authenticated.
func TestStrangersFromKnownAddressesGiveWayLast(t *testing.T) {
	p := NewPool(32, 3, nil)
	address, accepted := open(t, p)
	dial(t, address, "127.0.0.1")
	known := <-accepted
	Keep(known)
	known.Close()
	back := dial(t, address, "127.0.0.1") // it has not authenticated yet
	<-accepted
	for range 20 {
		dial(t, address, "127.0.0.2")
		<-accepted
	}
	wantOpen(t, back)
	if got := p.Stats(); got.Strangers != 3 || got.Displaced != 18 {
		t.Errorf("%+v", got)
	}
}

func TestKnownAddressesAreBounded(t *testing.T) {
	f := newKnown()
	for i := range maxKnown + 1000 {
		f.add(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32))
	}
	if len(f.at) != maxKnown || f.order.Len() != maxKnown {
		t.Errorf("%d addresses, %d in order", len(f.at), f.order.Len())
	}
}

// A header takes exactly its own bytes.
func FuzzTakeProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY UNKNOWN\r\nGET"))
	f.Add([]byte("PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n"))
	f.Add(append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), make([]byte, 20)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		raw, err := takeProxyHeader(r)
		if err != nil {
			return
		}
		if len(raw) > maxProxyHeader || !bytes.Equal(raw, b[:len(b)-r.Len()]) {
			t.Fatalf("took %q of %q", raw, b)
		}
	})
}
