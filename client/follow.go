package client

import (
	"github.com/go-json-experiment/json/jsontext"

	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"seagate/protocol"
)

const (
	// connectTimeout bounds an attempt to connect and subscribe.
	connectTimeout = 15 * time.Second
	// firstRetry is the first wait after a connection is lost.
	firstRetry = time.Second
	// shutdownRetry is the first wait after a gateway that shuts down. It is the time that other
	// stream-sea clients wait, and such a gateway relies on it.
	shutdownRetry = 3 * time.Second
	// lastRetry is the longest wait.
	lastRetry = 30 * time.Second
)

// A Gap is a time without a subscription. Messages that were published in it are
// missed, unless Resumed or Restarted is set.
type Gap struct {
	From  time.Time // when the gateway last sent something, or the subscription ended
	To    time.Time // when the subscription began again
	Cause error     // why the connection or the subscription ended; ErrRenewed for a fresh token
	// Resumed says that the subscription continues with the message after the last
	// one that was handled. OnMissing reports messages that the stream no longer
	// keeps.
	Resumed bool
	// Restarted says that the stream has another epoch than before: it was deleted and
	// defined again, or is kept in memory, or came from a backup. So nobody knows which
	// of its messages were handled, and the subscription begins with the oldest one.
	Restarted bool
}

// FollowOptions says how to follow a stream. Follow calls the functions one at a
// time and between messages. They may be nil.
type FollowOptions struct {
	// Group is as in SubscribeOptions. Messages that are published in a Gap go to
	// other members of the group.
	Group string
	// From and Epoch are as in SubscribeOptions. With an Epoch, Follow ends with
	// position_lost when the stream has another one, also after a Gap.
	From  Position
	Epoch string
	// Explicit is as in SubscribeOptions. Follow acknowledges a message when handle
	// has returned nil for it, without waiting for the answer.
	Explicit bool
	// Credit and Filter are as in SubscribeOptions.
	Credit int
	Filter jsontext.Value
	// Drain is how long a member of a group may go on when the context has ended: it gets
	// nothing new, handle is called for what it was handed, and the other members get none
	// of that again. See Subscription.Drain. What is left after this time goes to the others.
	// 0: it leaves at once; what it has read and not handled is lost if it is not Explicit.
	Drain time.Duration
	// OnSubscribed is called whenever a subscription has begun, before its first
	// message. The first Gap is zero.
	OnSubscribed func(Gap)
	// OnLost is called whenever the connection ends or an attempt to connect fails,
	// with the reason and with the time until the next attempt.
	OnLost func(cause error, wait time.Duration)
	// OnMissing is called instead of handle for messages that the stream no longer
	// keeps.
	OnMissing func(Missing)
	// OnState, if it is not nil, is called with the state of the stream, after
	// OnSubscribed, and with each change of it, in order with the messages.
	OnState func(State)
}

