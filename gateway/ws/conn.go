package ws

import (
	"bytes"
	"context"
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

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
)

// A conn is one client's connection.
type conn struct {
	server  *Server
	socket  *socket
	wire    *wire
	address netip.Addr
	id      uint64

	// Owned by the reader.
	sequence  protocol.Sequence
	session   *gateway.Session
	principal *auth.Principal
	refused   *protocol.Error // why authentication failed
	answers   *answers

	who   atomic.Pointer[auth.Principal] // for the log; nil for a stranger
	ended atomic.Pointer[protocol.Error] // why the server ended the connection

	mu   sync.Mutex // guards what follows
	subs map[int64]*subscription
}

func newConn(s *Server, socket *socket, w *wire, from netip.Addr) *conn {
	c := &conn{server: s, socket: socket, wire: w, address: from, id: s.ids.Add(1)}
	c.answers = newAnswers(w.send)
	w.drained = c.resume
	w.broken = c.writeFailed
	w.sniffer.onPong = c.pong
	return c
}

// run reads until the connection ends, and then cleans up.
func (c *conn) run() {
	defer c.server.remove(c)
	done := c.read()
	c.leave()
	c.socket.release()
	c.wire.linger(c.server.opts.LingerTimeout, done)
}

// read handles what comes until the end of the connection, and returns whether
// the peer need not be waited for: it has sent its close frame, or has had the
// time to.
func (c *conn) read() (done bool) {
	defer c.containPanic()
	c.setReadDeadline(c.server.opts.AuthenticationTimeout)
	err := c.readAll()
	// A peer that has not closed in the time that End gave it gets no second one.
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

var messageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readAll handles messages until there are no more.
func (c *conn) readAll() error {
	for {
		if err := c.readOne(); err != nil {
			return err
		}
	}
}

// errEnded: the server has ended the connection; what else comes is ignored.
var errEnded = errors.New("ws: ended")

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
	// Here and not in the sniffer: that sees what a client sends right after
	// it authenticates, before the authentication is done.
	if _, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1)); err != nil {
		return err
	}
	if buf.Len() > limit {
		return errMessageTooLarge
	}
	message := buf.Bytes()
	if c.ended.Load() != nil {
		return errEnded
	}
	if c.refused != nil {
		return nil
	}
	c.wire.awaitBudget()
	if c.ended.Load() != nil {
		return errEnded
	}
	c.wire.busy.Store(true)
	defer func() {
		c.wire.heard.Store(time.Now().UnixNano())
		c.wire.busy.Store(false)
	}()
	return c.handle(message)
}

// messageLimit is how large the client's next message may be.
func (c *conn) messageLimit() int {
	if c.principal == nil {
		return c.server.strangerBytes()
	}
	return c.server.opts.MessageBytes
}

// explain ends the connection with the reason that reading ended for, if that
// was not the peer's wish.
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
	case c.refused != nil:
		c.End(c.refused)
	case c.principal == nil && errors.Is(err, os.ErrDeadlineExceeded):
		c.End(protocol.Errorf(protocol.CodeAuthenticationTimeout, "no authentication within %v", c.server.opts.AuthenticationTimeout))
	case !closedByPeer(err) && !isBroken(err) && !errors.Is(err, errEnded):
		c.End(protocol.Errorf(protocol.CodeProtocolViolation, "not a WebSocket frame as RFC 6455 has them"))
	}
}

// isBroken says whether reading ended because the connection did.
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

// setReadDeadline bounds how long the next read may take; 0 is no bound. That
// of a connection which has ended meanwhile stays.
func (c *conn) setReadDeadline(d time.Duration) {
	deadline := time.Time{}
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	c.wire.nc.SetReadDeadline(deadline)
	if c.ended.Load() != nil || c.wire.hasEnded() {
		c.wire.nc.SetReadDeadline(time.Now().Add(c.server.opts.LingerTimeout))
	}
}

// violate answers a message that breaks the protocol, and ends the connection.
func (c *conn) violate(v *protocol.Violation) {
	c.answers.settle()
	c.refuse(v.ID, v.Action, v.Refusal)
	c.End(v.Refusal)
}

// End closes the connection for the reason given. It implements
// gateway.Connection, and is safe to call at any time, from anywhere.
func (c *conn) End(reason *protocol.Error) { c.end(reason) }

// end returns whether the peer is told of the reason, as far as can be known.
func (c *conn) end(reason *protocol.Error) (told bool) {
	if !c.ended.CompareAndSwap(nil, reason) {
		return false
	}
	code := closePolicyViolation
	if info, ok := reason.Code.Info(); ok && info.Close != 0 {
		code = info.Close
	}
	told = c.wire.end(closeFrame(code, fmt.Sprintf("%s: %s", reason.Code, reason.Message)))
	c.wire.nc.SetReadDeadline(time.Now().Add(c.server.opts.LingerTimeout))
	c.noteEnd(reason)
	return told
}

// closePolicyViolation is RFC 6455's code for whatever has none of its own.
const closePolicyViolation = 1008

// drop cuts off a peer that is not there any more.
func (c *conn) drop(reason *protocol.Error) {
	if c.ended.CompareAndSwap(nil, reason) {
		c.noteEnd(reason)
	}
	c.wire.nc.Close()
}

func (c *conn) noteEnd(reason *protocol.Error) {
	c.server.gateway.Metrics.Ended(reason.Code)
	level := slog.LevelInfo
	if reason.Code == protocol.CodeServerShutdown {
		level = slog.LevelDebug // all of them at once, and no news
	}
	attributes := []any{"address", c.address, "code", reason.Code, "reason", reason.Message}
	if p := c.who.Load(); p != nil {
		attributes = append(attributes, "jail", p.JailID, "client", p.ClientID)
	}
	c.server.log.Log(context.Background(), level, "connection ended", attributes...)
}

// leave gives back what the connection holds.
func (c *conn) leave() {
	c.mu.Lock()
	subs := c.subs
	c.subs = nil
	c.mu.Unlock()
	for _, s := range subs {
		s.close()
	}
	if c.session != nil {
		c.session.Leave()
	}
}

// refuse answers a request that failed.
func (c *conn) refuse(id int64, action string, e *protocol.Error) {
	c.wire.send(c.refusal(id, action, e))
}

func (c *conn) refusal(id int64, action string, e *protocol.Error) []byte {
	c.server.gateway.Metrics.Refused(transport, e)
	return appendText(nil, func(b []byte) []byte { return protocol.AppendRefusal(b, id, action, e) })
}

// succeed answers a request. The payload is raw JSON, or nil for none.
func (c *conn) succeed(id int64, action string, payload []byte) {
	c.wire.send(success(id, action, payload))
}

func success(id int64, action string, payload []byte) []byte {
	return appendText(nil, func(b []byte) []byte { return protocol.AppendSuccess(b, id, action, payload) })
}

// requestContext bounds the requests that wait for storage.
func (c *conn) requestContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), requestTimeout)
}

const requestTimeout = 30 * time.Second
