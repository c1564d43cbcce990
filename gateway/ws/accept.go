package ws

// This is the only file that imports the WebSocket library. The library goes on
// as github.com/coder/websocket; only this file has to change to move there.

//lint:file-ignore SA1019 the library is deprecated in favor of its continuation, and kept on purpose: docs/architecture.md

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"nhooyr.io/websocket"

	"seagate/gateway"
	"seagate/protocol"
)

// accept completes the handshake. The library makes and checks it, and has nothing to
// do with the connection after that. When accept returns an error it has written the
// response.
func accept(rw http.ResponseWriter, r *http.Request, s *Server) (*conn, error) {
	h := &hijacker{ResponseWriter: rw, server: s, from: gateway.PeerAddress(r)}
	_, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the origin was checked by the handler
		CompressionMode:    websocket.CompressionDisabled,
	})
	switch {
	case h.conn != nil:
		return h.conn, nil
	case !h.taken:
		s.refuse(rw, protocol.Errorf(protocol.CodeInvalidRequest, "not a WebSocket handshake: %s", h.reason))
	}
	return nil, err
}

// errTaken is why the library does not get the network connection of a handshake that it found
// good. So it makes nothing of its own, such as a goroutine, that would be thrown away.
var errTaken = errors.New("ws: the connection has another owner")

// A hijacker takes the network connection, which the library is not to have. It
// holds back what the library writes. The response to a good handshake is written with one
// call, and that to a bad one, which is not JSON, not at all.
type hijacker struct {
	http.ResponseWriter
	server *Server
	from   netip.Addr
	taken  bool   // the network connection is no longer the HTTP server's
	conn   *conn  // nil if the handshake failed
	reason string // the held back response: what is wrong with the handshake
}

// WriteHeader implements http.ResponseWriter.
func (h *hijacker) WriteHeader(int) {}

// Write implements http.ResponseWriter. It keeps the text as the reason.
func (h *hijacker) Write(b []byte) (int, error) {
	h.reason += strings.TrimSpace(string(b))
	return len(b), nil
}

// Hijack implements http.Hijacker. It makes the connection if it can, and always returns an
// error.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	real, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, fmt.Errorf("ws: %T cannot be hijacked", h.ResponseWriter)
	}
	nc, brw, err := real.Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.taken = true
	early, _ := brw.Reader.Peek(brw.Reader.Buffered()) // what was read already
	if err := h.respond(nc); err != nil {
		nc.Close()
		return nil, nil, err
	}
	h.conn = newConn(h.server, nc, early, h.from)
	return nil, nil, errTaken
}

// respond writes the response to a good handshake.
func (h *hijacker) respond(nc net.Conn) error {
	response := bytes.NewBufferString("HTTP/1.1 101 Switching Protocols\r\n")
	h.Header().Write(response)
	response.WriteString("\r\n")
	// A peer that reads nothing may have asked for much before.
	nc.SetWriteDeadline(time.Now().Add(h.server.opts.StallTimeout))
	defer nc.SetWriteDeadline(time.Time{})
	_, err := nc.Write(response.Bytes())
	return err
}
