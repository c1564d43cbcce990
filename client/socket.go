package client

// This is the only file that knows the WebSocket library. Its continuation is
// github.com/coder/websocket; moving there is a change of this file.
//
// The library's Close can wait for ever for a peer that announces a frame and
// stalls, and then CloseNow does not work either. Therefore the socket sends the
// close frame itself: see end.

//lint:file-ignore SA1019 the library has moved, and is frozen but complete

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"nhooyr.io/websocket"
)

const (
	// idleTimeout is the longest silence of a gateway. It is twice the 30 s in
	// which a gateway pings at least once, and some slack.
	idleTimeout = 70 * time.Second
	// writeTimeout is the longest time in which the gateway may read nothing of
	// what it is sent.
	writeTimeout = 30 * time.Second
)

var (
	errIdle    = fmt.Errorf("the gateway was silent for %v", idleTimeout)
	errUnread  = fmt.Errorf("the gateway read nothing for %v", writeTimeout)
	errBinary  = errors.New("the gateway sent a binary message")
	errSwitch  = errors.New("the connection cannot be written to after the handshake")
	errRefused = errors.New("the answer to the handshake is not a WebSocket's")
)

// A socket sends and receives text messages. One goroutine receives. Another one
// sends and ends it.
//
// The socket lies on both sides of the library: receive and send use it, and it
// reads from and writes to the connection through Read and Write, which have
// deadlines.
type socket struct {
	ws      *websocket.Conn
	conn    io.ReadWriteCloser
	idle    *time.Timer // runs during a Read
	unread  *time.Timer // runs during a Write; guarded by mu
	timeout atomic.Pointer[error]
	heardAt atomic.Int64 // when the gateway last sent anything, in nanoseconds since 1970
	muted   atomic.Bool  // no pongs are sent

	mu    sync.Mutex // held during a Write; guards what follows
	ended bool       // our close frame is sent
}

// dialSocket connects. The error is an *Error if a gateway refuses.
func dialSocket(ctx context.Context, url string, c *http.Client, limit int) (*socket, error) {
	s := &socket{}
	s.idle = time.AfterFunc(idleTimeout, func() { s.giveUp(errIdle) })
	s.unread = time.AfterFunc(writeTimeout, func() { s.giveUp(errUnread) })
	s.idle.Stop()
	s.unread.Stop()
	tapped := *c
	tapped.Transport = tap{c.Transport, s}
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: &tapped,
		HTTPHeader: http.Header{"User-Agent": {userAgent}},
	})
	switch {
	case err == nil:
		ws.SetReadLimit(int64(limit))
		s.ws = ws
		return s, nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		body, _ := io.ReadAll(resp.Body) // the library has shortened it
		return nil, ResponseError(resp.StatusCode, body)
	case resp != nil:
		return nil, errRefused
	default:
		return nil, withoutURL(err)
	}
}

// tap puts the socket between the library and the connection of a handshake.
type tap struct {
	transport http.RoundTripper
	socket    *socket
}

// RoundTrip implements http.RoundTripper.
func (t tap) RoundTrip(r *http.Request) (*http.Response, error) {
	transport := t.transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	resp, err := transport.RoundTrip(r)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		return resp, err
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		resp.Body.Close()
		return nil, errSwitch
	}
	t.socket.conn = conn
	t.socket.heardAt.Store(time.Now().UnixNano())
	resp.Body = t.socket
	return resp, nil
}

// receive reads the next message into buf. A close frame from the gateway is an
// *Error.
func (s *socket) receive(buf *bytes.Buffer) error {
	buf.Reset()
	// The library ends the connection with the context, so there is none. Read has
	// the deadline.
	kind, r, err := s.ws.Reader(context.Background())
	if err == nil {
		_, err = buf.ReadFrom(r)
	}
	if err != nil {
		return s.explain(err)
	}
	if kind != websocket.MessageText {
		return errBinary
	}
	return nil
}

// send sends a message.
func (s *socket) send(message []byte) error {
	if err := s.ws.Write(context.Background(), websocket.MessageText, message); err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *socket) explain(err error) error {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return closeError(int(closed.Code), closed.Reason)
	}
	if reason := s.timeout.Load(); reason != nil {
		return *reason
	}
	return err
}

// closeNormal is the code of a connection that has done its work
// (RFC 6455 §7.4.1).
const closeNormal = 1000

// end sends a close frame. Nothing is sent after it. Receive until the gateway's
// close frame arrives, but not for long, since it may never arrive.
//
// Only the goroutine that sends messages calls end, and the library writes pongs
// as a whole. So the frame lies between two others.
//
//	byte  0    FIN and opcode 8
//	      1    masked, 2 bytes of payload
//	      2-5  masking key
//	      6-7  the code, masked
func (s *socket) end() {
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], rand.Uint32())
	frame := []byte{0x88, 0x82, key[0], key[1], key[2], key[3],
		byte(closeNormal>>8) ^ key[0], byte(closeNormal&0xff) ^ key[1]}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		s.writeLocked(frame) // after an error the connection ends as well
	}
}

// mute stops pongs. Call it before messages are dropped: a pong would acknowledge
// them for a member of a group.
func (s *socket) mute() { s.muted.Store(true) }

// release closes the connection and waits for the library.
func (s *socket) release() { s.ws.CloseNow() }

// heard returns when the gateway last sent anything.
func (s *socket) heard() time.Time { return time.Unix(0, s.heardAt.Load()) }

func (s *socket) giveUp(reason error) {
	s.timeout.CompareAndSwap(nil, &reason)
	s.conn.Close()
}

// Read implements io.Reader, for the library.
func (s *socket) Read(p []byte) (int, error) {
	s.idle.Reset(idleTimeout)
	n, err := s.conn.Read(p)
	s.idle.Stop()
	if n > 0 {
		s.heardAt.Store(time.Now().UnixNano())
	}
	return n, err
}

// Write implements io.Writer, for the library. It drops what follows our close
// frame, such as the library's own (RFC 6455 §5.5.1).
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.muted.Load() && isPong(p) {
		return len(p), nil
	}
	return s.writeLocked(p)
}

// isPong reports whether a write of the library is a pong: FIN and opcode 10, in
// its whole length. A part of a long message can begin with the same bytes.
func isPong(p []byte) bool {
	const header = 2 + 4 // with the masking key
	return len(p) >= header && p[0] == 0x8a && p[1]&0x80 != 0 && len(p) == header+int(p[1]&0x7f)
}

func (s *socket) writeLocked(p []byte) (int, error) {
	s.unread.Reset(writeTimeout)
	defer s.unread.Stop()
	return s.conn.Write(p)
}

// Close implements io.Closer, for the library.
func (s *socket) Close() error { return s.conn.Close() }
