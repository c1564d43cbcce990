package client

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"seagate/protocol"
)

// Interest is who wants the messages of a stream.
type Interest = protocol.Interest

// A Provider is this connection's provision of a stream. While there is one, the
// stream is registered. Publishing needs none: a Provider is for a producer that
// wants to know whether anybody wants its messages. Safe for concurrent use.
type Provider struct {
	conn   *Conn
	stream string
	id     int64 // owned by the connection's writer

	changed chan struct{} // has a token if Next may have something to return
	ended   chan struct{} // closed once err is set

	mu       sync.Mutex // guards what follows
	interest Interest
	returned bool // what Next returned last: whether the stream is requested
	paused   bool // what Pause asked for last
	err      error
}

// Provide provides a stream until Withdraw or until the connection ends. The code
// to expect is stream_not_found. Client.Provide also survives the connection.
func (c *Conn) Provide(ctx context.Context, stream string) (*Provider, error) {
	p := &Provider{conn: c, stream: stream, changed: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := c.provide(ctx, p); err != nil {
		return nil, fmt.Errorf("client: provide %q: %w", stream, err)
	}
	return p, nil
}

// {"id":2,"action":"provide","payload":"boiler_data"}
func (c *Conn) provide(ctx context.Context, p *Provider) error {
	r := newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionProvide)
		return append(appendMember(dst, "payload", p.stream), '}')
	})
	r.provider = p
	if err := c.start(ctx, r); err != nil {
		return err
	}
	_, err := c.wait(ctx, r)
	if err != nil && ctx.Err() != nil { // it may have begun, or may begin later
		p.end(err)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil {
			c.work.Go(func() { c.start(context.Background(), p.withdraw()) })
		}
	}
	return err
}

// Stream returns the stream's name.
func (p *Provider) Stream() string { return p.stream }

// Conn returns the connection of the provision.
func (p *Provider) Conn() *Conn { return p.conn }

// Interest returns who wants the stream, as far as the gateway has told. Only
// Requested is told at each change; the counts are those of that moment.
func (p *Provider) Interest() Interest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.interest
}

// Next waits until Interest.Requested differs from what Next returned last, or
// from false if it has returned nothing, and returns the Interest. So its first
// call waits until the stream is requested. A change that was undone before
// anybody called Next is left out together with its undoing. After the end it
// returns why the provision ended: ErrWithdrawn, ErrClosed, ErrConnection, or an
// *Error such as one with the code stream_deleted.
func (p *Provider) Next(ctx context.Context) (Interest, error) {
	for {
		if ctx.Err() != nil {
			return Interest{}, contextError(ctx)
		}
		if i, ok, err := p.take(); ok || err != nil {
			return i, err
		}
		select {
		case <-p.changed:
		case <-p.ended:
		case <-ctx.Done():
		}
	}
}

func (p *Provider) take() (i Interest, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return Interest{}, false, fmt.Errorf("client: provide %q: %w", p.stream, p.err)
	}
	if p.interest.Requested == p.returned {
		return Interest{}, false, nil
	}
	p.returned = p.interest.Requested
	return p.interest, true, nil
}

// Pause tells subscribers that this provider pauses, or goes on. They are told
// after all that was sent before on this connection. It is advice: messages that
// are published while the provider pauses are delivered.
//
//	{"id":3,"action":"pause","payload":{"provide":2,"paused":true}}
func (p *Provider) Pause(ctx context.Context, paused bool) error {
	_, err := p.conn.roundTrip(ctx, newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionPause)
		dst = strconv.AppendInt(append(dst, `,"payload":{"provide":`...), p.id, 10)
		dst = strconv.AppendBool(append(dst, `,"paused":`...), paused)
		return append(dst, '}', '}')
	}))
	if err != nil {
		return fmt.Errorf("client: pause %q: %w", p.stream, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
	return nil
}

func (p *Provider) isPaused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// tellFrom makes Next continue after an earlier provision of the stream. requested is what
// its Next returned last.
func (p *Provider) tellFrom(requested bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.returned = requested
}

// Withdraw ends the provision. It is not an error if it has ended.
func (p *Provider) Withdraw(ctx context.Context) error {
	if !p.end(ErrWithdrawn) {
		return nil
	}
	_, err := p.conn.roundTrip(ctx, p.withdraw())
	if err != nil && CodeOf(err) != protocol.CodeSubscriptionNotFound { // the gateway may have ended it meanwhile
		return fmt.Errorf("client: withdraw from %q: %w", p.stream, err)
	}
	return nil
}

// {"id":5,"action":"unsubscribe","payload":2}
func (p *Provider) withdraw() *call {
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionUnsubscribe)
		dst = strconv.AppendInt(append(dst, `,"payload":`...), p.id, 10)
		return append(dst, '}')
	})
}

// told takes what the gateway says of the interest.
func (p *Provider) told(i Interest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interest = i
	signal(p.changed)
}

// end ends the provision for a reason, and reports whether it had not ended.
func (p *Provider) end(reason error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return false
	}
	p.err = reason
	close(p.ended)
	return true
}
