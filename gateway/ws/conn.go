package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"seagate/gateway/outbox"
	"seagate/gateway/session"
	"seagate/internal/sockets"
	"seagate/protocol"
)

// A conn is one client's connection: the network connection with its outbox, and
// the session on top. It implements session.Link.
type conn struct {
	server  *Server
	id      uint64
	address netip.Addr
	nc      net.Conn
	stream  *stream // what the library uses in place of nc
	socket  *socket // set before run
	out     *outbox.Outbox
	session *session.Session
	entered bool // counts in Server.authenticated; guarded by Server.mu

	ended atomic.Pointer[protocol.Error] // why the server ended the connection, or nil

	handling sync.Mutex // held while the session handles a message
	retired  bool       // guarded by handling: messages are ignored from now on
}

// newConn returns a connection over nc. The HTTP server has already read the
// early bytes from it.
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
	c.stream = newStream(nc, c.out, early)
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

// read handles messages until the connection ends. It returns true if the peer
// gets no more time to close: it has sent its close frame, or has had the time.
func (c *conn) read() (peerDone bool) {
	defer c.containPanic()
	c.setReadDeadline(c.server.opts.AuthenticationTimeout)
	var err error
	for err == nil {
		err = c.readOne()
	}
	timedOut := c.ended.Load() != nil && errors.Is(err, os.ErrDeadlineExceeded)
	c.endAfter(err)
	return closedByPeer(err) || timedOut
}

// containPanic ends a connection that panicked, and nothing else.
func (c *conn) containPanic() {
	if v := recover(); v != nil {
		c.server.log.Error("a connection panicked", "panic", v, "stack", string(debug.Stack()))
		c.End(protocol.Errorf(protocol.CodeInternal, "the server failed"))
	}
}

var messageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled is the size of the largest buffer that is reused.
const maxPooled = 64 << 10

// errEnded reports that the server has ended the connection. Messages that still
// come are ignored.
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
	// The sniffer cannot check this limit: it sees what a client sends right
	// behind its credentials before the session has checked them.
	limit := c.messageLimit()
	if _, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1)); err != nil {
		return err
	}
	if buf.Len() > limit {
		return errMessageTooLarge
	}
	c.stream.taken++
	if c.ended.Load() == nil && c.session.State() != session.Refused {
		c.out.AwaitRoom()
	}
	if c.ended.Load() != nil {
		return errEnded
	}
	return c.handle(buf.Bytes())
}

// refusalGrace is how long a client that was refused may take to close.
const refusalGrace = time.Second

// handle gives a message to the session. When that changes the session's state,
// the read deadline changes with it.
func (c *conn) handle(message []byte) error {
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.retired {
		c.session.Flush()
		return nil
	}
	before := c.session.State()
	c.out.SetBusy(true)
	defer c.out.SetBusy(false)
	err := c.session.Handle(message, c.stream.hasMessage())
	switch after := c.session.State(); {
	case after == before:
	case after == session.Refused:
		c.setReadDeadline(refusalGrace)
	default:
		c.setReadDeadline(0)
	}
	return err
}

// messageLimit returns how many bytes the next message may have.
func (c *conn) messageLimit() int {
	if c.session.State() != session.Authenticated {
		return c.server.strangerBytes()
	}
	return c.server.opts.MessageBytes
}

// endAfter ends the connection after a read error, with the reason as its close
// code. It does nothing if the peer or the server has ended it already.
func (c *conn) endAfter(err error) {
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

// writeFailed drops a peer that has read nothing for too long. After any other
// error the connection is broken, which its reader sees too.
func (c *conn) writeFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.drop(protocol.Errorf(protocol.CodePeerGone, "the peer has read nothing for %v", c.server.opts.StallTimeout))
	}
}

// setReadDeadline bounds how long the next reads may take; 0 is no bound. A
// connection that has ended meanwhile keeps the deadline that End gave it.
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

// pong handles a pong from the peer, and reports whether it answers a ping. It
// acknowledges what the peer has read. The sniffer calls it.
func (c *conn) pong(payload []byte) (solicited bool) {
	if len(payload) != 8 { // not the answer to a ping of ours
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

// Enter implements session.Link. The connection counts from now on, even if another
// limit refuses the client.
func (c *conn) Enter() error {
	if err := c.server.enter(c); err != nil {
		return err
	}
	sockets.Keep(c.nc)
	return nil
}

// BeginFrame implements session.Link.
func (c *conn) BeginFrame(dst []byte) []byte { return beginText(dst) }

// EndFrame implements session.Link.
func (c *conn) EndFrame(dst []byte, start int) []byte { return endText(dst, start) }

// End implements session.Link. Any goroutine may call it at any time; only the
// first call has an effect.
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

// retire ends the connection once each request that was handled is answered. Requests
// that come meanwhile are ignored, so a client knows that what was not answered before
// the close frame was not done either.
func (c *conn) retire(reason *protocol.Error) {
	c.handling.Lock() // waits for the request that is being handled
	c.retired = true
	c.handling.Unlock()
	c.session.Settle()
	c.End(reason)
}

// closePolicyViolation is the close code for reasons that have no code of their
// own (RFC 6455 §7.4.1).
const closePolicyViolation = 1008

// drop closes the network connection of a peer that is gone.
func (c *conn) drop(reason *protocol.Error) {
	if c.ended.CompareAndSwap(nil, reason) {
		c.noteEnd(reason)
	}
	c.nc.Close()
}

func (c *conn) noteEnd(reason *protocol.Error) {
	c.server.gateway.ConnectionEnded(c.session.Client(), c.address, reason)
}
