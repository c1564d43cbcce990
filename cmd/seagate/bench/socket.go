package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/client"
	"seagate/protocol"
)

// Opcodes of RFC 6455 §5.2.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

const (
	dialTimeout = 30 * time.Second
	// smallBuffer is the buffer of a connection until that is full.
	smallBuffer = 4 << 10
	// largeBuffer is what it has then: each read costs a system call.
	largeBuffer = 256 << 10
	// maxFrame is more than a gateway sends, in bytes.
	maxFrame = maxSize + 64<<10
)

// A socket is one WebSocket. Owned by one goroutine, apart from close.
type socket struct {
	net.Conn
	in         []byte
	start, end int       // of what was read and not taken
	readAt     time.Time // when the newest of it came
	id         int       // of the last request
}

// How often dial tries to connect, and how long it waits in between.
const (
	attempts  = 6
	firstWait = 50 * time.Millisecond // after the first one; it doubles
)

// dial opens an authenticated WebSocket. It tries again if the connection breaks: a gateway
// that gets many connections at a time closes some without an answer. A later attempt gets
// a connection, or the reason why there is none.
func dial(ctx context.Context, target *url.URL, encryption *tls.Config, credentials client.Credentials) (*socket, error) {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		s, err := dialOnce(ctx, target, encryption, credentials)
		if attempt == attempts || !errors.Is(err, client.ErrConnection) {
			return s, err
		}
		select {
		case <-time.After(wait):
			wait *= 2
		case <-ctx.Done():
			return nil, err
		}
	}
}

func dialOnce(ctx context.Context, target *url.URL, encryption *tls.Config, credentials client.Credentials) (*socket, error) {
	s, err := open(ctx, target, encryption)
	if err != nil {
		return nil, err
	}
	if err := s.authenticate(credentials); err != nil {
		s.Close()
		return nil, err
	}
	s.SetDeadline(time.Time{})
	return s, nil
}

// open connects to the gateway and makes the handshake. The socket has a deadline.
func open(ctx context.Context, target *url.URL, encryption *tls.Config) (*socket, error) {
	conn, err := connect(ctx, target, encryption)
	if err != nil {
		return nil, err
	}
	// The gateway accepts any key. The proof in its answer, which depends on the key, does not
	// matter here and is not checked.
	path := strings.TrimSuffix(target.EscapedPath(), "/") + "/api/v1/streams"
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n", path, target.Host)
	if err != nil {
		conn.Close()
		return nil, connectionError(err)
	}
	answer := bufio.NewReaderSize(conn, smallBuffer)
	response, err := http.ReadResponse(answer, nil)
	if err != nil {
		conn.Close()
		return nil, connectionError(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		defer conn.Close()
		return nil, refusedHandshake(response)
	}
	s := &socket{Conn: conn, in: make([]byte, smallBuffer)}
	rest, _ := answer.Peek(answer.Buffered()) // what came behind the answer
	s.end = copy(s.in, rest)
	return s, nil
}

// connect connects to the gateway, with TLS if its URL says so. The connection has a deadline.
func connect(ctx context.Context, target *url.URL, encryption *tls.Config) (net.Conn, error) {
	port := target.Port()
	if port == "" {
		port = target.Scheme
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var conn net.Conn
	var err error
	address := net.JoinHostPort(target.Hostname(), port)
	if target.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: encryption}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, connectionError(err)
	}
	conn.SetDeadline(time.Now().Add(dialTimeout))
	return conn, nil
}

// connectionError marks an error of a connection, for the commands, which have words for each.
func connectionError(err error) error { return fmt.Errorf("%w: %w", client.ErrConnection, err) }

// refusedHandshake returns the gateway's reason for an answer that is no WebSocket's.
func refusedHandshake(response *http.Response) error {
	const most = 64 << 10
	body, _ := io.ReadAll(io.LimitReader(response.Body, most))
	return client.ResponseError(response.StatusCode, body)
}

func (s *socket) authenticate(c client.Credentials) error {
	payload := map[string]any{"type": c.Type, "clientId": c.ClientID}
	if c.Type == protocol.JWTCredentials {
		payload["jwt"] = c.Secret.Reveal()
	} else {
		payload["clientSecret"] = c.Secret.Reveal()
	}
	return s.request("authenticate", map[string]any{"payload": payload})
}

