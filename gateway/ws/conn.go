package ws

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"seagate/gateway/outbox"
	"seagate/gateway/session"
	"seagate/protocol"
)

// A conn is one client's connection: the socket with its outbox, and the
// session that speaks over it.
type conn struct {
	server  *Server
	id      uint64
	address netip.Addr
	nc      net.Conn
	stream  *stream // nc, as the library sees it
	socket  *socket // the library; set before run
	out     *outbox.Outbox
	session *session.Session

	ended atomic.Pointer[protocol.Error] // why the server ended the connection
}

// newConn returns a connection over nc, of which the HTTP server has read some
// early bytes already.
func newConn(s *Server, nc net.Conn, early []byte, from netip.Addr) *conn {
	c := &conn{server: s, id: s.ids.Add(1), address: from, nc: nc}
	c.out = outbox.New(nc, outbox.Options{
		Budget:       s.opts.QueuedBytes,
		StallTimeout: s.opts.StallTimeout,
		Probe:        appendPing,
		Drained:      func() { c.session.Resume() },
		Broken:       c.writeFailed,
		Metrics:      s.gateway.Metrics,
	})
	c.session = session.New(s.gateway, &s.session, c, c.out, from)
	c.stream = &stream{Conn: nc, out: c.out, early: early}
	c.stream.sniffer.maxMessage = uint64(s.opts.MessageBytes)
	c.stream.sniffer.flood.perSecond = float64(s.opts.FramesPerSecond)
	c.stream.sniffer.onPong = c.pong
	return c
}

// run reads until the connection ends, and then cleans up.
func (c *conn) run() {
	defer c.server.remove(c)
	peerDone := c.read()
	c.session.Close()
	c.socket.release()
	c.out.Close(c.server.opts.LingerTimeout, peerDone)
}

// read handles messages until the connection ends. It returns whether the peer
// need not be waited for: it has sent its close frame, or had the time to.
func (c *conn) read() (peerDone bool) {
	defer c.containPanic()
	c.setReadDeadline(c.server.opts.AuthenticationTimeout)
	err := c.readAll()
	// A peer that did not close in the time that end gave it gets no more.
	late := c.ended.Load() != nil && errors.Is(err, os.ErrDeadlineExceeded)
	c.explain(err)
	return closedByPeer(err) || late
}

// containPanic ends a connection that panicked, and nothing else.
func (c *conn) containPanic() {
	if v := recover(); v != nil {
		c.server.log.Error("a connection panicked", "panic", v, "stack", string(debug.Stack()))
		c.End(protocol.Errorf(protocol.CodeInternal, "the server failed"))
	}
}

func (c *conn) readAll() error {
	for {
		if err := c.readOne(); err != nil {
			return err
		}
	}
}

var messageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled keeps what one large message took out of the pool.
const maxPooled = 64 << 10

// errEnded: the server has ended the connection. What else comes is ignored.
var errEnded = errors.New("ws: ended")

// readOne reads a message and lets the session handle it.
func (c *conn) readOne() error {
	r, err := c.socket.next()
	if err != nil {
		return err
	}
	buf := messageBuffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= maxPooled {
			messageBuffers.Put(buf)
		}
	}()
	buf.Reset()
	limit := c.messageLimit()
	// The limit is checked here and not by the sniffer, because the sniffer
	// sees what a client sends right behind its credentials before these have
	// been checked.
	if _, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1)); err != nil {
		return err
	}
	if buf.Len() > limit {
		return errMessageTooLarge
	}
	if c.ended.Load() != nil {
		return errEnded
	}
	if c.session.State() != session.Refused {
		c.out.AwaitRoom()
		if c.ended.Load() != nil {
			return errEnded
		}
	}
	return c.handle(buf.Bytes())
}

// handle gives a message to the session, and the peer the time that it has for
// the next one.
func (c *conn) handle(message []byte) error {
	before := c.session.State()
	c.out.SetBusy(true)
	defer c.out.SetBusy(false)
	err := c.session.Handle(message)
	if after := c.session.State(); after != before {
		c.setReadDeadline(timeFor(after))
	}
	return err
}

// refusalGrace is how long a client that was refused may take to close.
const refusalGrace = time.Second

// timeFor returns how long the reader waits for the next message; 0 is forever.
func timeFor(s session.State) time.Duration {
	if s == session.Refused {
		return refusalGrace
	}
	return 0
}

// messageLimit is how large the client's next message may be, in bytes.
func (c *conn) messageLimit() int {
	if c.session.State() != session.Authenticated {
		return c.server.strangerBytes()
	}
	return c.server.opts.MessageBytes
}

