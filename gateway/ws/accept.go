package ws

// This is the only file that imports the WebSocket library. The library goes on
// as github.com/coder/websocket; only this file has to change to move there.

//lint:file-ignore SA1019 the library is deprecated in favor of its continuation, and kept on purpose: docs/architecture.md

import (
	"bufio"
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

// accept completes the handshake. The library makes and checks it, and has nothing to
// do with the connection after that. When accept returns an error it has written the
// response.
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
	library.CloseNow() // ends its goroutine; handedOver keeps the network connection open
	return h.conn, nil
}

// A handedOver is what the library gets in place of the network connection. Nothing
// comes from it, and closing it does nothing.
type handedOver struct{ net.Conn }

func (handedOver) Read([]byte) (int, error) { return 0, io.EOF }
func (handedOver) Close() error             { return nil }

// A hijacker takes the network connection, which the library is not to have. It
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
	nothing := handedOver{nc}
	return nothing, bufio.NewReadWriter(bufio.NewReaderSize(nothing, 0), bufio.NewWriterSize(nothing, 1)), nil
}
