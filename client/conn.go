package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/secret"
	"seagate/protocol"
)

const (
	// maxInFlight bounds the requests without an answer.
	maxInFlight = 256
	// closeTimeout is how long Close waits for the gateway's close frame.
	closeTimeout = 3 * time.Second
)

// A Conn is an authenticated WebSocket connection. All its methods are safe
// for concurrent use.
type Conn struct {
	client     *Client // that made it
	socket     *socket
	queueBytes int
	jail       string
	expires    time.Time // when its token does; zero if that is unknown, or it has none

	requests chan *call    // to the writer, in the order in which they are sent
	slots    chan struct{} // each call holds one until it is answered
	quit     chan struct{} // closed once err is set
	readDone chan struct{} // closed when the reader has ended
	work     sync.WaitGroup

	lastID int64 // owned by the writer

	mu        sync.Mutex // guards what follows
	calls     map[int64]*call
	subs      map[int64]*Subscription
	servs     map[int64]*serving  // by the id of the serve request
	outs      map[int64]*fetching // by the id of the fetch request
	providers map[int64]*Provider
	watches   map[int64]*watching
	err       error // why the connection ended
}

// Dial connects and authenticates. The caller must Close the Conn. If the
// credentials are wrong, the code is invalid_credentials; if only their token has expired,
// it is token_expired.
func (c *Client) Dial(ctx context.Context) (*Conn, error) { return c.dialWith(ctx, nil) }

// dialWith is Dial with credentials that were just fetched. If they are nil, it fetches them.
func (c *Client) dialWith(ctx context.Context, fresh *Credentials) (*Conn, error) {
	conn, err := c.dialOnce(ctx, fresh)
	if c.renews(err) {
		conn, err = c.dialOnce(ctx, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("client: connect: %w", err)
	}
	return conn, nil
}

// renews reports whether err is the expiry of a token that Options.Token replaces.
func (c *Client) renews(err error) bool {
	return c.options.Token != nil && CodeOf(err) == protocol.CodeTokenExpired
}

// freshCredentials returns what the next connection authenticates with.
func freshCredentials(ctx context.Context, credentials Credentials, fresh func(context.Context) (string, error)) (Credentials, error) {
	if fresh == nil {
		return credentials, nil
	}
	token, err := fresh(ctx)
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return credentials, fmt.Errorf("get a token: %w", err)
	}
	credentials.Secret = secret.New(token)
	return credentials, nil
}