// explain ends the connection for the reason that reading ended, unless the
// peer wanted it to end.
func (c *conn) explain(err error) {
	var violation *protocol.Violation
	switch {
	case errors.As(err, &violation):
		c.violate(violation)
	case errors.Is(err, errBinary):
		c.violate(&protocol.Violation{Refusal: protocol.Errorf(protocol.CodeProtocolViolation, "a binary message; messages are text")})
	case errors.Is(err, errMessageTooLarge):
		c.End(protocol.Errorf(protocol.CodeMessageTooLarge, "a message of more than %d bytes", c.messageLimit()))
	case errors.Is(err, errTooManyFrames):
		c.End(protocol.Errorf(protocol.CodeTooManyFrames, "more than %d control or empty frames a second", c.server.opts.FramesPerSecond))
	case c.session.State() == session.Refused:
		c.End(c.session.Refusal())
	case c.session.State() == session.Stranger && errors.Is(err, os.ErrDeadlineExceeded):
		c.End(protocol.Errorf(protocol.CodeAuthenticationTimeout, "no authentication within %v", c.server.opts.AuthenticationTimeout))
	case !closedByPeer(err) && !isBroken(err) && !errors.Is(err, errEnded):
		c.End(protocol.Errorf(protocol.CodeProtocolViolation, "not a WebSocket frame as RFC 6455 has them"))
	}
}

// violate answers a message that breaks the protocol, and ends the connection.
func (c *conn) violate(v *protocol.Violation) {
	c.session.Violation(v)
	c.End(v.Refusal)
}

// isBroken reports whether reading ended because the connection did.
func isBroken(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// writeFailed notes that the peer is gone, or has read nothing for too long.
func (c *conn) writeFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.drop(protocol.Errorf(protocol.CodePeerGone, "the peer has read nothing for %v", c.server.opts.StallTimeout))
	}
}

// setReadDeadline bounds how long the next read may take; 0 is no bound. The
// deadline of a connection that has ended meanwhile stays.
func (c *conn) setReadDeadline(d time.Duration) {
	deadline := time.Time{}
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	c.nc.SetReadDeadline(deadline)
	if c.ended.Load() != nil || c.out.Ended() {
		c.nc.SetReadDeadline(time.Now().Add(c.server.opts.LingerTimeout))
	}
}

// pong acknowledges what the peer has read. The sniffer calls it.
func (c *conn) pong(payload []byte) (solicited bool) {
	if len(payload) != 8 { // a heartbeat: our pings have eight bytes
		return false
	}
	tag := binary.BigEndian.Uint64(payload)
	if !c.out.Answered(tag) {
		return false
	}
	if tag > 0 {
		c.session.Acknowledge(tag)
	}
	return true
}

// BeginFrame implements session.Link.
func (c *conn) BeginFrame(dst []byte) []byte { return beginText(dst) }

// EndFrame implements session.Link.
func (c *conn) EndFrame(dst []byte, start int) []byte { return endText(dst, start) }

// End closes the connection for the reason given. It implements session.Link,
// and is safe to call at any time, from any goroutine.
func (c *conn) End(reason *protocol.Error) (told bool) {
	if !c.ended.CompareAndSwap(nil, reason) {
		return false
	}
	code := closePolicyViolation
	if info, ok := reason.Code.Info(); ok && info.Close != 0 {
		code = info.Close
	}
	told = c.out.SendLast(closeFrame(code, fmt.Sprintf("%s: %s", reason.Code, reason.Message)))
	c.nc.SetReadDeadline(time.Now().Add(c.server.opts.LingerTimeout))
	c.noteEnd(reason)
	return told
}

// closePolicyViolation is RFC 6455's code for reasons that have none of their
// own.
const closePolicyViolation = 1008

// drop closes the socket of a peer that is gone.
func (c *conn) drop(reason *protocol.Error) {
	if c.ended.CompareAndSwap(nil, reason) {
		c.noteEnd(reason)
	}
	c.nc.Close()
}

func (c *conn) noteEnd(reason *protocol.Error) {
	c.server.gateway.Metrics.Ended(reason.Code)
	level := slog.LevelInfo
	if reason.Code == protocol.CodeServerShutdown {
		level = slog.LevelDebug // all connections at once, and no news
	}
	attributes := []any{"address", c.address, "code", reason.Code, "reason", reason.Message}
	if p := c.session.Client(); p != nil {
		attributes = append(attributes, "jail", p.JailID, "client", p.ClientID)
	}
	c.server.log.Log(context.Background(), level, "connection ended", attributes...)
}