// Follow calls handle for the messages of a stream, one after the other. When the
// connection or the subscription ends, it connects and subscribes again after about
// 1 s, or 3 s if the gateway is shutting down. After each failure it waits about twice
// as long, up to 30 s. Each time varies by half.
//
// The new subscription continues with the message after the last one that was handled.
// So nothing that the stream keeps is missed and nothing comes twice, except for the
// header, which comes first each time. OnMissing reports what the stream no longer keeps,
// and OnSubscribed when positions do not allow this, since the stream has another epoch
// or the gateway has no positions. The messages have everything that a subscription with
// Meta has. To continue after Follow has returned, keep the Seq and the Epoch of the last
// message.
//
// In a Group, the gateway keeps the position, and messages may come twice when a connection breaks.
//
// With Options.Token, Follow gets a fresh token some time before that of the connection expires,
// and goes on with another connection, at once. A member of a group drains before: nothing comes
// twice then.
//
// Follow returns the cause of the context when that ends, up to 3 s later if the
// gateway does not answer, and after FollowOptions.Drain. It returns an error of handle.
// It returns an *Error if trying again does not help: wrong credentials, an expired token
// without Options.Token, no such stream, a deleted stream, or a stream in another epoch
// than FollowOptions.Epoch. See Error.Temporary.
func (c *Client) Follow(ctx context.Context, stream string, options FollowOptions, handle func(Message) error) error {
	f := newFollower(c, stream, options, handle)
	for {
		cause := f.session(ctx)
		switch {
		case f.handlerErr != nil:
			return f.handlerErr
		case ctx.Err() != nil:
			return contextError(ctx)
		case f.restart(cause), cause == ErrRenewed:
			continue
		case !mayPass(cause) && !c.renews(cause):
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
	failures   int // failed attempts to subscribe, in a row
	gap        Gap // begins when a subscription ends

	fresh    *Credentials     // of the next connection; nil: not fetched yet
	position SubscribeOptions // of the next subscription
	resumes  bool             // position is that of the next message
}

func newFollower(c *Client, stream string, options FollowOptions, handle func(Message) error) *follower {
	return &follower{client: c, stream: stream, options: options, handle: handle, position: SubscribeOptions{
		Group:    options.Group,
		From:     options.From,
		Epoch:    options.Epoch,
		Meta:     true, // for the positions
		Explicit: options.Explicit,
		Credit:   options.Credit,
		Filter:   options.Filter,
		State:    options.OnState != nil,
	}}
}

// session connects, subscribes, and handles messages. It returns why that ended.
func (f *follower) session(ctx context.Context) error {
	f.failures++
	conn, sub, err := f.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return f.follow(ctx, conn, sub, f.handleUntilExpiry)
}

// follow lets handle take the messages of a subscription. It returns why that ended.
func (f *follower) follow(ctx context.Context, conn *Conn, sub *Subscription, handle func(context.Context, *Conn, *Subscription) error) error {
	f.failures = 0
	f.subscribed(sub.Joined())
	if f.options.OnState != nil {
		f.options.OnState(sub.State())
	}
	err := handle(ctx, conn, sub)
	if ctx.Err() != nil && f.handlerErr == nil && f.options.Group != "" && f.options.Drain > 0 {
		f.drain(context.Background(), sub, f.options.Drain)
	}
	f.gap = Gap{From: sub.endedAt(), Cause: err, Resumed: f.resumes}
	if errors.Is(err, ErrConnection) { // it is noticed late
		f.gap.From = conn.socket.heard()
	}
	return err
}

// drain handles what the member was handed before, within the time most.
func (f *follower) drain(ctx context.Context, sub *Subscription, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if sub.Drain(ctx) == nil {
		_ = f.handleAll(ctx, sub) // what handle returns is in handlerErr
	}
}

// restart reports whether the subscription is to begin anew because the stream, in
// another epoch, does not have the position where it would continue.
func (f *follower) restart(cause error) bool {
	if CodeOf(cause) != protocol.CodePositionLost || !f.resumes || f.options.Epoch != "" {
		return false
	}
	f.resumes = false
	f.position.From, f.position.Epoch = Earliest(), ""
	f.gap.Resumed, f.gap.Restarted = false, true
	return true
}

func (f *follower) connect(ctx context.Context) (*Conn, *Subscription, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	conn, err := f.dial(ctx)
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

// dial connects, with the token that was fetched for that if there is one.
func (f *follower) dial(ctx context.Context) (*Conn, error) {
	fresh := f.fresh
	f.fresh = nil
	return f.client.dialWith(ctx, fresh)
}

var errConnectTimeout = fmt.Errorf("%w: it did not answer for %v", ErrConnection, connectTimeout)

func (f *follower) subscribed(joined Joined) {
	// Only the first subscription says where to continue. A later one begins at a
	// known number, and OnMissing is still to report messages from there on.
	switch {
	case joined.Waiting: // all messages that the stream will have are new
		f.goOn(1, "")
	case !f.resumes && joined.Epoch != "":
		f.goOn(joined.Next, joined.Epoch)
	case f.resumes && f.position.Epoch == "": // it has waited
		f.position.Epoch = joined.Epoch
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
		if m.State != nil {
			f.options.OnState(*m.State)
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

// handled records that a message is handled.
func (f *follower) handled(m Message) {
	if m.Seq > 0 { // not the header
		f.goOn(m.Seq+1, m.Epoch)
	}
}

// goOn records where the next subscription continues. A group keeps its own
// position.
func (f *follower) goOn(seq uint64, epoch string) {
	if f.position.Group == "" {
		f.resumes = true
		f.position.From, f.position.Epoch = AtSeq(seq), epoch
	}
}

// mayPass reports whether trying again may help.
func mayPass(err error) bool {
	e, said := errors.AsType[*Error](err)
	return !said || e.Temporary()
}

// pause waits until the next attempt.
func (f *follower) pause(ctx context.Context, cause error) error {
	wait := retryAfter(cause, f.failures)
	if f.options.OnLost != nil {
		f.options.OnLost(cause, wait)
	}
	return sleep(ctx, wait)
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// retryAfter returns how long to wait after a number of failures in a row, of which cause is the last. The time is
// random, so that the clients of a gateway that went down do not all come back at
// once.
func retryAfter(cause error, failures int) time.Duration {
	if CodeOf(cause) == protocol.CodeServerShutdown {
		return growing(shutdownRetry, failures)
	}
	return growing(firstRetry, failures)
}

// growing returns a random time around first, doubled with each failure after the first
// one, up to lastRetry.
func growing(first time.Duration, failures int) time.Duration {
	doublings := min(max(failures-1, 0), 10)
	wait := min(first<<doublings, lastRetry)
	return wait/2 + rand.N(wait)
}
