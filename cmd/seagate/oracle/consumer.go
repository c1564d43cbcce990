package oracle

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
	"unique"

	"github.com/go-json-experiment/json"

	"seagate/client"
	"seagate/protocol"
)

// A consumer has one session after the other, over a link of its own.
type consumer struct {
	*Oracle
	stream string
	link   *link
	random *rand.Rand
	stalls bool // it sometimes stops reading for a while
	cut    bool // it has cut its connection itself
	going  bool // it is about to leave: what still comes it does nothing with
}

// A listening is one session under way.
type listening struct {
	*Session
	conn *client.Conn
	sub  *client.Subscription
}

// What consumers do now and then.
const (
	longestStall = 3 * time.Second
	stallEvery   = 300 // messages
)

func (o *Oracle) newConsumer(stream string, t Target, stalls bool) (*consumer, error) {
	l, err := newLink(t, stalls)
	if err != nil {
		return nil, err
	}
	return &consumer{Oracle: o, stream: stream, link: l, stalls: stalls, random: o.chance(o.newConn() + maxPublishers)}, nil
}

// join subscribes. The error is a refusal for good; with neither, it may be
// tried again.
func (c *consumer) join(options client.SubscribeOptions) (*listening, error) {
	s := &Session{From: options.From, Meta: options.Meta || options.Explicit, Explicit: options.Explicit, AskedAt: c.clock.now()}
	if s.Explicit {
		s.Acks, s.Nacks = map[uint64]Ack{}, map[uint64]int{}
	}
	c.cut, c.going = false, false
	conn, err := c.dial(c.link)
	if err != nil {
		return nil, c.refused(err)
	}
	ctx, cancel := context.WithTimeout(c.consuming, connectTimeout)
	defer cancel()
	sub, err := conn.Subscribe(ctx, c.stream, options)
	if err != nil {
		conn.Close()
		return nil, c.refused(err)
	}
	s.JoinedAt, s.Joined = c.clock.now(), sub.Joined()
	return &listening{s, conn, sub}, nil
}

// refused returns an error that trying again will not change.
func (c *consumer) refused(err error) error {
	if temporary(err) {
		return nil
	}
	return err
}

// temporary says whether trying again may help.
func temporary(err error) bool {
	refusal, said := errors.AsType[*client.Error](err)
	return !said || refusal.Temporary()
}

// A handler takes what a session receives.
type handler func(*listening, *Event)

// listen receives until the session ends, and says whether the consumer is
// done: when idle says so, or nobody waits any more.
func (c *consumer) listen(l *listening, take handler, idle func(*listening) bool) (done bool) {
	defer l.conn.Close()
	defer func() {
		if l.EndedAt == 0 {
			l.EndedAt = c.clock.now()
		}
	}()
	for {
		done, why := c.receive(l, take, idle)
		switch {
		case done:
			l.End = Stayed
			c.drain(l, take)
			return true
		case why != nil: // the connection has ended, or the subscription
			l.End = c.endOf(why)
			return l.End == Mismatched
		case c.consuming.Err() != nil:
			return true
		case c.drained():
			continue // idle was asked
		case !c.options.Calm:
			c.leave(l, take)
			return false
		}
	}
}

// receive receives for a while: until the session is to end, or the final logs
// are there.
func (c *consumer) receive(l *listening, take handler, idle func(*listening) bool) (done bool, ended error) {
	ctx, cancel := c.while()
	defer cancel()
	if c.drained() && idle(l) {
		return true, nil
	}
	for {
		m, err := l.sub.Next(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return false, nil
		default:
			return false, err // why it ended
		}
		if err := c.accept(l, m, take); err != nil {
			return false, err
		}
		if c.stalls && !c.drained() && c.random.IntN(stallEvery) == 0 {
			c.pause(c.filling, time.Duration(c.random.Int64N(int64(longestStall))))
		}
	}
}

