package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
	"seagate/protocol/msgstream"
)

// RemoteOptions changes how a RemoteStream works. The zero value is right for a listener
// that has a client of its own.
type RemoteOptions struct {
	// Credentials are presented with the first line. The zero value is for a listener that
	// has lines.client_id set.
	Credentials Credentials
	// Token is as in Options: it gives a fresh token to each connection that is made.
	Token func(context.Context) (string, error)
	// TLS, if not nil, encrypts the connection. Without a ServerName it is the host of the
	// address.
	TLS *tls.Config
	// QueueBytes bounds the messages that wait for each putter; 0 is 1 MiB. A single message
	// may be larger.
	QueueBytes int
	// LineBytes is the size of the longest line that is accepted; 0 is 16 MiB. A longer one
	// ends the connection.
	LineBytes int
	// Codec turns values into messages and back; nil is a *msgstream.Registry without types.
	Codec msgstream.Codec[any]
	// Wire is the format of the lines, which the listener has to share; the zero value is
	// msgstream.JSON.
	Wire msgstream.Wire
	// OnLost is called when the connection is lost, or cannot be made, with the time until
	// the next attempt. It must not block.
	OnLost func(cause error, wait time.Duration)
}

// A RemoteStream follows message streams of a gateway over TCP, and publishes to them. It
// has one connection, for all streams.
//
// When the connection is lost, the RemoteStream connects again after a growing, random
// delay, and continues each stream after the last message that its putter has queued. So
// a putter gets each message once, over a restart of the gateway too. Where that is not
// possible, StreamMessage.Missing tells so.
//
// Each putter has a queue of its own. While the queue is full, the gateway keeps what
// follows, as long as the stream keeps it. So a slow putter misses nothing and delays no
// other.
//
// It ends with Close, or when the gateway refuses the credentials: see Err. Safe for
// concurrent use.
type RemoteStream struct {
	address string
	options RemoteOptions
	stop    context.CancelFunc
	work    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	follows map[string]*follow
	line    *remoteLine   // the connection, or nil
	changed chan struct{} // closed and replaced when line or err is set
	lastID  int64
	err     error // why it ended
	done    chan struct{}
}

// NewRemoteStream returns a RemoteStream of the lines listener at HOST:PORT. It connects in
// the background. The caller must Close it. The error reports wrong options.
func NewRemoteStream(address string, options RemoteOptions) (*RemoteStream, error) {
	options, err := options.complete(address)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &RemoteStream{
		address: address,
		options: options,
		stop:    stop,
		follows: map[string]*follow{},
		changed: make(chan struct{}),
		done:    make(chan struct{}),
	}
	r.work.Go(func() { r.run(ctx) })
	return r, nil
}

// complete returns the options with what the zero values mean, or what is wrong with them.
func (o RemoteOptions) complete(address string) (RemoteOptions, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return o, fmt.Errorf("client: the address of the listener must be HOST:PORT: %w", err)
	}
	if o.Credentials != (Credentials{}) || o.Token != nil {
		if err := checkCredentials(o.Credentials, o.Token != nil); err != nil {
			return o, err
		}
	}
	o.QueueBytes = cmp.Or(o.QueueBytes, 1<<20)
	o.LineBytes = cmp.Or(o.LineBytes, defaultMessageBytes)
	if o.Codec == nil {
		o.Codec = &msgstream.Registry{}
	}
	if o.Wire.Requests == nil {
		o.Wire = msgstream.JSON(msgstream.DefaultLimits())
	}
	if o.TLS != nil && o.TLS.ServerName == "" {
		o.TLS = o.TLS.Clone()
		o.TLS.ServerName = host
	}
	return o, nil
}

// renews reports whether err is the expiry of a token that Token replaces.
func (o *RemoteOptions) renews(err error) bool {
	return o.Token != nil && CodeOf(err) == protocol.CodeTokenExpired
}

// Done returns a channel that is closed when the RemoteStream has ended.
func (r *RemoteStream) Done() <-chan struct{} { return r.done }

// Err returns why it has ended, and nil while it has not.
func (r *RemoteStream) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Close ends it, and waits for calls of putters that are under way. What is queued is
// dropped. The error is always nil. It can be called twice.
func (r *RemoteStream) Close() error {
	r.end(ErrClosed)
	r.work.Wait()
	return nil
}

// end ends it for a reason, if it has not ended.
func (r *RemoteStream) end(reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	r.err = reason
	r.stop()
	for stream, f := range r.follows {
		for _, p := range f.putters {
			if reason == ErrClosed {
				p.end()
			} else {
				p.offer(StreamMessage{Stream: stream, Closed: true, Err: reason}, nil, true)
			}
		}
	}
	clear(r.follows)
	r.setLineLocked(nil)
	close(r.done)
}

