package lines

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"seagate/auth"
	"seagate/gateway"
	"seagate/gateway/outbox"
	"seagate/internal/panics"
	"seagate/internal/sockets"
	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// A conn is one client's connection.
type conn struct {
	server  *Server
	nc      net.Conn
	address netip.Addr
	out     *outbox.Outbox
	answers *outbox.Answers

	client atomic.Pointer[auth.Principal] // nil before authentication

	lastRefusal atomic.Pointer[gateway.Refused]

	handling sync.Mutex // held while a line is handled; guards retired
	retired  bool       // lines are ignored from now on

	// Owned by the reader.
	reader   *bufio.Reader
	long     []byte    // a line that does not fit into the reader's buffer
	reserved int       // bytes that are reserved for long
	releases []func()  // which give them back
	admitted time.Time // until when a stranger may stay
	deadline time.Time // of reads; zero is none
	login    *gateway.Login
	jail     string // the jail whose place the connection takes: see Server.share; "" for none
	burst    outbox.Burst

	mu        sync.Mutex // guards what follows
	listening map[string]*listening
}

// readBuffer is kept for each connection, in bytes. Longer lines take memory only while
// they are read.
const readBuffer = 2 << 10

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, nc: nc, address: addressOf(nc), reader: bufio.NewReaderSize(nc, readBuffer)}
	c.out = outbox.New(nc, outbox.Options{
		Budget:       s.opts.QueuedBytes,
		StallTimeout: s.opts.StallTimeout,
		Probe:        func(dst []byte, _ uint64) []byte { return dst }, // no frame here is confirmed
		Drained:      c.resume,
		Broken:       c.writeFailed,
		Metrics:      s.gateway.Metrics,
	})
	c.answers = outbox.NewAnswers(c.out.SendAnswers)
	c.listening = map[string]*listening{}
	return c
}

func addressOf(nc net.Conn) netip.Addr {
	if at, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		return at.Addr().Unmap()
	}
	return netip.Addr{}
}

// run reads until the connection ends, and then cleans up. It cleans up completely even if
// one step panics.
func (c *conn) run() {
	defer c.server.remove(c)
	defer panics.Contain("connection", func() { c.nc.Close() })
	greeted := false
	defer func() { c.out.Close(c.server.opts.LingerTimeout, !greeted) }()
	c.admitted = time.Now().Add(c.server.opts.AuthenticationTimeout)
	if greeted = c.handshake(); greeted {
		c.read()
	}
	defer func() {
		if c.login != nil {
			c.login.LogOut()
		}
	}()
	c.hangUpAll()
}

// handshake completes that of TLS, if there is one.
func (c *conn) handshake() bool {
	encrypted, ok := c.nc.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithDeadline(context.Background(), c.admitted)
	defer cancel()
	if err := encrypted.HandshakeContext(ctx); err != nil {
		c.server.log.Debug("TLS handshake failed", "address", c.address, "error", err)
		return false
	}
	return true
}

// errClosed reports that the client has ended the connection with a close line.
var errClosed = errors.New("lines: closed by the client")

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// read handles lines until the connection ends.
func (c *conn) read() {
	defer c.burst.Release()
	defer c.containPanic()
	err := c.enter()
	for err == nil {
		err = c.readOne()
	}
	c.endAfter(err)
}

// containPanic ends a connection that panicked, and nothing else.
func (c *conn) containPanic() {
	if v := recover(); v != nil {
		panics.Count("connection")
		c.server.log.Error("a connection panicked", "panic", v, "stack", string(debug.Stack()))
		c.End(protocol.Errorf(protocol.CodeInternal, "the server failed"))
	}
}

// enter makes the connection one of the configured client, if there is one.
func (c *conn) enter() error {
	if c.server.opts.ClientID == "" {
		return nil
	}
	p, err := c.server.gateway.Trust(c.server.opts.ClientID, c.server.opts.JailID)
	if err == nil {
		err = c.logIn(p)
	}
	if err != nil {
		return c.server.gateway.Refusal(err)
	}
	return nil
}