// pollEvery is how often who has everything there is looks whether that is
// all.
const pollEvery = 50 * time.Millisecond

// while returns for how long a session goes on receiving before it thinks
// about what to do next.
func (c *consumer) while() (context.Context, context.CancelFunc) {
	if c.drained() {
		return context.WithTimeout(c.consuming, pollEvery)
	}
	length := c.options.Session
	if !c.options.Calm {
		length = time.Duration(c.random.Int64N(int64(length)))
	}
	return context.WithTimeout(c.filling, length)
}

func (c *consumer) drained() bool {
	select {
	case <-c.final:
		return true
	default:
		return false
	}
}

// leave says goodbye, or does not.
func (c *consumer) leave(l *listening, take handler) {
	l.End, c.going = Left, true
	if c.random.IntN(2) == 0 {
		l.End, c.cut = Broken, true
		c.link.cut()
	} else if err := l.sub.Unsubscribe(c.consuming); err != nil {
		l.End = c.endOf(err)
	}
	c.readOut(l, take)
}

// drain leaves when everything is there, so that it is known what else was on
// its way.
func (c *consumer) drain(l *listening, take handler) {
	c.going, l.EndedAt = true, c.clock.now() // others may have what it leaves before it is out
	if l.sub.Unsubscribe(c.consuming) == nil {
		c.readOut(l, take)
	}
}

// readOut takes what has arrived before the end.
func (c *consumer) readOut(l *listening, take handler) {
	for {
		m, err := l.sub.Next(c.consuming)
		if err != nil {
			return
		}
		if c.accept(l, m, take) != nil {
			l.End = Mismatched
			return
		}
	}
}

// accept notes a message and has it handled, unless it is none of the run.
func (c *consumer) accept(l *listening, m client.Message, take handler) error {
	e, err := c.event(m)
	if err != nil {
		return err
	}
	l.Events = append(l.Events, e)
	take(l, &l.Events[len(l.Events)-1])
	return nil
}

var errMismatch = errors.New("this is no message of the run")

func (c *consumer) event(m client.Message) (Event, error) {
	e := Event{At: c.clock.now(), Missing: m.Missing, Redelivered: m.Redelivered}
	if m.Missing != (client.Missing{}) {
		return e, nil
	}
	entry, err := entryOf(m)
	e.Entry = entry
	return e, err
}

func entryOf(m client.Message) (Entry, error) {
	var b body
	if err := json.Unmarshal(m.Payload, &b); err != nil || b.Color == "" {
		return Entry{}, errMismatch
	}
	// There are millions of entries, and few colors and epochs.
	color, epoch := unique.Make(b.Color).Value(), unique.Make(m.Epoch).Value()
	return Entry{Seq: m.Seq, ID: b.ID, Color: color, Epoch: epoch, Time: m.Time}, nil
}

// endOf says what the end of a session means. An end that nobody here brought
// about is a disturbance.
func (c *consumer) endOf(err error) End {
	switch {
	case errors.Is(err, errMismatch):
		return Mismatched
	case client.CodeOf(err) == protocol.CodeMessagesLost:
		return Overtaken
	case c.consuming.Err() != nil:
		return Stayed
	}
	if errors.Is(err, client.ErrSlow) {
		return Drowned
	}
	if !c.cut {
		c.Disturb()
	}
	return Broken
}

// saw notes that a stream has had a number.
func (c *consumer) saw(seq uint64) {
	seen := c.seen[c.stream]
	for before := seen.Load(); seq > before && !seen.CompareAndSwap(before, seq); before = seen.Load() {
	}
}

// last returns the last message that a consumer of the color must have, and
// false if there is none. The final logs are there.
func (c *consumer) last(color string) (Entry, bool) {
	entries := c.logs[c.stream].Entries
	for i := len(entries) - 1; i >= 0; i-- {
		if color == "" || entries[i].Color == color {
			return entries[i], true
		}
	}
	return Entry{}, false
}
