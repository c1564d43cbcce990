package ws

// The library is the judge of our reading.

//lint:file-ignore SA1019 the library is deprecated in favor of its continuation, and kept on purpose: docs/architecture.md

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"nhooyr.io/websocket"
)

// readWithLibrary returns the messages that the library reads from a client's bytes.
func readWithLibrary(t *testing.T, b []byte) (texts []string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	given := &givenBytes{ResponseWriter: httptest.NewRecorder(), r: bytes.NewReader(b)}
	c, err := websocket.Accept(given, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for {
		kind, message, err := c.Read(context.Background())
		if err != nil || kind != websocket.MessageText {
			return texts
		}
		texts = append(texts, string(message))
	}
}

// givenBytes is a connection on which a client has sent bytes and nothing more.
type givenBytes struct {
	http.ResponseWriter
	net.Conn
	r *bytes.Reader
}

func (g *givenBytes) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return g, bufio.NewReadWriter(bufio.NewReader(g), bufio.NewWriter(g)), nil
}

func (g *givenBytes) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the library takes EOF for the end of a message
	}
	return n, err
}

func (g *givenBytes) Write(p []byte) (int, error) { return len(p), nil }
func (g *givenBytes) Close() error                { return nil }
