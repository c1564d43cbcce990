package sockets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"seagate/internal/panics"
)

// ProxyListener is Listener for connections that begin with a PROXY header, version 1 or
// 2, if they come from a proxy that the pool knows. The client that the header names becomes the
// RemoteAddr of the connection. A connection from a proxy without a well-formed
// header within timeout is closed. One from another address is that of a client: nothing
// that it sends is read as a header.
func (p *Pool) ProxyListener(l net.Listener, timeout time.Duration, texts *Refusals) net.Listener {
	return &proxyListener{
		Listener: p.Listener(l, texts),
		timeout:  timeout,
		accepted: make(chan accepted),
		done:     make(chan struct{}),
		reading:  map[*Conn]struct{}{},
	}
}

// A proxyListener reads headers in goroutines of their own, so that a connection whose
// header does not come delays no other.
type proxyListener struct {
	net.Listener
	timeout  time.Duration
	accepted chan accepted
	begin    sync.Once
	done     chan struct{} // closed by Close

	mu      sync.Mutex // guards what follows
	closed  bool
	reading map[*Conn]struct{} // connections whose header has not come
}

type accepted struct {
	nc  net.Conn
	err error
}

// Accept implements net.Listener.
func (l *proxyListener) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.run() })
	select {
	case a := <-l.accepted:
		return a.nc, a.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Connections whose header has not come are closed.
func (l *proxyListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.closed = true
	close(l.done)
	for c := range l.reading {
		c.Close()
	}
	return l.Listener.Close()
}

// run accepts until the listener is closed.
func (l *proxyListener) run() {
	for {
		nc, err := l.Listener.Accept()
		c, _ := nc.(*Conn)
		if err != nil || c == nil || !c.fromProxy() {
			if !l.hand(nc, err) {
				return
			}
			continue
		}
		if !l.begun(c) {
			c.Close()
			return
		}
		go l.readHeader(c)
	}
}

// hand passes a connection or an error to Accept. It returns false if the listener is
// closed; then it has closed the connection.
func (l *proxyListener) hand(nc net.Conn, err error) bool {
	select {
	case l.accepted <- accepted{nc, err}:
		return true
	case <-l.done:
		if nc != nil {
			nc.Close()
		}
		return false
	}
}

// begun notes that the header of c is awaited, unless the listener is closed.
func (l *proxyListener) begun(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.reading[c] = struct{}{}
	}
	return !l.closed
}

func (l *proxyListener) readHeader(c *Conn) {
	if l.awaitHeader(c) {
		l.hand(c, nil)
	} else {
		c.Close()
	}
}

// awaitHeader reports whether a header has come whose connection has a place.
func (l *proxyListener) awaitHeader(c *Conn) (ok bool) {
	defer panics.Contain("connection")
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.reading, c)
	}()
	c.SetReadDeadline(time.Now().Add(l.timeout))
	defer c.SetReadDeadline(time.Time{})
	return c.readProxyHeader()
}

// fromProxy reports whether the peer of the connection is a proxy.
func (c *Conn) fromProxy() bool { return c.pool.proxies.Contain(addressOf(c.TCPConn.RemoteAddr())) }

// readProxyHeader reads the header, and nothing after it, and counts the connection by the
// client's address. It returns false if there is no header or no place.
func (c *Conn) readProxyHeader() bool {
	raw, err := takeProxyHeader(c.TCPConn)
	if err != nil {
		return false
	}
	header, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)))
	if err != nil {
		return false
	}
	if header.Command.IsLocal() {
		return true // the proxy speaks for itself: it checks whether the gateway is there
	}
	from, _, ok := header.TCPAddrs()
	if !ok {
		return header.TransportProtocol == proxyproto.UNSPEC // it does not know the client
	}
	c.client = from
	return c.attribute(addressOf(from))
}

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr {
	if c.client != nil {
		return c.client
	}
	return c.TCPConn.RemoteAddr()
}

// Sizes of headers, in bytes. A header of version 2 may have TLVs after the addresses.
const (
	shortestProxyLine = 15 // "PROXY UNKNOWN\r\n"
	longestProxyLine  = 107
	proxyPreamble     = 16 // of version 2: 12 bytes of signature, 4 with the length at the end
	maxProxyHeader    = 4 << 10
)

var errProxyHeader = errors.New("sockets: not a PROXY header")

// takeProxyHeader reads one header, and nothing after it.
//
//	version 1: "PROXY " ... "\r\n"
//	version 2: "\r\n\r\n\x00\r\nQUIT\n" | version, command | family | length (2 bytes) | length bytes
func takeProxyHeader(r io.Reader) ([]byte, error) {
	raw := make([]byte, shortestProxyLine, longestProxyLine)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(raw, proxyproto.SIGV2):
		raw = raw[:proxyPreamble]
		if _, err := io.ReadFull(r, raw[shortestProxyLine:]); err != nil {
			return nil, err
		}
		length := int(binary.BigEndian.Uint16(raw[proxyPreamble-2:]))
		if proxyPreamble+length > maxProxyHeader {
			return nil, errProxyHeader
		}
		raw = append(raw, make([]byte, length)...)
		_, err := io.ReadFull(r, raw[proxyPreamble:])
		return raw, err
	case !bytes.HasPrefix(raw, proxyproto.SIGV1):
		return nil, errProxyHeader
	}
	for !bytes.HasSuffix(raw, []byte("\r\n")) {
		if len(raw) == longestProxyLine || bytes.IndexByte(raw, '\n') >= 0 {
			return nil, errProxyHeader
		}
		raw = raw[:len(raw)+1]
		if _, err := io.ReadFull(r, raw[len(raw)-1:]); err != nil {
			return nil, err
		}
	}
	return raw, nil
}