func (c *Client) dialOnce(ctx context.Context, fresh *Credentials) (*Conn, error) {
	if fresh == nil {
		credentials, err := freshCredentials(ctx, c.credentials, c.options.Token)
		if err != nil {
			return nil, err
		}
		fresh = &credentials
	}
	credentials := *fresh
	s, err := dialSocket(ctx, c.url([]string{"streams"}, nil), c.http, c.options.MessageBytes)
	if err != nil {
		if _, refused := errors.AsType[*Error](err); refused {
			return nil, err
		}
		return nil, connectionError(ctx, err)
	}
	conn := newConn(c, s)
	if c.options.Token != nil {
		conn.expires = expiryOf(credentials.Secret.Reveal())
	}
	if err := conn.authenticate(ctx, credentials); err != nil {
		if ctx.Err() != nil {
			conn.fail(err) // not ErrClosed, which would wait for a close frame
		}
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func newConn(of *Client, s *socket) *Conn {
	c := &Conn{
		client:     of,
		socket:     s,
		queueBytes: of.options.QueueBytes,
		requests:   make(chan *call),
		slots:      make(chan struct{}, maxInFlight),
		quit:       make(chan struct{}),
		readDone:   make(chan struct{}),
		calls:      map[int64]*call{},
		subs:       map[int64]*Subscription{},
		servs:      map[int64]*serving{},
		outs:       map[int64]*fetching{},
		providers:  map[int64]*Provider{},
		watches:    map[int64]*watching{},
	}
	c.work.Go(c.write)
	c.work.Go(c.read)
	return c
}

// Jail returns the id of the jail that the client belongs to.
func (c *Conn) Jail() string { return c.jail }

// Done returns a channel that is closed when the connection ends.
func (c *Conn) Done() <-chan struct{} { return c.quit }

// Err returns why the connection ended, and nil while it has not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and all its subscriptions, and waits for that: for
// 3 s at most, if the gateway does not answer. Requests without an answer fail
// with ErrClosed. The error is always nil. Close can be called again.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	c.work.Wait()
	return nil
}

// fail ends the connection for a reason, if it has not ended.
func (c *Conn) fail(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = reason
	c.socket.mute() // before messages are dropped
	c.endServices(reason)
	close(c.quit)
	for _, sub := range c.subs {
		sub.end(reason)
	}
	for _, p := range c.providers {
		p.end(reason)
	}
}

// write sends requests until the connection ends, and then closes it.
func (c *Conn) write() {
	defer c.socket.release()
	for {
		select {
		case request := <-c.requests:
			if err := c.socket.send(c.number(request)); err != nil {
				// The reader may learn more: before a gateway ends a
				// connection it sends a refusal and a close frame.
				c.awaitReader()
				c.fail(broken(err))
			}
		case <-c.quit:
			if c.Err() == ErrClosed {
				c.socket.end()
				c.awaitReader()
			}
			return
		}
	}
}

// awaitReader waits until the reader has ended, for closeTimeout at most.
func (c *Conn) awaitReader() {
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	select {
	case <-c.readDone:
	case <-timeout.C:
	}
}

// number gives a call the next id and returns its message. The answer has the same
// id.
func (c *Conn) number(request *call) []byte {
	c.lastID++
	c.mu.Lock()
	c.calls[c.lastID] = request
	if request.sub != nil {
		request.sub.id = c.lastID
		c.subs[c.lastID] = request.sub
	}
	if request.serv != nil {
		request.serv.id = c.lastID
		c.servs[c.lastID] = request.serv
	}
	if request.out != nil {
		request.out.id = c.lastID
		c.outs[c.lastID] = request.out
	}
	if request.watch != nil {
		request.watch.id = c.lastID
		c.watches[c.lastID] = request.watch
	}
	if request.provider != nil {
		request.provider.id = c.lastID
		c.providers[c.lastID] = request.provider
	}
	c.mu.Unlock()
	return request.message(c.lastID)
}

// read handles messages until the connection ends.
func (c *Conn) read() {
	defer close(c.readDone)
	var buf bytes.Buffer
	for {
		if err := c.socket.receive(&buf); err != nil {
			c.fail(broken(err))
			return
		}
		var m message
		if err := json.Unmarshal(buf.Bytes(), &m); err != nil {
			c.fail(fmt.Errorf("%w: the gateway sent something that is not a stream-sea message: %w", ErrConnection, err))
			return
		}
		c.handle(m)
		if buf.Cap() > maxKept {
			buf = bytes.Buffer{}
		}
	}
}

// maxKept bounds the buffer that is kept for the next message, so that a long
// message does not occupy memory for ever.
const maxKept = 64 << 10

// broken marks an error as ErrConnection, unless the gateway explained it.
func broken(err error) error {
	if _, said := errors.AsType[*Error](err); said {
		return err
	}
	return fmt.Errorf("%w: %w", ErrConnection, err)
}

// A beginning is where a merged subscription begins in one of its streams.
type beginning struct {
	Epoch   string `json:"epoch"`
	NextSeq uint64 `json:"nextSeq"`
}

// A message is what the gateway sends: an answer if it has success, otherwise a
// delivery or the notice of a gap.
type message struct {
	ID      int64          `json:"id"`
	Success *bool          `json:"success"`
	Stream  string         `json:"streamName"`
	Payload jsontext.Value `json:"payload"`

	Epoch    string  `json:"epoch"` // this and what follows is in subscriptions with meta, and in answers to a publish
	FirstSeq uint64  `json:"firstSeq"`
	NextSeq  uint64  `json:"nextSeq"`
	Waiting  bool    `json:"waiting"`
	Gap      Missing `json:"gap"`
	numbering
	aboutService

	Registered bool   `json:"registered"` // this and paused are in answers to a subscribe with state
	Paused     bool   `json:"paused"`
	State      *State `json:"state"` // of a subscription with state

	Dropped   *Dropped             `json:"dropped"` // this and what follows is of merged subscriptions
	Ended     protocol.Code        `json:"ended"`
	Positions map[string]beginning `json:"positions"`

	Draining bool `json:"draining"` // in the answer to Drain
	Drained  bool `json:"drained"`  // the last message after it

	Requested   bool `json:"requested"` // this and what follows is what a provider is told
	Subscribers int  `json:"subscribers"`
	Groups      int  `json:"groups"`

	Error struct {
		Code    protocol.Code  `json:"code"`
		Message string         `json:"message"`
		Errors  []string       `json:"errors"`
		Details jsontext.Value `json:"details"`
	} `json:"error"`
}

// numbering is what deliveries, pages and answers to a publish say about a message.
type numbering struct {
	Seq         uint64    `json:"seq"`
	Time        time.Time `json:"time"`
	Redelivered int       `json:"redelivered"`
	Header      bool      `json:"header"`
}

// refusal returns the error of an answer without success.
func (m message) refusal() *Error {
	return &Error{Code: m.Error.Code, Message: m.Error.Message, Errors: m.Error.Errors, Details: m.Error.Details}
}

func (m message) interest() Interest {
	return Interest{Requested: m.Requested, Subscribers: m.Subscribers, Groups: m.Groups}
}

// handle gives a message to what it belongs to. It drops the messages of what has
// ended.
func (c *Conn) handle(m message) {
	c.mu.Lock()
	waiting, sub, provider := c.calls[m.ID], c.subs[m.ID], c.providers[m.ID]
	serv, out, watch := c.servs[m.ID], c.outs[m.ID], c.watches[m.ID]
	ended := m.Success != nil && !*m.Success || m.Drained
	if m.Success != nil {
		delete(c.calls, m.ID)
	}
	if ended {
		delete(c.subs, m.ID)
		delete(c.servs, m.ID)
		delete(c.outs, m.ID)
		delete(c.providers, m.ID)
		delete(c.watches, m.ID)
	}
	c.mu.Unlock()

	switch {
	case m.Drained && sub != nil:
		sub.end(ErrUnsubscribed)
	case m.Success == nil && sub != nil:
		c.deliver(sub, m)
	case m.Success == nil && serv != nil:
		serv.handle(m)
	case m.Success == nil && out != nil:
		out.handle(m)
	case m.Success == nil && watch != nil:
		watch.told(m.Servers)
	case m.Success == nil && provider != nil:
		provider.told(m.interest())
	case m.Success == nil:
	case waiting != nil:
		waiting.finish(m)
		<-c.slots
	case ended && sub != nil:
		sub.end(m.refusal())
	case ended && provider != nil:
		provider.end(m.refusal())
	}
}

func (c *Conn) deliver(sub *Subscription, m message) {
	delivered := Message{
		Stream:      sub.stream,
		Payload:     m.Payload,
		Seq:         m.Seq,
		Time:        m.Time,
		Epoch:       m.Epoch,
		Redelivered: m.Redelivered,
		Header:      m.Header,
		Missing:     m.Gap,
		State:       m.State,
		Dropped:     m.Dropped,
		Ended:       m.Ended,
	}
	if sub.merged > 0 {
		delivered.Stream = m.Stream
	}
	if sub.yields {
		if !sub.offer(delivered) {
			c.abandon(sub, errYielded)
		}
		return
	}
	if !sub.push(delivered, c.quit) {
		c.abandon(sub, ErrSlow)
		return
	}
	if m.Ended == "" || sub.merged == 0 {
		return
	}
	if sub.merged--; sub.merged == 0 { // the gateway has ended it with its last stream
		c.forget(sub)
		sub.end(&Error{Code: m.Ended, Message: "all streams of the subscription have ended"})
	}
}
