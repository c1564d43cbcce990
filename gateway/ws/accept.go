package ws

// This is the only file that imports the WebSocket library. The library goes on
// as github.com/coder/websocket; only this file has to change to move there.

//lint:file-ignore SA1019 the library is deprecated in favor of its continuation, and kept on purpose: docs/architecture.md

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"nhooyr.io/websocket"

	"seagate/gateway"
	"seagate/protocol"
)

// errBinary reports a binary message from the client.
var errBinary = errors.New("ws: a binary message")

// A socket reads the messages of one connection. Owned by its reader.
type socket struct {
	conn *websocket.Conn
}

// Sizes of the library's buffers, in bytes. The write buffer holds exactly one
// control frame, so that each frame reaches the stream in one Write.
const (
	readBuffer  = 512
	writeBuffer = maxControl + 2 + 1
)

// accept completes the handshake and puts a stream between the library and the
// network connection. When it returns an error it has written the response.
func accept(rw http.ResponseWriter, r *http.Request, s *Server) (*conn, error) {
	h := &hijacker{ResponseWriter: rw, server: s, from: gateway.PeerAddress(r)}
	library, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was checked by the handler
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		if h.conn == nil {
			s.refuse(rw, protocol.Errorf(protocol.CodeInvalidRequest, "not a WebSocket handshake: %s", h.reason))
		}
		return nil, err
	}
	// The sniffer enforces the limit and closes with the documented code. The
	// limit of the library must not be lower.
	library.SetReadLimit(int64(s.opts.MessageBytes))
	h.conn.socket = &socket{library}
	return h.conn, nil
}

// next waits for the next text message and returns a reader of it. An error
// ends the connection: errBinary, or an error of the stream.
func (s *socket) next() (io.Reader, error) {
	// With a context that can end, every frame of every connection would take
	// one common lock. The deadlines are those of the network connection.
	kind, r, err := s.conn.Reader(context.Background())
	if err == nil && kind != websocket.MessageText {
		err = errBinary
	}
	return r, err
}

// release frees the memory of the library. The network connection stays open.
func (s *socket) release() { s.conn.CloseNow() }

// closedByPeer reports whether a read ended with the peer's close frame.
func closedByPeer(err error) bool { return websocket.CloseStatus(err) != -1 }

// A hijacker gives the library a stream in place of the network connection. It
// holds back the library's response to a bad handshake, which is not JSON.
type hijacker struct {
	http.ResponseWriter
	server *Server
	from   netip.Addr
	conn   *conn  // nil before Hijack
	reason string // the held back response: what is wrong with the handshake
}

// WriteHeader implements http.ResponseWriter.
func (h *hijacker) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols {
		h.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter. It keeps the text as the reason.
func (h *hijacker) Write(b []byte) (int, error) {
	h.reason += strings.TrimSpace(string(b))
	return len(b), nil
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	real, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, fmt.Errorf("ws: %T cannot be hijacked", h.ResponseWriter)
	}
	nc, brw, err := real.Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, err := io.ReadAll(io.LimitReader(brw.Reader, int64(brw.Reader.Buffered())))
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	h.conn = newConn(h.server, nc, early, h.from)
	return h.conn.stream, bufio.NewReadWriter(
		bufio.NewReaderSize(h.conn.stream, readBuffer),
		bufio.NewWriterSize(h.conn.stream, writeBuffer),
	), nil
}
