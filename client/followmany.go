package client

import (
	"github.com/go-json-experiment/json/jsontext"

	"context"
	"fmt"
	"sync"
	"time"
)

// A Followed is a stream that FollowMany follows, and where it begins.
type Followed struct {
	Stream string
	From   Position
}

// FollowManyOptions says how to follow several streams. FollowMany calls the functions
// one at a time and between messages, except Streams, which it calls while messages are
// handled. They may be nil, except Streams.
type FollowManyOptions struct {
	// Streams returns the streams. It is called once, and then after each Every if that is
	// not 0. Streams that are not followed yet are added. Those that are missing go on.
	// An error of the first call ends FollowMany; OnLost is told of later ones.
	Streams func(ctx context.Context) ([]Followed, error)
	Every   time.Duration
	// Filter is as in SubscribeOptions, for each stream.
	Filter jsontext.Value

	// OnAdded is called with the streams that are added.
	OnAdded func(streams []string)
	// OnSubscribed, OnMissing and OnLost are as in FollowOptions. The connection, which
	// OnLost is about, is that of all streams.
	OnSubscribed func(stream string, gap Gap)
	OnMissing    func(stream string, missing Missing)
	OnLost       func(cause error, wait time.Duration)
	// OnEnded is called when a stream cannot be followed any more, as it is deleted or
	// may not be read. The others go on. An error of OnEnded ends FollowMany. If Streams
	// returns the stream again later, it is followed again.
	OnEnded func(stream string, cause error) error
}

// FollowMany is Follow for several streams over one connection. Each stream's messages
// are in order, and nothing that a stream keeps is missed or comes twice. Messages of
// different streams are in no order: see FollowMerged. With Options.Token it moves to
// another connection before a token expires, as Follow does. It returns nil when all
// streams have ended and Every is 0.
func (c *Client) FollowMany(ctx context.Context, options FollowManyOptions, handle func(Message) error) error {
	f := &manyFollower{client: c, options: options, handle: handle, streams: map[string]*follower{}}
	if err := f.look(ctx); err != nil {
		return err
	}
	if options.Every > 0 { // it goes on over all connections
		ticker := time.NewTicker(options.Every)
		defer ticker.Stop()
		f.again = ticker.C
	}
	retry := follower{client: c, options: FollowOptions{OnLost: options.OnLost}}
	for {
		cause := f.session(ctx, &retry)
		switch {
		case f.failed != nil:
			return f.failed
		case ctx.Err() != nil:
			return contextError(ctx)
		case cause == nil:
			return nil
		case cause == ErrRenewed:
			continue
		case !mayPass(cause) && !c.renews(cause):
			return fmt.Errorf("client: follow %d streams: %w", len(f.streams), cause)
		}
		if err := retry.pause(ctx, cause); err != nil {
			return err
		}
	}
}

// A manyFollower is one call of FollowMany.
type manyFollower struct {
	client  *Client
	options FollowManyOptions
	handle  func(Message) error
	again   <-chan time.Time // when to look for streams; nil if Every is 0

	mu      sync.Mutex           // held while a function of the caller is called; guards what follows
	streams map[string]*follower // that have not ended
	failed  error                // of a function of the caller
}

