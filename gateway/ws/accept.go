package ws

// This is the one file that knows the WebSocket library. Its continuation is
// github.com/coder/websocket; to move there is to change this file.

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

// errBinary: the client sent a binary message.
var errBinary = errors.New("ws: a binary message")

// A socket reads the messages of one connection. Owned by its reader.
type socket struct {
	conn *websocket.Conn
}

// Buffers of the library, in bytes. The write buffer holds one control frame
// exactly, so that each reaches the stream in one Write.
const (
	readBuffer  = 512
	writeBuffer = maxControl + 2 + 1
)

// accept answers the handshake and puts a stream between library and socket.
// If it returns an error, it has written the response.
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
	// The sniffer refuses what is over the limit, with the code that we
	// document. The library's own limit must not be lower.
	library.SetReadLimit(int64(s.opts.MessageBytes))
	h.conn.socket = &socket{library}
	return h.conn, nil
}

// next waits for the next text message and returns a reader of it. An error
// ends the connection: errBinary, or whatever stopped the stream.
func (s *socket) next() (io.Reader, error) {
	// A context with an end would make every frame of every connection take
	// one common lock. Deadlines are set on the socket.
	kind, r, err := s.conn.Reader(context.Background())
	if err == nil && kind != websocket.MessageText {
		err = errBinary
	}
	return r, err
}

// release frees what the library holds. The socket stays open.
func (s *socket) release() { s.conn.CloseNow() }

// closedByPeer says whether a read ended because the peer closed in order.
func closedByPeer(err error) bool { return websocket.CloseStatus(err) != -1 }

// A hijacker gives the library a stream where it asks for the socket. It keeps
// what the library answers to a bad handshake, because that is not JSON.
type hijacker struct {
	http.ResponseWriter
	server *Server
	from   netip.Addr
	conn   *conn  // nil before Hijack
	reason string // why the handshake is bad
}

// WriteHeader implements http.ResponseWriter.
func (h *hijacker) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols {
		h.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
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
