package client

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// stallTimeout is the longest time in which nothing is read from a full queue.
// Meanwhile nobody answers the gateway's pings, and a gateway with default settings
// waits 15 s for an answer.
const stallTimeout = 8 * time.Second

// A Message is a message that a subscription receives.
type Message struct {
	Stream  string
	Payload jsontext.Value // as it was published, white space aside

	// What follows is zero in a subscription without Meta.

	Seq   uint64    // its number in the stream; 0 for the header
	Time  time.Time // when the gateway accepted it; zero for the header
	Epoch string    // see SubscribeOptions.Epoch
	// Redelivered is how often the message was delivered before, to any member of
	// the group.
	Redelivered int
	// Header says that this is the stream's header and not a message.
	Header bool
	// Missing, if it is not zero, says that this is not a message: it is in the
	// place of messages that the stream no longer keeps. There is no Payload then.
	Missing Missing
	// State, if it is not nil, says that this is not a message: the state of the
	// stream has changed to this one. It comes in order with the messages, if
	// SubscribeOptions.State is set, also without Meta.
	State *State
	// Dropped, if it is not nil, says that this is not a message: it counts the
	// messages of Stream that were dropped from a merged subscription since the last
	// Dropped.
	Dropped *Dropped
	// Ended, if it is not "", says that this is not a message: Stream is no longer part
	// of the merged subscription, for the reason with this code.
	Ended protocol.Code
}

// State is what a stream is, apart from its messages.
type State = protocol.State

// Missing is the numbers of messages that will not be delivered, from the first to
// the last.
type Missing struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// messageOverhead is about the memory that a queued message takes besides its
// payload, in bytes. It bounds the number of empty messages in a queue.
const messageOverhead = 128

func (m Message) size() int { return len(m.Payload) + messageOverhead }

// SubscribeOptions says how to subscribe.
type SubscribeOptions struct {
	// Group is the UUID of a group. Each message goes to one of the client's
	// subscriptions with the same Group. Without a Group, the subscription receives
	// every message, unless the gateway has another setting.
	Group string

	// From is where in the stream to begin. The zero value is the next message that
	// is published. A group that exists continues at its position.
	From Position
	// Epoch is the stream's epoch when From was learned. If the stream has another
	// epoch now, because it was deleted and created again or restored from a backup,
	// the number From means another message, and the gateway refuses with
	// position_lost. "" accepts any epoch.
	Epoch string
	// Meta asks the gateway for the numbers and times of messages, and for notices
	// of missing ones. Without it, the gateway ends the connection with
	// messages_lost when messages are missing.
	Meta bool
	// Explicit means that messages are acknowledged with Ack or AckUpTo. A message
	// that is not acknowledged in time is delivered again, to any member of the
	// group. It needs a Group and implies Meta.
	Explicit bool
	// Credit is how many unacknowledged messages this member of a group may have,
	// from 1 to 1,024. 0 is the gateway's default: 100 if Explicit, and otherwise as
	// many as the member reads in time. A member that needs long for a message should
	// have few, so that others get them and each is acknowledged in time.
	Credit int
	// Filter, if it is not nil, is a filter in the language of tokens: the gateway sends only
	// the messages that pass it. The subscription is in no group then. A gateway that knows
	// no filters of subscriptions sends all messages.
	Filter jsontext.Value
	// State asks the gateway for the state of the stream, see Subscription.State,
	// and for each change of it, see Message.State.
	State bool
}

// Joined is where in the stream a subscription began.
type Joined = protocol.Joined

// A Subscription is the messages of one stream as they arrive, in order. Its methods
// are safe for concurrent use.
type Subscription struct {
	conn   *Conn
	stream string
	limit  int    // of the queue, in bytes
	merged int    // streams of a merged subscription that were not deleted; owned by the reader
	shares bool   // it is a group's: reading from the connection acknowledges
	yields bool   // a full queue ends it, with errYielded, and does not hold up the connection
	id     int64  // owned by the connection's writer
	joined Joined // set before Subscribe returns
	state  State  // set before Subscribe returns
	header bool   // the first message is the header; set before Subscribe returns
	// positions is where each stream of a merged subscription begins; set before SubscribeMerged returns.
	positions map[string]beginning

	some  chan struct{} // has a token if the queue may have a message
	room  chan struct{} // has a token if a message was taken
	ended chan struct{} // closed once err is set

	mu      sync.Mutex // guards what follows
	queue   []Message
	bytes   int
	leaving bool // it is being unsubscribed: the queue has no limit
	drains  bool // Drain was called: the queue has no limit, but the gateway sends no more than the credit
	err     error
	over    time.Time // when err was set
}