// setLineLocked replaces the connection and wakes whoever waits for one.
func (r *RemoteStream) setLineLocked(l *remoteLine) {
	r.line = l
	close(r.changed)
	r.changed = make(chan struct{})
}

// Put publishes a message, and returns when it is as durable as the stream. It waits for a
// connection. After an ErrConnection it is not known whether the message was published.
func (r *RemoteStream) Put(ctx context.Context, stream string, message any) error {
	return r.change(ctx, msgstream.ActionPut, stream, message, nil)
}

// PutWithHeader is Put, and makes header the header that holds after the message, in one
// step.
func (r *RemoteStream) PutWithHeader(ctx context.Context, stream string, message, header any) error {
	return r.change(ctx, msgstream.ActionPut, stream, message, header)
}

// SetHeader replaces the header of a stream. Those who listen already are not told. A nil
// header is none.
func (r *RemoteStream) SetHeader(ctx context.Context, stream string, header any) error {
	return r.change(ctx, msgstream.ActionHeader, stream, header, nil)
}

func (r *RemoteStream) change(ctx context.Context, action, stream string, message, header any) error {
	request := msgstream.Request{Action: action, Stream: stream}
	var err error
	if request.Message, err = r.options.Codec.Encode(nil, message); err != nil {
		return fmt.Errorf("client: %s: %w", action, err)
	}
	if header != nil {
		if request.Header, err = r.options.Codec.Encode(nil, header); err != nil {
			return fmt.Errorf("client: %s: header: %w", action, err)
		}
	}
	return r.call(ctx, request)
}

// Delete ends a stream for all who listen to it. A job stream is gone afterwards.
func (r *RemoteStream) Delete(ctx context.Context, stream string) error {
	return r.call(ctx, msgstream.Request{Action: msgstream.ActionDelete, Stream: stream})
}

// call sends a line, and waits for its answer.
func (r *RemoteStream) call(ctx context.Context, request msgstream.Request) error {
	err := r.exchange(ctx, request)
	if err != nil {
		return fmt.Errorf("client: %s %s: %w", request.Action, request.Stream, err)
	}
	return nil
}

func (r *RemoteStream) exchange(ctx context.Context, request msgstream.Request) error {
	line, err := r.connected(ctx)
	if err != nil {
		return err
	}
	select {
	case line.slots <- struct{}{}:
		defer func() { <-line.slots }()
	case <-line.lost:
		return ErrConnection
	case <-ctx.Done():
		return contextError(ctx)
	}
	answer := make(chan error, 1)
	if err := r.request(line, request, answer); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// request gives a line an id and sends it. The answer goes to the channel.
func (r *RemoteStream) request(line *remoteLine, request msgstream.Request, answer chan<- error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line != line {
		return ErrConnection
	}
	id := r.nextIDLocked(&request)
	line.calls[id] = answer
	if err := line.sendLocked(request); err != nil {
		delete(line.calls, id)
		return err
	}
	return nil
}

func (r *RemoteStream) nextIDLocked(request *msgstream.Request) int64 {
	r.lastID++
	request.ID = jsontext.Value(fmt.Append(nil, r.lastID))
	return r.lastID
}

// connected waits for a connection.
func (r *RemoteStream) connected(ctx context.Context) (*remoteLine, error) {
	for {
		r.mu.Lock()
		line, changed, err := r.line, r.changed, r.err
		r.mu.Unlock()
		if line != nil || err != nil {
			return line, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, contextError(ctx)
		}
	}
}

// firstLineRetry is the mean time until a RemoteStream connects again. It grows up to
// lastRetry.
const firstLineRetry = 400 * time.Millisecond

// run keeps a connection until the context ends.
func (r *RemoteStream) run(ctx context.Context) {
	for failures := 1; ctx.Err() == nil; failures++ {
		served, err := r.session(ctx)
		if served {
			failures = 1
		}
		if ctx.Err() != nil {
			return
		}
		if !served && !mayPass(err) && !r.options.renews(err) {
			r.end(err)
			return
		}
		wait := growing(firstLineRetry, failures)
		if r.options.OnLost != nil {
			r.options.OnLost(err, wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// lineError turns what a gateway says into the error of this package.
func lineError(e *protocol.Error) error {
	if e == nil {
		return errors.New("the gateway gives no reason")
	}
	return &Error{Code: e.Code, Message: e.Message, Errors: e.Errors}
}