func (c *conn) logIn(p *auth.Principal) (err error) {
	if err := c.server.share(c, p); err != nil {
		return err
	}
	if c.login, err = c.server.gateway.LogIn(p, c); err == nil {
		sockets.Keep(c.nc)
		c.out.SetShare(c.server.gateway.QueueShare(p))
		c.client.Store(p)
	}
	return err
}

// readOne reads a line and handles it.
func (c *conn) readOne() error {
	line, err := c.readLine()
	defer c.release()
	if err != nil {
		return err
	}
	if !c.out.Ending() {
		c.out.AwaitRoom()
	}
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.retired || c.out.Ending() {
		c.burst.Release()
		return nil // the read deadline ends the connection, once the last line is on its way
	}
	return c.handle(line)
}

// endAfter ends the connection for the reason that reading ended. It does nothing if the
// server has ended it already.
func (c *conn) endAfter(err error) {
	refusal := (*protocol.Error)(nil)
	switch {
	case errors.As(err, &refusal):
		c.End(refusal)
	case errors.Is(err, errClosed):
		c.answers.Settle()
	case errors.Is(err, errUnfinished):
		c.answers.Settle()
		c.send(msgstream.Event{Action: msgstream.ActionError, Error: protocol.Errorf(protocol.CodeMalformedJSON,
			"The last line was ignored: a line ends with a line feed.")})
	case errors.Is(err, io.EOF):
		c.answers.Settle()
	case errors.Is(err, os.ErrDeadlineExceeded) && c.client.Load() == nil:
		c.End(protocol.Errorf(protocol.CodeAuthenticationTimeout, "no authentication within %v", c.server.opts.AuthenticationTimeout))
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.End(protocol.Errorf(protocol.CodeInvalidRequest, "a line did not end within %v", c.server.opts.LineTimeout))
	}
}

// writeFailed drops a peer that has read nothing for too long. After any other error the
// connection is broken, which its reader sees too.
func (c *conn) writeFailed(err error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	reason := protocol.Errorf(protocol.CodePeerGone, "the peer has read nothing for %v", c.server.opts.StallTimeout)
	if first, _ := c.out.End(nil); first {
		c.noteEnd(reason)
	}
	c.nc.Close()
}

// End implements gateway.Connection. The peer is told why with the last line. Any
// goroutine may call it at any time; only the first call has an effect.
func (c *conn) End(reason *protocol.Error) {
	c.end(msgstream.Event{Error: reason})
}

// end is End with the other members of the last line. It returns whether the peer is
// told.
func (c *conn) end(e msgstream.Event) (told bool) {
	e.Action = msgstream.ActionError
	first, told := c.out.End(c.line(e))
	if !first {
		return false
	}
	c.nc.SetReadDeadline(longAgo) // the reader closes the connection
	c.noteEnd(e.Error)
	return told
}

// retire ends the connection once each line that was handled is answered. Lines that come
// meanwhile are ignored.
func (c *conn) retire(reason *protocol.Error) {
	c.handling.Lock() // waits for the line that is being handled
	c.retired = true
	c.handling.Unlock()
	c.answers.Settle()
	c.End(reason)
}

func (c *conn) noteEnd(reason *protocol.Error) {
	c.server.gateway.ConnectionEnded(c.client.Load(), c.address, reason)
}

// send sends an event, after everything that was sent before.
func (c *conn) send(e msgstream.Event) { c.out.Send(c.line(e)) }

// line encodes an event as a line. With a codec that cannot encode it, the connection ends.
func (c *conn) line(e msgstream.Event) []byte {
	line, err := c.server.opts.Wire.Events.Encode(nil, e)
	if err != nil {
		c.server.log.Error("a line could not be encoded", "action", e.Action, "error", err)
		c.nc.Close()
		return nil
	}
	return append(line, '\n')
}
