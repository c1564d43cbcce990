package ws

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"seagate/gateway/outbox"
	"seagate/gateway/session"
	"seagate/internal/panics"
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
	in      incoming
	source  *source
	rest    restState
	partial partial // of a message that has not come whole
	out     *outbox.Outbox
	session *session.Session
	entered bool // counts in Server.authenticated; guarded by Server.mu

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
	c.in.flood.perSecond = float64(s.opts.FramesPerSecond)
	c.source = newSource(nc, &c.in)
	for len(early) > 0 {
		n := copy(c.in.space(), early)
		c.in.filled(n)
		early = early[n:]
	}
	return c
}

// start reads from a new connection.
func (c *conn) start() {
	growStack()
	c.setReadDeadline(c.server.opts.AuthenticationTimeout)
	c.run()
}

// growStack grows the stack of the goroutine to what a request needs. Otherwise it would grow
// in steps, and be copied each time with all the calls that are on it by then.
//
//go:noinline
func growStack() {
	var stack [6 << 10]byte
	runtime.KeepAlive(&stack)
}

// run reads until the connection rests or ends. When it ends, run cleans up, completely even
// if one step panics.
func (c *conn) run() {
	defer panics.Contain("connection", func() { c.nc.Close() })
	peerDone, atRest := c.read()
	if atRest {
		return
	}
	defer c.server.remove(c)
	defer c.out.Close(c.server.opts.LingerTimeout, peerDone)
	defer c.partial.release()
	defer c.in.free()
	c.session.Close()
}

// read handles messages until the connection rests or ends. peerDone says that the peer
// gets no more time to close: it has sent its close frame, or has had the time.
func (c *conn) read() (peerDone, atRest bool) {
	defer c.containPanic()
	err := c.handleFrames() // of the early bytes
	for err == nil {
		if err = c.awaitMessage(); err != nil {
			break
		}
		if atRest, err = c.readOrRest(); atRest {
			return false, true
		}
	}
	timedOut := c.out.Ending() && errors.Is(err, os.ErrDeadlineExceeded)
	c.endAfter(err)
	return errors.Is(err, errPeerClosed) || timedOut, false
}

// containPanic ends a connection that panicked, and nothing else.
func (c *conn) containPanic() {
	if v := recover(); v != nil {
		panics.Count("connection")
		c.server.log.Error("a connection panicked", "panic", v, "stack", string(debug.Stack()))
		c.End(protocol.Errorf(protocol.CodeInternal, "the server failed"))
	}
}

var (
	// errEnded reports that the server has ended the connection. Messages that still
	// come are ignored.
	errEnded = errors.New("ws: ended")
	// errPeerClosed reports the close frame of the peer.
	errPeerClosed = errors.New("ws: closed by the peer")
)

// readSome waits for bytes and handles the frames that they complete.
func (c *conn) readSome() error {
	if err := c.source.read(); err != nil {
		return err
	}
	c.out.Heard()
	return c.handleFrames()
}

// handleFrames handles the frames that have come whole.
func (c *conn) handleFrames() error {
	defer c.session.Flush()
	now := time.Now()
	for {
		f, ok, err := c.in.next(c.messageLimit(), now)
		if err != nil || !ok {
			return err
		}
		if err := c.handleFrame(f, now); err != nil {
			return err
		}
	}
}

func (c *conn) handleFrame(f frame, now time.Time) error {
	switch f.opcode {
	case opText:
		c.rest.message = now
		return c.handleMessage(f.payload)
	case opPong:
		if c.pong(f.payload) {
			return nil
		}
	case opPing:
		c.out.SendIfRoom(controlFrame(opPong, f.payload))
	case opClose:
		// What the peer has sent before is answered before its close frame is: it may have
		// published, closed at once, and wait for the answers until the close frame comes.
		c.session.Flush()
		c.session.Settle()
		c.out.SendLast(controlFrame(opClose, f.payload))
		return errPeerClosed
	}
	return c.in.unasked(now)
}

func (c *conn) handleMessage(message []byte) error {
	if !c.out.Ending() && c.session.State() != session.Refused && c.out.IsBehind() {
		c.session.Flush() // frames that are held back for other connections must not wait for this client
		c.out.AwaitRoom()
	}
	if c.out.Ending() {
		return errEnded
	}
	return c.handle(message)
}

// refusalGrace is how long a client that was refused may take to close.
const refusalGrace = time.Second

// handle gives a message to the session. When that changes the session's state,
// the read deadline changes with it.
func (c *conn) handle(message []byte) error {
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.retired {
		return nil
	}
	before := c.session.State()
	c.partial.handled++
	c.out.SetBusy(true)
	defer c.out.SetBusy(false)
	err := c.session.Handle(message, c.in.hasMessage())
	after := c.session.State()
	if after != before {
		c.partial.watched = 0 // the deadline below replaces that of a message
	}
	switch {
	case after == before:
	case after == session.Refused:
		c.endRestDeadline()
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
	var refusal *protocol.Error
	switch {
	case errors.As(err, &violation):
		c.violate(violation)
	case errors.As(err, &refusal):
		c.End(refusal)
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
	case c.partial.watched != 0 && errors.Is(err, os.ErrDeadlineExceeded) && !c.out.Ended():
		c.End(protocol.Errorf(protocol.CodeInvalidRequest, "a message did not end within %v", c.server.opts.MessageTimeout))
	case errors.Is(err, errMalformed):
		c.end(closeProtocolError, protocol.Errorf(protocol.CodeProtocolViolation, "not a WebSocket frame as RFC 6455 has them"))
	}
}

// violate answers a message that breaks the protocol, and ends the connection.
func (c *conn) violate(v *protocol.Violation) {
	c.session.Violation(v)
	c.End(v.Refusal)
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
	if c.out.Ending() || c.out.Ended() {
		c.nc.SetReadDeadline(time.Now().Add(c.server.opts.LingerTimeout))
	}
}

// pong handles a pong from the peer, and reports whether it answers a ping. It
// acknowledges what the peer has read.
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
	code := closePolicyViolation
	if info, ok := reason.Code.Info(); ok && info.Close != 0 {
		code = info.Close
	}
	return c.end(code, reason)
}

// end is End with a close code.
func (c *conn) end(code int, reason *protocol.Error) (told bool) {
	first, told := c.out.End(closeFrame(code, fmt.Sprintf("%s: %s", reason.Code, reason.Message)))
	if !first {
		return false
	}
	c.nc.SetReadDeadline(time.Now().Add(c.server.opts.LingerTimeout))
	c.wake() // a goroutine has to wait for the peer's close frame
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

// Close codes of RFC 6455 §7.4.1.
const (
	closeProtocolError   = 1002 // of frames
	closePolicyViolation = 1008 // reasons that have no close code of their own
)

// drop closes the network connection of a peer that is gone.
func (c *conn) drop(reason *protocol.Error) {
	if first, _ := c.out.End(nil); first {
		c.noteEnd(reason)
	}
	c.close()
}

// close closes the network connection, which its reader sees.
func (c *conn) close() {
	c.nc.Close()
	c.wake()
}

func (c *conn) noteEnd(reason *protocol.Error) {
	c.server.gateway.ConnectionEnded(c.session.Client(), c.address, reason)
}
