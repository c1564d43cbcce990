package client

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"seagate/protocol"
)

// Sync says how messages of several streams are put in order.
type Sync struct {
	// By is the path of the timestamps in the messages, as "$.timestamp". Their
	// values are numbers or RFC 3339 texts. "" is the time at which the gateway
	// accepted a message.
	By string
	// Priority of streams by name, 0 for others. Of messages with equal timestamps
	// that of the highest priority comes first.
	Priority map[string]int
	// Wait is how long a silent stream may hold the others up. nil is the gateway's
	// default of 1 s.
	Wait *time.Duration
}

// Dropped is how many messages of a stream were dropped because they came late or
// have no timestamp.
type Dropped = protocol.Dropped

// A StreamPosition is where in one of several streams to begin.
type StreamPosition struct {
	Stream string
	Seq    uint64 // the number of the next message
	Epoch  string // see SubscribeOptions.Epoch
}

// MergedOptions says how to subscribe to several streams.
type MergedOptions struct {
	Sync Sync
	// From is where in all streams to begin: Latest, Earliest or Since. It is not
	// used if there are Positions.
	From Position
	// Positions has a position for each stream, or is empty.
	Positions []StreamPosition
}

// SubscribeMerged subscribes to 2 to 16 streams, whose messages come in the order of
// their timestamps. The messages have all that Meta gives. Message.Dropped tells of
// messages that were dropped, Message.Ended of a stream that was deleted; the others
// go on.
func (c *Conn) SubscribeMerged(ctx context.Context, streams []string, options MergedOptions) (*Subscription, error) {
	sub := &Subscription{
		conn:   c,
		stream: strings.Join(streams, ", "),
		limit:  c.queueBytes,
		merged: len(streams),
		some:   make(chan struct{}, 1),
		room:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	r := newCall(func(dst []byte) []byte { return appendMerged(dst, streams, options) })
	r.sub = sub
	err := c.start(ctx, r)
	if err == nil {
		if _, err = c.wait(ctx, r); err != nil && ctx.Err() != nil {
			c.abandon(sub, err) // it may have begun, or may begin later
		}
	}
	if err != nil {
		return nil, fmt.Errorf("client: subscribe to %q: %w", sub.stream, err)
	}
	return sub, nil
}

// appendMerged appends a request to subscribe to several streams.
//
//	{"id":2,"action":"subscribe","payload":["a","b"],"sync":{"by":"$.t","priority":{"b":1},"wait":0.5},"from":{"a":17,"b":4},"epoch":{"a":"8f14e45f"},"meta":true}
func appendMerged(dst []byte, streams []string, o MergedOptions) []byte {
	dst = appendMember(dst, "action", protocol.ActionSubscribe)
	dst = append(dst, `,"payload":[`...)
	for i, name := range streams {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, quoted(name)...)
	}
	dst = append(append(dst, `],"sync":`...), o.Sync.json()...)
	switch {
	case len(o.Positions) > 0:
		dst = append(append(dst, `,"from":`...), object(o.Positions, func(p StreamPosition) (string, string) {
			return p.Stream, strconv.FormatUint(p.Seq, 10)
		})...)
		dst = append(append(dst, `,"epoch":`...), object(o.Positions, func(p StreamPosition) (string, string) {
			if p.Epoch == "" {
				return "", ""
			}
			return p.Stream, quoted(p.Epoch)
		})...)
	case o.From != (Position{}):
		from, _ := o.From.MarshalJSON() // never fails
		dst = append(append(dst, `,"from":`...), from...)
	}
	return append(dst, `,"meta":true}`...)
}

