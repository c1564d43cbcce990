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

// Buffers of the library. The write buffer holds one control frame exactly, so
// that each reaches the wire in one Write: smaller ones would be split.
const (
	readBuffer  = 512
	writeBuffer = maxControl + 2 + 1
)

// accept answers the handshake and puts a wire between library and socket.
// After an error the response is written.
func accept(rw http.ResponseWriter, r *http.Request, s *Server) (*socket, *wire, error) {
	h := &hijacker{ResponseWriter: rw, server: s}
	conn, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was checked by the handler
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		if h.wire == nil {
			e := protocol.Errorf(protocol.CodeInvalidRequest, "not a WebSocket handshake: %s", h.reason)
			s.gateway.Metrics.Refused(transport, e)
			gateway.WriteProblem(rw, e)
		}
		return nil, nil, err
	}
	// The wire refuses what is over the limit, with the code that we document;
	// the library's own limit only must not be lower.
	conn.SetReadLimit(int64(s.opts.MessageBytes))
	return &socket{conn}, h.wire, nil
}

// next waits for the next text message and returns a reader of it. An error
// ends the connection: errBinary, or whatever stopped the wire.
func (s *socket) next() (io.Reader, error) {
	// A context with an end would make every frame of every connection take
	// one common lock. Deadlines are set on the wire.
	kind, r, err := s.conn.Reader(context.Background())
	if err == nil && kind != websocket.MessageText {
		err = errBinary
	}
	return r, err
}

// release frees what the library holds. The wire stays open.
func (s *socket) release() { s.conn.CloseNow() }

// closedByPeer says whether a read ended because the peer closed in order.
func closedByPeer(err error) bool { return websocket.CloseStatus(err) != -1 }

// A hijacker makes the library get a wire where it asks for the connection, and
// keeps what the library answers to a bad handshake, which is no JSON.
type hijacker struct {
	http.ResponseWriter
	server *Server
	wire   *wire
	reason string
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
	h.wire = newWire(nc, early, h.server)
	return h.wire, bufio.NewReadWriter(
		bufio.NewReaderSize(h.wire, readBuffer),
		bufio.NewWriterSize(h.wire, writeBuffer),
	), nil
}
