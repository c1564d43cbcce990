package client

// This is the one file that knows the WebSocket library. Its continuation is
// github.com/coder/websocket; to move there is to change this file.
//
// The library's Close may wait for ever for a peer that announces a frame and
// stalls, and then not even CloseNow gets through. So closing is ours: see
// wire.end.

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
	// idleTimeout is two of the 30 s in which a gateway pings, and some slack.
	idleTimeout = 70 * time.Second
	// writeTimeout is how long the gateway may read nothing of what it is sent.
	writeTimeout = 30 * time.Second
)

var (
	errIdle    = fmt.Errorf("the gateway was silent for %v", idleTimeout)
	errUnread  = fmt.Errorf("the gateway read nothing for %v", writeTimeout)
	errBinary  = errors.New("the gateway sent a binary message")
	errSwitch  = errors.New("the connection cannot be written to after the handshake")
	errRefused = errors.New("the answer to the handshake is not a WebSocket's")
)

// A socket sends and receives text messages. One goroutine reads and one
// writes and ends it.
type socket struct {
	ws   *websocket.Conn
	wire *wire
}

// dialSocket does the handshake. The error is an *Error if a gateway refused
// it.
func dialSocket(ctx context.Context, url string, c *http.Client, limit int) (*socket, error) {
	var w *wire
	tapped := *c
	tapped.Transport = tap{c.Transport, &w}
	ws, resp, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: &tapped,
		HTTPHeader: http.Header{"User-Agent": {userAgent}},
	})
	switch {
	case err == nil:
		ws.SetReadLimit(int64(limit))
		return &socket{ws, w}, nil
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		body, _ := io.ReadAll(resp.Body) // the library has cut it short
		return nil, problemError(resp.StatusCode, body)
	case resp != nil:
		return nil, errRefused
	default:
		return nil, withoutURL(err)
	}
}

// read reads the next message into buf. A close frame from the gateway is an
// *Error.
func (s *socket) read(buf *bytes.Buffer) error {
	buf.Reset()
	// The background context because the library ends the connection with the
	// context, and because the wire has the deadline.
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

// write sends a message.
func (s *socket) write(message []byte) error {
	if err := s.ws.Write(context.Background(), websocket.MessageText, message); err != nil {
		return s.explain(err)
	}
	return nil
}

func (s *socket) explain(err error) error {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return closeError(int(closed.Code), closed.Reason)
	}
	if reason := s.wire.timeout.Load(); reason != nil {
		return *reason
	}
	return err
}

// end sends the frame that begins to close the connection, after which nothing
// is sent. Read on until the gateway's own comes, but not for long: it may
// never.
func (s *socket) end() { s.wire.end() }

// mute sends no more pongs: they would acknowledge, for members of groups, what
// is dropped from now on.
func (s *socket) mute() { s.wire.muted.Store(true) }

// release closes the connection and waits for the library.
func (s *socket) release() { s.ws.CloseNow() }

// heard returns when the gateway last sent anything.
func (s *socket) heard() time.Time { return time.Unix(0, s.wire.heard.Load()) }

// tap puts a wire between the library and the connection that a handshake
// brings about.
type tap struct {
	transport http.RoundTripper
	wire      **wire
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
	*t.wire = newWire(conn)
	resp.Body = *t.wire
	return resp, nil
}

// A wire is the connection under the library. It gives every read and every
// write a deadline, and sends our own close frame.
type wire struct {
	conn    io.ReadWriteCloser
	idle    *time.Timer // runs during a Read
	unread  *time.Timer // runs during a Write; guarded by mu
	timeout atomic.Pointer[error]
	heard   atomic.Int64 // in nanoseconds since 1970
	muted   atomic.Bool  // no pongs are sent

	mu    sync.Mutex // held during a Write; guards what follows
	ended bool       // our close frame has gone out
}

func newWire(conn io.ReadWriteCloser) *wire {
	w := &wire{conn: conn}
	w.heard.Store(time.Now().UnixNano())
	w.idle = time.AfterFunc(idleTimeout, func() { w.giveUp(errIdle) })
	w.unread = time.AfterFunc(writeTimeout, func() { w.giveUp(errUnread) })
	w.idle.Stop()
	w.unread.Stop()
	return w
}

func (w *wire) giveUp(reason error) {
	w.timeout.CompareAndSwap(nil, &reason)
	w.conn.Close()
}

// Read implements io.Reader.
func (w *wire) Read(p []byte) (int, error) {
	w.idle.Reset(idleTimeout)
	n, err := w.conn.Read(p)
	w.idle.Stop()
	if n > 0 {
		w.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

// Write implements io.Writer. What comes after our close frame, such as the
// library's own, is dropped (RFC 6455 §5.5.1).
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.muted.Load() && isPong(p) {
		return len(p), nil
	}
	return w.writeLocked(p)
}

// isPong says whether what the library writes is a pong: FIN and opcode 10, and
// all of it. A part of a long message may begin like one.
func isPong(p []byte) bool {
	const header = 2 + 4 // with the masking key
	return len(p) >= header && p[0] == 0x8a && p[1]&0x80 != 0 && len(p) == header+int(p[1]&0x7f)
}

func (w *wire) writeLocked(p []byte) (int, error) {
	w.unread.Reset(writeTimeout)
	defer w.unread.Stop()
	return w.conn.Write(p)
}

// Close implements io.Closer.
func (w *wire) Close() error { return w.conn.Close() }

// closeNormal is RFC 6455 §7.4.1's code for a connection that has served its
// purpose.
const closeNormal = 1000

// end sends a close frame. No message is on its way then, since whoever
// writes messages calls it, and the library hands us pongs whole: so it falls
// between two frames.
//
//	byte  0    FIN and opcode 8
//	      1    masked, 2 bytes of payload
//	      2-5  masking key
//	      6-7  the code, masked
func (w *wire) end() {
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], rand.Uint32())
	frame := []byte{0x88, 0x82, key[0], key[1], key[2], key[3],
		byte(closeNormal>>8) ^ key[0], byte(closeNormal&0xff) ^ key[1]}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.ended = true
		w.writeLocked(frame) // if it fails, the connection is over all the same
	}
}