// Subscribe subscribes to a stream. The code to expect is stream_not_found. If the
// context ends first and there is a Group, the connection ends: it would acknowledge
// messages for the group that nobody gets.
func (c *Conn) Subscribe(ctx context.Context, stream string, options SubscribeOptions) (*Subscription, error) {
	sub := c.newSubscription(stream, options)
	if err := c.subscribe(ctx, sub, options); err != nil {
		return nil, fmt.Errorf("client: subscribe to %q: %w", stream, err)
	}
	return sub, nil
}

func (c *Conn) newSubscription(stream string, options SubscribeOptions) *Subscription {
	return &Subscription{
		conn:   c,
		stream: stream,
		limit:  c.queueBytes,
		shares: options.Group != "", // also if it is Explicit, since reading acknowledges gaps
		some:   make(chan struct{}, 1),
		room:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
}

func (c *Conn) subscribe(ctx context.Context, sub *Subscription, options SubscribeOptions) error {
	r := newCall(func(dst []byte) []byte { return appendSubscribe(dst, sub.stream, options) })
	r.sub = sub
	if err := c.start(ctx, r); err != nil {
		return err
	}
	_, err := c.wait(ctx, r)
	if err != nil && ctx.Err() != nil {
		// The subscription may have begun, or may begin later.
		c.abandon(sub, err)
	}
	return err
}

// appendSubscribe appends a request to subscribe. Options that are not set are left
// out.
//
//	{"id":2,"action":"subscribe","payload":"boiler_data","groupId":"0a0e...","from":17,"epoch":"8f14e45f","meta":true,"ack":"explicit","credit":10}
func appendSubscribe(dst []byte, stream string, options SubscribeOptions) []byte {
	dst = appendMember(dst, "action", protocol.ActionSubscribe)
	dst = appendMember(dst, "payload", stream)
	if options.Group != "" {
		dst = appendMember(dst, "groupId", options.Group)
	}
	if options.From != (Position{}) {
		from, _ := options.From.MarshalJSON() // never fails
		dst = append(append(dst, `,"from":`...), from...)
	}
	if options.Epoch != "" {
		dst = appendMember(dst, "epoch", options.Epoch)
	}
	if options.Meta {
		dst = append(dst, `,"meta":true`...)
	}
	if options.Explicit {
		dst = appendMember(dst, "ack", "explicit")
	}
	if options.Credit != 0 {
		dst = strconv.AppendInt(append(dst, `,"credit":`...), int64(options.Credit), 10)
	}
	if options.Filter != nil {
		dst = append(append(dst, `,"filter":`...), options.Filter...)
	}
	if options.State {
		dst = append(dst, `,"state":true`...)
	}
	return append(dst, '}')
}

// abandon ends a subscription without waiting for the gateway. If reading
// acknowledges its messages, it ends the connection.
func (c *Conn) abandon(sub *Subscription, reason error) {
	if sub.shares { // the next pong would acknowledge messages that nobody got
		c.socket.mute()
		sub.end(reason)
		c.fail(fmt.Errorf("%w: messages of a group were dropped: %v", ErrConnection, reason)) // %v: the reason is the subscription's, not the connection's
		return
	}
	sub.end(reason)
	r := sub.unsubscribe(false)
	body := r.body
	r.body = func(dst []byte) []byte {
		c.forget(sub) // what still comes is dropped
		return body(dst)
	}
	c.startLater(r)
}

// forget drops a subscription that has ended.
func (c *Conn) forget(sub *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, sub.id)
}

// {"id":5,"action":"unsubscribe","payload":2,"drain":true}, or without drain.
func (s *Subscription) unsubscribe(drain bool) *call {
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionUnsubscribe)
		dst = strconv.AppendInt(append(dst, `,"payload":`...), s.id, 10)
		if drain {
			dst = append(dst, `,"drain":true`...)
		}
		return append(dst, '}')
	})
}

// Stream returns the stream's name.
func (s *Subscription) Stream() string { return s.stream }