// look asks for the streams, and adds those that are new.
func (f *manyFollower) look(ctx context.Context) error {
	streams, err := f.options.Streams(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var added []string
	for _, s := range streams {
		if f.streams[s.Stream] == nil {
			f.streams[s.Stream] = f.follower(s)
			added = append(added, s.Stream)
		}
	}
	if len(added) > 0 && f.options.OnAdded != nil {
		f.options.OnAdded(added)
	}
	return nil
}

// follower returns a follower of one stream. It calls the caller's functions under the lock.
func (f *manyFollower) follower(s Followed) *follower {
	options := FollowOptions{From: s.From, Filter: f.options.Filter, OnSubscribed: func(gap Gap) {
		f.locked(func() {
			if f.options.OnSubscribed != nil {
				f.options.OnSubscribed(s.Stream, gap)
			}
		})
	}, OnMissing: func(missing Missing) {
		f.locked(func() {
			if f.options.OnMissing != nil {
				f.options.OnMissing(s.Stream, missing)
			}
		})
	}}
	return newFollower(f.client, s.Stream, options, func(m Message) (err error) {
		f.locked(func() {
			if err = f.failed; err == nil {
				err = f.handle(m)
			}
		})
		return err
	})
}

func (f *manyFollower) locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// session follows the streams over one connection. It returns why the connection ended,
// or nil if no stream is left.
func (f *manyFollower) session(ctx context.Context, retry *follower) error {
	retry.failures++
	dialing, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	conn, err := retry.dial(dialing)
	cancel()
	if err != nil {
		return err
	}
	retry.failures = 0
	look := func() error { return f.look(ctx) } // which a renewal does not cut short
	retry.fresh, err = conn.whileGood(ctx, func(ctx context.Context) error { return f.followAll(ctx, conn, look) })
	if retry.fresh != nil && err != nil && ctx.Err() == nil && !f.hasFailed() {
		return ErrRenewed
	}
	return err
}

// followAll follows the streams over a connection until that or ctx ends, and closes it. It
// returns why it ended, or nil if no stream is left.
func (f *manyFollower) followAll(ctx context.Context, conn *Conn, look func() error) error {
	ctx, end := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer end()
	defer conn.Close()              // first, so that the followers know why their subscriptions ended
	started := map[*follower]bool{} // owned by this goroutine
	ended := make(chan struct{}, 1)
	start := func() (left int) {
		f.locked(func() {
			left = len(f.streams)
			for _, one := range f.streams {
				if started[one] {
					continue
				}
				started[one] = true
				running.Go(func() {
					f.one(ctx, conn, one)
					signal(ended)
				})
			}
		})
		return left
	}
	for start() > 0 || f.again != nil {
		select {
		case <-f.again:
			if err := look(); err != nil && ctx.Err() == nil && f.options.OnLost != nil {
				f.locked(func() { f.options.OnLost(err, f.options.Every) })
			}
		case <-ended:
		case <-conn.Done():
			return conn.Err()
		case <-ctx.Done():
			return contextError(ctx)
		}
		if f.hasFailed() {
			return nil
		}
	}
	return nil
}

func (f *manyFollower) hasFailed() (failed bool) {
	f.locked(func() { failed = f.failed != nil })
	return failed
}

// one follows one stream over a connection, until that or the stream ends.
func (f *manyFollower) one(ctx context.Context, conn *Conn, one *follower) {
	for {
		cause := one.over(ctx, conn)
		switch {
		case one.handlerErr != nil:
			f.locked(func() { f.failed = one.handlerErr })
			return
		case ctx.Err() != nil, conn.Err() != nil:
			return
		case one.restart(cause):
			continue
		case !mayPass(cause):
			f.end(one.stream, cause)
			return
		}
		one.failures++
		if sleep(ctx, retryAfter(cause, one.failures)) != nil { // such as ErrSlow
			return
		}
	}
}

// end ends a stream that cannot be followed any more.
func (f *manyFollower) end(stream string, cause error) {
	f.locked(func() {
		delete(f.streams, stream)
		if f.options.OnEnded != nil && f.failed == nil {
			f.failed = f.options.OnEnded(stream, cause)
		}
	})
}

// over subscribes over a connection and handles messages. It returns why that ended.
func (f *follower) over(ctx context.Context, conn *Conn) error {
	subscribing, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	sub, err := conn.Subscribe(subscribing, f.stream, f.position)
	if err != nil {
		return err
	}
	return f.follow(ctx, conn, sub, func(ctx context.Context, _ *Conn, sub *Subscription) error {
		err := f.handleAll(ctx, sub)
		if context.Cause(ctx) == ErrRenewed && f.handlerErr == nil {
			return ErrRenewed // the connection is to be another one
		}
		return err
	})
}
