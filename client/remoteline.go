package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// A remoteLine is one connection of a RemoteStream.
type remoteLine struct {
	conn   net.Conn
	wire   msgstream.Wire
	reader *bufio.Reader
	limit  int

	slots chan struct{} // each call holds one until it is answered
	lost  chan struct{} // closed when the connection has ended
	wake  chan struct{} // holds a value while pending may have something

	// Guarded by RemoteStream.mu.
	calls   map[int64]chan<- error
	pending []byte // lines that the writer has not taken yet
	reason  error  // the last error line that was about no request
	served  bool   // a line came that is no error
}

// lineKeepAlive finds a gateway that is gone without a word within about 50 s.
var lineKeepAlive = net.KeepAliveConfig{Enable: true, Idle: 20 * time.Second, Interval: 10 * time.Second, Count: 3}

// session makes a connection and serves it until it ends. It always returns why, and
// whether the gateway has done anything but refuse.
func (r *RemoteStream) session(ctx context.Context) (served bool, err error) {
	line, err := dialLine(ctx, r.address, r.options)
	if err != nil {
		return false, err
	}
	stopped := context.AfterFunc(ctx, func() { line.conn.Close() })
	defer stopped()
	var writer sync.WaitGroup
	writer.Go(func() { r.write(line) })
	r.open(line)
	err = r.read(line)
	r.close(line, err)
	writer.Wait()
	return line.served, err
}

// DialLines connects to the lines listener at HOST:PORT and authenticates, for lines of the
// caller's own. The error is an *Error if the gateway refuses.
func DialLines(ctx context.Context, address string, options RemoteOptions) (net.Conn, error) {
	options, err := options.complete(address)
	if err != nil {
		return nil, err
	}
	line, err := dialLine(ctx, address, options)
	if err != nil {
		return nil, fmt.Errorf("client: connect: %w", err)
	}
	return readAheadConn{line.conn, line.reader}, nil
}

// A readAheadConn is a connection with a reader that has read more of it than was used.
type readAheadConn struct {
	net.Conn
	reader *bufio.Reader
}

// Read implements net.Conn.
func (c readAheadConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

// dialLine connects and authenticates. If the token of Options.Token has expired, it does so
// again with another.
func dialLine(ctx context.Context, address string, options RemoteOptions) (*remoteLine, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	line, err := dialLineOnce(ctx, address, options)
	if options.renews(err) {
		return dialLineOnce(ctx, address, options)
	}
	return line, err
}

func dialLineOnce(ctx context.Context, address string, options RemoteOptions) (*remoteLine, error) {
	credentials, err := freshCredentials(ctx, options.Credentials, options.Token)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{KeepAliveConfig: lineKeepAlive}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, connectionError(ctx, err)
	}
	if options.TLS != nil {
		encrypted := tls.Client(conn, options.TLS)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, connectionError(ctx, err)
		}
		conn = encrypted
	}
	line := &remoteLine{
		conn: conn, wire: options.Wire, reader: bufio.NewReader(conn), limit: options.LineBytes,
		slots: make(chan struct{}, maxInFlight), lost: make(chan struct{}), wake: make(chan struct{}, 1),
		calls: map[int64]chan<- error{},
	}
	if credentials == (Credentials{}) {
		return line, nil
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	if err := line.authenticate(credentials); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return line, nil
}