func (s Sync) json() string {
	var members []string
	if s.By != "" {
		members = append(members, `"by":`+quoted(s.By))
	}
	if len(s.Priority) > 0 {
		var names []string
		for name := range s.Priority {
			names = append(names, name)
		}
		slices.Sort(names)
		members = append(members, `"priority":`+object(names, func(name string) (string, string) {
			return name, strconv.Itoa(s.Priority[name])
		}))
	}
	if s.Wait != nil {
		members = append(members, `"wait":`+strconv.FormatFloat(s.Wait.Seconds(), 'f', -1, 64))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func quoted(text string) string { return string(appendQuoted(nil, text)) }

// object returns a JSON object of the members that have a name.
func object[T any](list []T, member func(T) (name, value string)) string {
	var members []string
	for _, item := range list {
		if name, value := member(item); name != "" {
			members = append(members, quoted(name)+":"+value)
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

// FollowMergedOptions says how FollowMerged works.
type FollowMergedOptions struct {
	Sync Sync
	From Position // of all streams: Latest, Earliest or Since

	// OnSubscribed is called after each time it has subscribed, with why the
	// subscription before it ended, or nil. The reason is ErrRenewed for a fresh token.
	OnSubscribed func(cause error)
	// OnLost is as in FollowOptions.
	OnLost func(cause error, wait time.Duration)
}

// FollowMerged hands over the messages of several streams in the order of their
// timestamps, and everything else that SubscribeMerged gives. When the connection is lost it
// connects again and continues after the last message of each stream that was handled.
// Across such a reconnect, a message that was still to come may be earlier than one that
// was handled. With Options.Token it moves to another connection before a token expires, in
// the same way. It returns as Follow does, also when all streams are deleted, and with
// position_lost if a stream is not what it was.
func (c *Client) FollowMerged(ctx context.Context, streams []string, options FollowMergedOptions, handle func(Message) error) error {
	for name := range options.Sync.Priority {
		if !slices.Contains(streams, name) {
			return fmt.Errorf("client: there is a priority for %q, which is not among the streams", name)
		}
	}
	f := &mergedFollower{client: c, options: options, handle: handle}
	retry := follower{client: c, options: FollowOptions{OnLost: options.OnLost}}
	for {
		cause := f.session(ctx, streams, &retry)
		switch {
		case f.handlerErr != nil:
			return f.handlerErr
		case ctx.Err() != nil:
			return contextError(ctx)
		case f.over, !mayPass(cause) && !c.renews(cause):
			return fmt.Errorf("client: follow %q: %w", strings.Join(streams, ", "), cause)
		}
		if f.cause = cause; cause == ErrRenewed {
			continue
		}
		if err := retry.pause(ctx, cause); err != nil {
			return err
		}
	}
}

// A mergedFollower is one call of FollowMerged.
type mergedFollower struct {
	client     *Client
	options    FollowMergedOptions
	handle     func(Message) error
	handlerErr error
	positions  []StreamPosition // nil before they are known
	over       bool             // all streams are deleted
	cause      error
}

func (f *mergedFollower) session(ctx context.Context, streams []string, retry *follower) error {
	retry.failures++
	conn, sub, err := f.connect(ctx, streams, retry)
	if err != nil {
		return err
	}
	defer conn.Close()
	retry.failures = 0
	if f.options.OnSubscribed != nil {
		f.options.OnSubscribed(f.cause)
	}
	retry.fresh, err = conn.whileGood(ctx, func(ctx context.Context) error { return f.handleAll(ctx, sub) })
	if retry.fresh != nil && f.handlerErr == nil && ctx.Err() == nil && !f.over {
		return ErrRenewed
	}
	return err
}

// handleAll hands messages over until the subscription or ctx ends. It returns why.
func (f *mergedFollower) handleAll(ctx context.Context, sub *Subscription) error {
	for {
		m, err := sub.Next(ctx)
		if err != nil {
			f.over = len(f.positions) == 0
			return err
		}
		if f.handlerErr = f.handle(m); f.handlerErr != nil {
			return f.handlerErr
		}
		f.note(m)
	}
}

func (f *mergedFollower) connect(ctx context.Context, streams []string, retry *follower) (*Conn, *Subscription, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, errConnectTimeout)
	defer cancel()
	conn, err := retry.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	sub, err := f.subscribe(ctx, conn, streams)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, sub, nil
}

// subscribe subscribes where the subscription before has ended, or else where the options say.
func (f *mergedFollower) subscribe(ctx context.Context, conn *Conn, streams []string) (*Subscription, error) {
	if f.positions == nil {
		sub, err := conn.SubscribeMerged(ctx, streams, MergedOptions{Sync: f.options.Sync, From: f.options.From})
		if err != nil {
			return nil, err
		}
		// A connection that is lost before a stream's first message loses nothing.
		var positions []StreamPosition
		for _, name := range streams {
			at, told := sub.positions[name]
			if !told {
				return nil, fmt.Errorf("%w: the gateway does not say where the subscription to %q begins", ErrConnection, name)
			}
			positions = append(positions, StreamPosition{name, at.NextSeq, at.Epoch})
		}
		f.positions = positions
		return sub, nil
	}
	if len(f.positions) == 1 { // the others are deleted
		last := f.positions[0]
		return conn.Subscribe(ctx, last.Stream, SubscribeOptions{From: AtSeq(last.Seq), Epoch: last.Epoch, Meta: true})
	}
	var names []string
	for _, p := range f.positions {
		names = append(names, p.Stream)
	}
	return conn.SubscribeMerged(ctx, names, MergedOptions{Sync: f.syncOf(names), Positions: f.positions})
}

// syncOf is Sync without the priorities of streams that were deleted.
func (f *mergedFollower) syncOf(names []string) Sync {
	s := f.options.Sync
	s.Priority = map[string]int{}
	for name, priority := range f.options.Sync.Priority {
		if slices.Contains(names, name) {
			s.Priority[name] = priority
		}
	}
	return s
}

// note keeps where to continue after a message.
func (f *mergedFollower) note(m Message) {
	i := slices.IndexFunc(f.positions, func(p StreamPosition) bool { return p.Stream == m.Stream })
	switch {
	case i < 0:
	case m.Ended != "":
		f.positions = slices.Delete(f.positions, i, i+1)
	case m.Missing != (Missing{}):
		f.positions[i].Seq = m.Missing.To + 1
	case m.Seq > 0:
		f.positions[i].Seq, f.positions[i].Epoch = m.Seq+1, m.Epoch
	}
}
