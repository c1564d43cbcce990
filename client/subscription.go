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

// stallTimeout is for how long nothing may be taken from a full queue. It is
// shorter than the 15 s in which a gateway wants its pings answered, which
// nobody does meanwhile.
const stallTimeout = 8 * time.Second

// A Message is what a subscription receives.
type Message struct {
	Stream  string
	Payload jsontext.Value // as it was published, white space aside

	// What follows is zero in a subscription without Meta.

	Seq   uint64    // its number in the stream; 0 for the header
	Time  time.Time // when the gateway accepted it; zero for the header
	Epoch string    // see SubscribeOptions.Epoch
	// Redelivered is how often the message was delivered before, to whichever
	// member of the group.
	Redelivered int
	// Header says that this is the stream's header and no message.
	Header bool
	// Missing, if it is not zero, says that this is no message, but stands in
	// the place of some that the stream no longer keeps. It has no Payload.
	Missing Missing
}

// Missing are messages that will not be delivered, by their numbers. Both are
// included.
type Missing struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// messageOverhead is about what a queued message costs besides its payload.
// It bounds how many empty ones fit into a queue.
const messageOverhead = 128

func (m Message) size() int { return len(m.Payload) + messageOverhead }

// SubscribeOptions says how to subscribe.
type SubscribeOptions struct {
	// Group is the UUID of a group that shares the stream's messages: each
	// goes to one of the client's subscriptions with the same Group. Without
	// one, the subscription receives every message, unless the gateway is set
	// to something else.
	Group string

	// From is where in the stream to begin; the zero value is at what is
	// published next. A group that there is already goes on where it stands.
	From Position
	// Epoch is the one of the messages that From was learned from. The gateway
	// refuses with position_lost if the stream is another one by now, deleted
	// and made anew or back from a backup, in which that number means some
	// other message. "" takes the stream as it is.
	Epoch string
	// Meta asks the gateway to tell the numbers and times of messages, and
	// which ones are missing. Without it, a subscription that falls behind what
	// the stream keeps ends its connection with messages_lost.
	Meta bool
	// Explicit means that a message counts as received once it was given to
	// Ack or AckUpTo. What is not in time is delivered again, to whichever
	// member of the group. It needs a Group and implies Meta.
	Explicit bool
	// Credit is how many messages may be on their way to this member of a
	// group and not acknowledged, from 1 to 1,024. 0 leaves it to the gateway:
	// 1,024, or 100 if Explicit. A member that takes long for each message
	// should have few, so that others get them and none waits for longer than
	// the gateway lets it.
	Credit int
}

// Joined is where in the stream a subscription began.
type Joined = protocol.Joined

// A Subscription is the messages of one stream as they come, in their order.
// Its methods are safe for concurrent use.
type Subscription struct {
	conn   *Conn
	stream string
	limit  int    // of the queue, in bytes
	shares bool   // it is a group's: what is read from the connection counts as received
	id     int64  // owned by the connection's writer
	joined Joined // set before Subscribe returns

	some  chan struct{} // has a token if the queue may have a message
	room  chan struct{} // has a token if something was taken
	ended chan struct{} // closed once err is set

	mu      sync.Mutex // guards what follows
	queue   []Message
	bytes   int
	leaving bool // it is being unsubscribed: what still comes is taken, limit or not
	err     error
	over    time.Time // when err was set
}

// Subscribe subscribes to a stream. The code to expect is stream_not_found. If
// the context ends first, and there is a Group, the connection ends with it, or
// it would acknowledge for the group what nobody gets.
func (c *Conn) Subscribe(ctx context.Context, stream string, options SubscribeOptions) (*Subscription, error) {
	sub := &Subscription{
		conn:   c,
		stream: stream,
		limit:  c.queueBytes,
		shares: options.Group != "", // gaps are acknowledged so even if it is Explicit
		some:   make(chan struct{}, 1),
		room:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	if err := c.subscribe(ctx, sub, options); err != nil {
		return nil, fmt.Errorf("client: subscribe to %q: %w", stream, err)
	}
	return sub, nil
}

func (c *Conn) subscribe(ctx context.Context, sub *Subscription, options SubscribeOptions) error {
	r := newCall(func(dst []byte) []byte { return appendSubscribe(dst, sub.stream, options) })
	r.sub = sub
	if err := c.start(ctx, r); err != nil {
		return err
	}
	_, err := c.wait(ctx, r)
	if err != nil && ctx.Err() != nil {
		// It may have begun, or begin yet.
		c.abandon(sub, err)
	}
	return err
}

// appendSubscribe appends a request to subscribe, with what the options have.
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
	return append(dst, '}')
}