func (l *remoteLine) authenticate(c Credentials) error {
	payload := struct {
		Type     string `json:"type"`
		ClientID string `json:"clientId"`
		JailID   string `json:"jailId,omitzero"`
		Secret   string `json:"clientSecret,omitzero"`
		JWT      string `json:"jwt,omitzero"`
	}{Type: c.Type, ClientID: c.ClientID, JailID: c.JailID}
	if c.Type == protocol.JWTCredentials {
		payload.JWT = c.Secret.Reveal()
	} else {
		payload.Secret = c.Secret.Reveal()
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	text, err := l.wire.Requests.Encode(nil, msgstream.Request{Action: msgstream.ActionAuthenticate, ID: jsontext.Value("0"), Payload: raw})
	if err != nil {
		return err
	}
	if _, err := l.conn.Write(append(text, '\n')); err != nil {
		return broken(err)
	}
	e, err := l.receive()
	switch {
	case err != nil:
		return broken(err)
	case e.Action == msgstream.ActionError:
		return lineError(e.Error)
	case e.Action != msgstream.ActionAuthenticate:
		return fmt.Errorf("%w: the answer to authenticate is %q", ErrConnection, e.Action)
	}
	return nil
}

var errLineTooLong = errors.New("the gateway sent a line that is too long")

// receive reads the next line. What it returns shares no memory with the next.
func (l *remoteLine) receive() (msgstream.Event, error) {
	var text []byte
	for {
		part, err := l.reader.ReadSlice('\n')
		text = append(text, part...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if len(text) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return msgstream.Event{}, err
		}
		if len(text) > l.limit {
			return msgstream.Event{}, errLineTooLong
		}
		if err == nil {
			return l.wire.Events.Decode(bytes.TrimRight(text, "\r\n"))
		}
	}
}

// sendLocked queues a line for the writer.
func (l *remoteLine) sendLocked(request msgstream.Request) (err error) {
	if l.pending, err = l.wire.Requests.Encode(l.pending, request); err != nil {
		return err
	}
	l.pending = append(l.pending, '\n')
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// write writes lines until the connection ends.
func (r *RemoteStream) write(line *remoteLine) {
	for {
		select {
		case <-line.wake:
		case <-line.lost:
			return
		}
		r.mu.Lock()
		pending := line.pending
		line.pending = nil
		r.mu.Unlock()
		line.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := line.conn.Write(pending); err != nil {
			line.conn.Close() // the reader sees it
		}
	}
}

// open begins to use a new connection, and joins all streams again on it.
func (r *RemoteStream) open(line *remoteLine) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		line.conn.Close()
		return
	}
	r.setLineLocked(line)
	for _, f := range r.follows {
		f.listenID = 0
		r.listenLocked(f)
	}
}

// close fails the calls of a connection that has ended.
func (r *RemoteStream) close(line *remoteLine, reason error) {
	line.conn.Close()
	close(line.lost)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line == line {
		r.setLineLocked(nil)
	}
	for _, answer := range line.calls {
		answer <- reason
	}
	line.calls = nil
}

// read handles lines until the connection ends.
func (r *RemoteStream) read(line *remoteLine) error {
	for {
		e, err := line.receive()
		if err == nil {
			err = r.handle(line, e)
		}
		if err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			if line.reason != nil { // what the gateway said last explains more
				return line.reason
			}
			return broken(err)
		}
	}
}

// requestID returns the id of the request that a line is about, or 0.
func requestID(raw jsontext.Value) int64 {
	id, _ := strconv.ParseInt(string(raw), 10, 64)
	return id
}

// handle does what a line of the gateway says. An error ends the connection.
func (r *RemoteStream) handle(line *remoteLine, e msgstream.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line != line {
		return ErrClosed
	}
	line.served = line.served || e.Action != msgstream.ActionError
	id := requestID(e.ID)
	if answer, ok := line.calls[id]; ok && id > 0 {
		delete(line.calls, id)
		if e.Action == msgstream.ActionError {
			answer <- lineError(e.Error)
		} else {
			answer <- nil
		}
		return nil
	}
	f := r.follows[e.Stream]
	switch {
	case e.Action == msgstream.ActionError && id == 0:
		line.reason = lineError(e.Error)
	case f == nil:
	case e.Action == msgstream.ActionError && id == f.listenID:
		return r.refusedLocked(f, e.Error)
	case e.Action == msgstream.ActionListen && id == f.listenID:
		r.joinedLocked(f, e)
	case e.Action == msgstream.ActionPut && e.Header:
		f.headerLocked(e)
	case e.Action == msgstream.ActionPut && f.joined:
		r.deliverLocked(f, e)
	case e.Action == msgstream.ActionGap && f.joined:
		r.gapLocked(f, e)
	case e.Action == msgstream.ActionClose && f.joined:
		r.closedLocked(f, nil)
	}
	return nil
}