// Joined returns where in the stream the subscription began, or the zero value
// without Meta.
func (s *Subscription) Joined() Joined { return s.joined }

// State returns the state of the stream when the subscription began, or the zero
// value without SubscribeOptions.State.
func (s *Subscription) State() State { return s.state }

// Next waits for the next message. After the last message it returns why the
// subscription ended: ErrUnsubscribed, ErrClosed, ErrSlow, ErrConnection, or an
// *Error such as one with the code stream_deleted.
func (s *Subscription) Next(ctx context.Context) (Message, error) {
	for {
		if ctx.Err() != nil {
			return Message{}, contextError(ctx)
		}
		if m, ok, err := s.take(); ok || err != nil {
			return m, err
		}
		s.await(ctx, nil)
	}
}

// await waits until there may be a message, until the subscription or the context
// ends, or until done is closed.
func (s *Subscription) await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-s.some:
	case <-s.ended:
	case <-ctx.Done():
	case <-done:
	}
}

// take takes a message from the queue. If there is none and the subscription has
// ended, it returns why.
func (s *Subscription) take() (m Message, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		if s.err == nil {
			return Message{}, false, nil
		}
		return Message{}, false, fmt.Errorf("client: subscription to %q: %w", s.stream, s.err)
	}
	m, s.queue[0] = s.queue[0], Message{}
	s.queue = s.queue[1:]
	s.bytes -= m.size()
	signal(s.room)
	if len(s.queue) > 0 {
		signal(s.some) // another caller may be waiting
	}
	return m, true, nil
}

// takeIf takes the next message if there is one and is returns true for it.
func (s *Subscription) takeIf(is func(Message) bool) (m Message, ok bool) {
	s.mu.Lock()
	ok = len(s.queue) > 0 && is(s.queue[0])
	s.mu.Unlock()
	if ok {
		m, ok, _ = s.take()
	}
	return m, ok
}

// idle reports whether the subscription runs and has no message for Next.
func (s *Subscription) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue) == 0 && s.err == nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push waits for room in the queue and puts a message there. It returns false if
// there is no room for too long.
func (s *Subscription) push(m Message, quit <-chan struct{}) bool {
	if s.offer(m) {
		return true
	}
	stall := time.NewTimer(stallTimeout)
	defer stall.Stop()
	for !s.offer(m) {
		select {
		case <-s.room:
			stall.Reset(stallTimeout)
		case <-s.ended:
		case <-quit:
			return true
		case <-stall.C:
			return false
		}
	}
	return true
}

// offer puts a message into the queue if there is room. If the subscription has
// ended, it drops the message and returns true.
func (s *Subscription) offer(m Message) (taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return true
	}
	if len(s.queue) > 0 && s.bytes+m.size() > s.limit && !s.leaving && !s.drains {
		return false
	}
	s.queue = append(s.queue, m)
	s.bytes += m.size()
	signal(s.some)
	return true
}

// end ends the subscription for a reason, unless it has ended.
func (s *Subscription) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err, s.over = reason, time.Now()
		close(s.ended)
	}
}

// endedAt returns when the subscription ended, or the current time if it has not.
func (s *Subscription) endedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return time.Now()
	}
	return s.over
}

// Unsubscribe ends the subscription. Next still returns the messages that were
// received, and then ErrUnsubscribed. Messages that arrive before the gateway
// answers count as received: a member of a group has acknowledged them, unless it
// is Explicit. It is not an error if the subscription has ended. If the context ends
// first, the connection of a group's subscription ends too.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	if !s.leave() {
		return nil
	}
	_, err := s.conn.roundTrip(ctx, s.unsubscribe(false))
	if err != nil && ctx.Err() != nil { // it may still run
		s.conn.abandon(s, ErrUnsubscribed)
	}
	s.end(ErrUnsubscribed)
	s.conn.forget(s)
	// The gateway may have ended it at the same moment.
	if err != nil && CodeOf(err) != protocol.CodeSubscriptionNotFound {
		return fmt.Errorf("client: unsubscribe from %q: %w", s.stream, err)
	}
	return nil
}

// leave records that the subscription is being unsubscribed. It returns false if
// the subscription has ended or somebody else unsubscribes it.
func (s *Subscription) leave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := s.err == nil && !s.leaving
	s.leaving = true
	signal(s.room) // there is room for whoever waits in push
	return running
}