// abandon ends a subscription at the gateway without waiting for it. If that
// acknowledges by reading it ends the connection.
func (c *Conn) abandon(sub *Subscription, reason error) {
	if sub.shares { // or the next pong would acknowledge what nobody got
		c.socket.mute()
		sub.end(reason)
		c.fail(fmt.Errorf("%w: messages of a group were dropped: %v", ErrConnection, reason)) // which is the subscription's own
		return
	}
	sub.end(reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.work.Go(func() {
		// Without a context: it waits for the writer, whose writes have a
		// deadline, or for the connection's end.
		c.start(context.Background(), sub.unsubscribe())
	})
}

// {"id":5,"action":"unsubscribe","payload":2}
func (s *Subscription) unsubscribe() *call {
	return newCall(func(dst []byte) []byte {
		dst = appendMember(dst, "action", protocol.ActionUnsubscribe)
		dst = strconv.AppendInt(append(dst, `,"payload":`...), s.id, 10)
		return append(dst, '}')
	})
}

// Stream returns the stream's name.
func (s *Subscription) Stream() string { return s.stream }

// Joined returns where in the stream the subscription began. It is zero without
// Meta.
func (s *Subscription) Joined() Joined { return s.joined }

// Next returns the next message, once there is one. After the last one it
// returns why the subscription ended: ErrUnsubscribed, ErrClosed, ErrSlow,
// ErrConnection, or an *Error, as with the code stream_deleted.
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

// await returns once there may be a message, or the subscription or the context
// has ended, or something else is done.
func (s *Subscription) await(ctx context.Context, done <-chan struct{}) {
	select {
	case <-s.some:
	case <-s.ended:
	case <-ctx.Done():
	case <-done:
	}
}

// take takes a message from the queue, if there is one, or else the reason why
// none will come.
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
		signal(s.some) // for another caller, who may be waiting
	}
	return m, true, nil
}

// idle says whether the subscription runs and has no message for Next.
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

// push puts a message into the queue, once there is room. It returns false if
// there was none for too long.
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

// offer puts a message into the queue if there is room, or if nobody wants it
// any more.
func (s *Subscription) offer(m Message) (taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return true
	}
	if len(s.queue) > 0 && s.bytes+m.size() > s.limit && !s.leaving {
		return false
	}
	s.queue = append(s.queue, m)
	s.bytes += m.size()
	signal(s.some)
	return true
}

// end sets the reason why no more messages will come, if there is none yet.
func (s *Subscription) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err, s.over = reason, time.Now()
		close(s.ended)
	}
}

// endedAt returns when the subscription ended, and the present if it has not.
func (s *Subscription) endedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return time.Now()
	}
	return s.over
}

// Unsubscribe ends the subscription. Next still returns what was received, and
// then ErrUnsubscribed. What comes until the gateway has answered counts as
// received: a member of a group has acknowledged it, unless it does that
// explicitly. It is no error if the subscription has ended before. If the
// context ends first, the connection of a group's subscription ends with it.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	if !s.leave() {
		return nil
	}
	_, err := s.conn.roundTrip(ctx, s.unsubscribe())
	if err != nil && ctx.Err() != nil { // it goes on, for all we know
		s.conn.abandon(s, ErrUnsubscribed)
	}
	s.end(ErrUnsubscribed)
	// The gateway may have ended it at the same moment.
	if err != nil && CodeOf(err) != protocol.CodeSubscriptionNotFound {
		return fmt.Errorf("client: unsubscribe from %q: %w", s.stream, err)
	}
	return nil
}

// leave notes that the subscription is being ended. It returns false if it has
// been, or is already.
func (s *Subscription) leave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := s.err == nil && !s.leaving
	s.leaving = true
	signal(s.room) // whoever waits to put a message in need not any more
	return running
}
