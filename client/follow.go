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
// published then is missed: the gateway does not send it again.
type Gap struct {
	From  time.Time // when the gateway was last heard of, or the subscription ended
	To    time.Time // when the subscription began again
	Cause error     // why the connection or the subscription ended
}

// FollowOptions says how to follow a stream. Follow calls the functions, one
// at a time and between messages; nil ones are left out.
type FollowOptions struct {
	// Group is as in SubscribeOptions. The other members of a group receive
	// what is published in a Gap.
	Group string
	// OnSubscribed is called each time that the subscription has begun, before
	// its first message. The Gap is zero the first time.
	OnSubscribed func(Gap)
	// OnLost is called each time that the connection ends or cannot be made,
	// with the reason and with how long Follow waits before it tries again.
	OnLost func(cause error, wait time.Duration)
}

// Follow hands the messages of a stream to a function, one after the other,
// and connects and subscribes again whenever that ends: after about 3 s, and
// after about twice as long each time that it fails, up to 30 s, all give or
// take half.
//
// What is published while it is not connected is missed. The same goes for
// what was on its way when the connection ended. OnSubscribed tells.
//
// It returns when the context ends, with its cause, and may take 3 s to say
// goodbye to a gateway that does not answer; when handle returns an
// error, with that; and when the gateway refuses what trying again will not
// change, with the *Error: wrong credentials, an expired token, no such stream,
// a stream that was deleted. See Error.Temporary.
func (c *Client) Follow(ctx context.Context, stream string, options FollowOptions, handle func(Message) error) error {
	f := follower{client: c, stream: stream, options: options, handle: handle}
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
	f.subscribed()
	err = f.handleAll(ctx, sub)
	f.gap = Gap{From: sub.endedAt(), Cause: err}
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
	sub, err := conn.Subscribe(ctx, f.stream, SubscribeOptions{Group: f.options.Group})
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, sub, nil
}

var errConnectTimeout = fmt.Errorf("%w: it did not answer for %v", ErrConnection, connectTimeout)

func (f *follower) subscribed() {
	gap := f.gap
	if gap.Cause != nil {
		gap.To = time.Now()
	}
	if f.options.OnSubscribed != nil {
		f.options.OnSubscribed(gap)
	}
}

func (f *follower) handleAll(ctx context.Context, sub *Subscription) error {
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if f.handlerErr = f.handle(m); f.handlerErr != nil {
			return f.handlerErr
		}
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