// request sends a request and waits for its answer. Nothing else may arrive before that.
func (s *socket) request(action string, members map[string]any) error {
	s.id++
	members["id"], members["action"] = s.id, action
	text, err := json.Marshal(members)
	if err != nil {
		return err
	}
	if _, err := s.Write(appendFrame(nil, opText, text)); err != nil {
		return connectionError(err)
	}
	answer, err := s.next()
	if err == nil && !isSuccess(answer) {
		err = refusalOf(answer)
	}
	return err
}

// next waits for a message. It stays valid until the next call. It answers pings.
func (s *socket) next() ([]byte, error) {
	for {
		if message, err := s.received(); message != nil || err != nil {
			return message, err
		}
		if err := s.fill(); err != nil {
			return nil, err
		}
	}
}

// received is next for what has come already. It returns nil if that is no whole message.
func (s *socket) received() ([]byte, error) {
	for {
		op, payload, ok, err := s.buffered()
		if err != nil || !ok {
			return nil, err
		}
		switch op {
		case opText:
			return payload, nil
		case opPing:
			if _, err := s.Write(appendFrame(nil, opPong, payload)); err != nil {
				return nil, err
			}
		case opClose:
			return nil, closeError(payload)
		}
	}
}

// buffered takes a frame that was read whole.
func (s *socket) buffered() (op byte, payload []byte, ok bool, err error) {
	b := s.in[s.start:s.end]
	op, begin, total, ok := header(b)
	switch {
	case !ok:
		return 0, nil, false, nil
	case total > maxFrame:
		return 0, nil, false, fmt.Errorf("the gateway sends a frame of %d bytes", total)
	case total > len(b):
		if total > len(s.in) {
			s.in = append(make([]byte, 0, 2*total), b...)[:2*total]
			s.start, s.end = 0, len(b)
		}
		return 0, nil, false, nil
	}
	s.start += total
	return op, b[begin:total], true, nil
}

// header reads the header of a frame that a gateway sends, which is never masked and never a
// fragment. ok is false if it is not there whole.
func header(b []byte) (op byte, begin, total int, ok bool) {
	if len(b) < 2 {
		return 0, 0, 0, false
	}
	op, begin = b[0]&0xf, 2
	length := int(b[1] & 0x7f)
	switch {
	case length == 126 && len(b) >= 4:
		begin, length = 4, int(binary.BigEndian.Uint16(b[2:]))
	case length == 127 && len(b) >= 10:
		begin, length = 10, int(min(binary.BigEndian.Uint64(b[2:]), 1<<40))
	case length >= 126:
		return 0, 0, 0, false
	}
	return op, begin, begin + length, true
}

// fill reads more into the buffer.
func (s *socket) fill() error {
	switch {
	case s.start == s.end:
		s.start, s.end = 0, 0
	case s.end == len(s.in):
		s.end = copy(s.in, s.in[s.start:s.end])
		s.start = 0
	}
	n, err := s.Read(s.in[s.end:])
	s.end += n
	if s.end == len(s.in) && len(s.in) < largeBuffer { // much comes together
		s.in = append(make([]byte, 0, largeBuffer), s.in...)[:largeBuffer]
	}
	s.readAt = time.Now()
	if n > 0 {
		return nil
	}
	return connectionError(err)
}

// appendFrame appends a frame of a client. The mask is zero, which leaves the payload as it
// is: masks protect proxies from payloads of strangers, and these are our own.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|126, byte(n>>8), byte(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	return append(append(dst, 0, 0, 0, 0), payload...)
}

func closeError(payload []byte) error {
	if len(payload) < 2 {
		return errors.New("the gateway has closed a connection")
	}
	return fmt.Errorf("the gateway has closed a connection: %d %s", binary.BigEndian.Uint16(payload), payload[2:])
}

// refusalOf returns the error of an answer.
func refusalOf(answer []byte) error {
	var refused struct {
		Action string `json:"action"`
		Error  struct {
			Code    protocol.Code `json:"code"`
			Message string        `json:"message"`
			Errors  []string      `json:"errors"`
		} `json:"error"`
	}
	if err := json.Unmarshal(jsontext.Value(answer), &refused); err != nil || refused.Error.Code == "" {
		return fmt.Errorf("the gateway sends what is no answer: %.200q", answer)
	}
	text := refused.Error.Message
	if len(refused.Error.Errors) > 0 {
		text += ": " + strings.Join(refused.Error.Errors, "; ")
	}
	return fmt.Errorf("%s refused: %s: %s", refused.Action, refused.Error.Code, text)
}
