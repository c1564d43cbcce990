package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// connectTimeout is how long an attempt to connect and subscribe may take.
	connectTimeout = 15 * time.Second
	// firstRetry is what other stream-sea clients wait, and what a gateway
	// that shuts down counts on.
	firstRetry = 3 * time.Second
	// lastRetry is the longest wait.
	lastRetry = 30 * time.Second
)

// A Gap is a time in which a followed stream was not received. What was
// published then is missed, unless it is Resumed.
type Gap struct {
	From  time.Time // when the gateway was last heard of, or the subscription ended
	To    time.Time // when the subscription began again
	Cause error     // why the connection or the subscription ended
	// Resumed says that the subscription goes on with the message after the
	// last one that was handled. What the stream no longer keeps of those is
	// told by OnMissing.
	Resumed bool
}

// FollowOptions says how to follow a stream. Follow calls the functions, one
// at a time and between messages; nil ones are left out.
type FollowOptions struct {
	// Group is as in SubscribeOptions. The other members of a group receive
	// what is published in a Gap.
	Group string
	// From, Epoch and Meta are as in SubscribeOptions. With From or Meta, and
	// without a Group, Follow goes on after a Gap where it was, and messages
	// have their numbers.
	From  Position
	Epoch string
	Meta  bool
	// Explicit is as in SubscribeOptions. Follow acknowledges each message
	// once handle has returned nil for it, and does not wait for the answer.
	Explicit bool
	// Credit is as in SubscribeOptions.
	Credit int
	// OnSubscribed is called each time that the subscription has begun, before
	// its first message. The Gap is zero the first time.
	OnSubscribed func(Gap)
	// OnLost is called each time that the connection ends or cannot be made,
	// with the reason and with how long Follow waits before it tries again.
	OnLost func(cause error, wait time.Duration)
	// OnMissing is called in place of messages that the stream no longer
	// keeps, if From or Meta is set.
	OnMissing func(Missing)
}

// Follow hands the messages of a stream to a function, one after the other,
// and connects and subscribes again whenever that ends: after about 3 s, and
// after about twice as long each time that it fails, up to 30 s, all give or
// take half.
//
// What is published while it is not connected is missed. The same goes for
// what was on its way when the connection ended. OnSubscribed tells. With
// FollowOptions.From or Meta nothing is missed or comes twice, save the header,
// which comes first each time; to go on after Follow itself has ended, keep the
// Seq and the Epoch of the last message.
//
// It returns when the context ends, with its cause, and may take 3 s to say
// goodbye to a gateway that does not answer; when handle returns an
// error, with that; and when the gateway refuses what trying again will not
// change, with the *Error: wrong credentials, an expired token, no such stream,
// a stream that was deleted, or another one than was followed before
// (position_lost). See Error.Temporary.
func (c *Client) Follow(ctx context.Context, stream string, options FollowOptions, handle func(Message) error) error {
	f := follower{client: c, stream: stream, options: options, handle: handle}
	f.position = SubscribeOptions{
		Group:    options.Group,
		From:     options.From,
		Epoch:    options.Epoch,
		Meta:     options.Meta || options.From != Position{},
		Explicit: options.Explicit,
		Credit:   options.Credit,
	}
	for {
		cause := f.session(ctx)
		switch {
		case f.handlerErr != nil:
			return f.handlerErr
		case ctx.Err() != nil:
			return contextError(ctx)
		case !mayPass(cause):
			return fmt.Errorf("client: follow %q: %w", stream, cause)
		}
		if err := f.pause(ctx, cause); err != nil {
			return err
		}
	}
}

// A follower is one call of Follow.
type follower struct {
	client  *Client
	stream  string
	options FollowOptions
	handle  func(Message) error

	handlerErr error
	failures   int // to subscribe, in a row
	gap        Gap // begins when a subscription ends

	position SubscribeOptions // with which the next subscription begins
	resumes  bool             // position is that of the next message
}

// session connects, subscribes, and handles messages until that ends. It
// returns why it did.
func (f *follower) session(ctx context.Context) error {
	f.failures++
	conn, sub, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	f.failures = 0
	f.subscribed(sub.Joined())
	err = f.handleAll(ctx, sub)
	f.gap = Gap{From: sub.endedAt(), Cause: err, Resumed: f.resumes}
	if errors.Is(err, ErrConnection) { // which shows late
		f.gap.From = conn.socket.heard()
	}
	return err
}

func (f *follower) connect(ctx context.Context) (*Conn, *Subscription, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	conn, err := f.client.Dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	sub, err := conn.Subscribe(ctx, f.stream, f.position)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, sub, nil
}

var errConnectTimeout = fmt.Errorf("%w: it did not answer for %v", ErrConnection, connectTimeout)

func (f *follower) subscribed(joined Joined) {
	// Only the first time is it not known where to go on: later the messages
	// from that number on that are gone are yet to be told of.
	if !f.resumes && joined.Epoch != "" {
		f.goOn(joined.Next, joined.Epoch)
	}
	gap := f.gap
	if gap.Cause != nil {
		gap.To = time.Now()
	}
	if f.options.OnSubscribed != nil {
		f.options.OnSubscribed(gap)
	}
}

func (f *follower) handleAll(ctx context.Context, sub *Subscription) error {
	acks := acks{sub: sub}
	defer acks.sendLast()
	for {
		if err := acks.beforeNext(ctx); err != nil {
			return err
		}
		m, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if m.Missing != (Missing{}) {
			f.missing(m)
			continue
		}
		if f.handlerErr = f.handle(m); f.handlerErr != nil {
			return f.handlerErr
		}
		if f.handled(m); f.options.Explicit && m.Seq > 0 {
			acks.add(m.Seq)
		}
	}
}

func (f *follower) missing(m Message) {
	if f.options.OnMissing != nil {
		f.options.OnMissing(m.Missing)
	}
	if f.resumes {
		f.goOn(m.Missing.To+1, f.position.Epoch)
	}
}

// handled notes that a message is done with.
func (f *follower) handled(m Message) {
	if f.resumes && m.Seq > 0 { // it is not the header
		f.goOn(m.Seq+1, m.Epoch)
	}
}

// goOn notes where the next subscription goes on. A group knows that by itself.
func (f *follower) goOn(seq uint64, epoch string) {
	if f.position.Group == "" {
		f.resumes = true
		f.position.From, f.position.Epoch = AtSeq(seq), epoch
	}
}

// mayPass says whether trying again may help.
func mayPass(err error) bool {
	e, said := errors.AsType[*Error](err)
	return !said || e.Temporary()
}

// pause waits before the next attempt.
func (f *follower) pause(ctx context.Context, cause error) error {
	wait := retryAfter(f.failures)
	if f.options.OnLost != nil {
		f.options.OnLost(cause, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// retryAfter returns how long to wait after so many failures in a row. No two
// clients wait alike, so that those of a gateway that went down do not all
// come back in one moment.
func retryAfter(failures int) time.Duration {
	doublings := min(max(failures-1, 0), 10)
	wait := min(firstRetry<<doublings, lastRetry)
	return wait/2 + rand.N(wait)
}
