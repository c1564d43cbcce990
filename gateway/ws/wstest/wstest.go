// Package wstest is a WebSocket client for tests that need control over every
// byte: they send frames that no library would send, stop reading, and compare
// answers to the byte.
package wstest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Opcodes of RFC 6455 §5.2.
const (
	Continuation = 0x0
	Text         = 0x1
	Binary       = 0x2
	Close        = 0x8
	Ping         = 0x9
	Pong         = 0xA
)

// Timeout is how long a read or a write may take. It is long because the machine
// may be busy.
const Timeout = time.Minute

// A Conn is the client's end of a connection. Except for Write it must be used by
// one goroutine at a time.
type Conn struct {
	t   testing.TB
	Net net.Conn
	r   *bufio.Reader
	// AutoPong answers the server's pings during reads. Default true.
	AutoPong bool
}

// Dial connects to addr and completes the handshake at the path, with the extra
// header lines. The connection is closed at the end of the test.
func Dial(t testing.TB, addr, path string, header ...string) *Conn {
	t.Helper()
	c, response := Handshake(t, addr, path, header...)
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		t.Fatalf("handshake: %s: %s", response.Status, body)
	}
	return c
}

// Handshake is Dial for a handshake that may be refused.
func Handshake(t testing.TB, addr, path string, header ...string) (*Conn, *http.Response) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return Over(t, nc, path, header...)
}

// Over is Handshake on a connection of the test's own, such as TLS or a pipe.
func Over(t testing.TB, nc net.Conn, path string, header ...string) (*Conn, *http.Response) {
	t.Helper()
	lines := append([]string{
		"GET " + path + " HTTP/1.1",
		"Host: " + nc.RemoteAddr().String(),
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, header...)
	c := &Conn{t: t, Net: nc, r: bufio.NewReader(nc), AutoPong: true}
	c.SendRaw([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	nc.SetReadDeadline(time.Now().Add(Timeout))
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return c, response
}

// SendRaw writes bytes as they are.
func (c *Conn) SendRaw(b []byte) {
	c.t.Helper()
	if err := c.Write(b); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

// Write is SendRaw for writes that may fail. It is safe for concurrent use.
//
// Write sets a new deadline each time. An old one would make a pong fail that is
// written later than Timeout after the last message, and the server would drop
// the client.
func (c *Conn) Write(b []byte) error {
	c.Net.SetWriteDeadline(time.Now().Add(Timeout))
	_, err := c.Net.Write(b)
	return err
}

// Send writes one text message.
func (c *Conn) Send(message string) {
	c.t.Helper()
	c.SendRaw(Frame(true, Text, []byte(message)))
}

// Frame returns a masked frame.
func Frame(fin bool, opcode byte, payload []byte) []byte {
	b := []byte{opcode}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, key[:]...)
	for i, p := range payload {
		b = append(b, p^key[i%4])
	}
	return b
}

// ReadFrame returns the next frame, or an error if the connection has ended.
func (c *Conn) ReadFrame() (opcode byte, payload []byte, err error) {
	c.Net.SetReadDeadline(time.Now().Add(Timeout))
	var h [2]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	switch n {
	case 126:
		var l [2]byte
		_, err = io.ReadFull(c.r, l[:])
		n = uint64(binary.BigEndian.Uint16(l[:]))
	case 127:
		var l [8]byte
		_, err = io.ReadFull(c.r, l[:])
		n = binary.BigEndian.Uint64(l[:])
	}
	if err != nil {
		return 0, nil, err
	}
	if h[0]&0x80 == 0 || h[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("the server sent a frame that is not final, or masked: % x", h)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return h[0] & 0x0f, payload, err
}

// Next returns the next message, or how the connection ended. It skips pings,
// and answers them if AutoPong is set.
func (c *Conn) Next() (message string, closed *CloseError) {
	c.t.Helper()
	for {
		opcode, payload, err := c.ReadFrame()
		if err != nil {
			return "", &CloseError{Reason: err.Error()}
		}
		switch opcode {
		case Text:
			return string(payload), nil
		case Ping:
			if c.AutoPong {
				c.SendRaw(Frame(true, Pong, payload))
			}
		case Close:
			e := &CloseError{}
			if len(payload) >= 2 {
				e.Code, e.Reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
			}
			return "", e
		case Pong:
		default:
			c.t.Fatalf("the server sent opcode %d: %q", opcode, payload)
		}
	}
}

// A CloseError says how a connection ended. Code is 0 if there was no close frame.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string { return fmt.Sprintf("closed: %d %s", e.Code, e.Reason) }

// Want reads the next message and compares it byte for byte.
func (c *Conn) Want(message string) {
	c.t.Helper()
	got, closed := c.Next()
	if closed != nil {
		c.t.Fatalf("%v, want the message %s", closed, message)
	}
	if got != message {
		c.t.Fatalf("got the message\n %s\nwant\n %s", got, message)
	}
}

// WantPublished expects the answer to a publish: its message got the number seq.
func (c *Conn) WantPublished(id, seq int) {
	c.t.Helper()
	want := fmt.Sprintf(`{"id":%d,"action":"publish","success":true,"seq":%d,"time":"`, id, seq)
	if message, closed := c.Next(); closed != nil || !strings.HasPrefix(message, want) {
		c.t.Fatalf("got %s, %v, want %s", message, closed, want)
	}
}

// WantClose expects a close frame with the code, and with a reason that begins
// as given, before any message.
func (c *Conn) WantClose(code int, reason string) {
	c.t.Helper()
	message, closed := c.Next()
	if closed == nil {
		c.t.Fatalf("got the message %s, want a close with %d", message, code)
	}
	if closed.Code != code || !strings.HasPrefix(closed.Reason, reason) {
		c.t.Fatalf("closed with %d %q, want %d %q", closed.Code, closed.Reason, code, reason)
	}
}
