package oracle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
	"unique"

	"github.com/go-json-experiment/json"

	"seagate/client"
	"seagate/protocol"
)

// A consumer runs one session after another, each on a connection of its own.
type consumer struct {
	*Oracle
	stream  string
	link    *link
	random  *rand.Rand
	stalls  bool // it stops reading for a while now and then
	cut     bool // it has cut the connection of the session itself
	leaving bool // it is ending the session, and ignores what still arrives
}

// A role decides what a consumer's sessions do and when they are complete.
type role interface {
	// nextOptions returns the options of the next session.
	nextOptions() client.SubscribeOptions
	// failed records the refusal of a session. No other session follows.
	failed(error)
	began(*listening)
	take(*listening, *Event)
	// complete reports whether the session has received everything that it
	// must. It is called once the final logs are known.
	complete(*listening) bool
	ended(*listening)
}

// A listening is a session in progress.
type listening struct {
	*Session
	conn *client.Conn
	sub  *client.Subscription
}

const (
	longestStall = 3 * time.Second
	stallEvery   = 300 // messages
	// pollEvery is how often a consumer that receives nothing asks whether the
	// run is over.
	pollEvery = 50 * time.Millisecond
)

func (o *Oracle) newConsumer(stream string, t Target, stalls bool) (*consumer, error) {
	l, err := newLink(t, stalls)
	if err != nil {
		return nil, err
	}
	return &consumer{Oracle: o, stream: stream, link: l, stalls: stalls, random: o.chance(o.newConn() + maxPublishers)}, nil
}

// run runs sessions until the role is complete.
func (c *consumer) run(r role) {
	defer c.link.close()
	var wait backoff
	for {
		options := r.nextOptions()
		l, err := c.join(options)
		switch {
		case err == nil:
			wait = backoff{}
			r.began(l)
			done := c.listen(l, r)
			r.ended(l)
			if done {
				return
			}
		case !temporary(err):
			r.failed(fmt.Errorf("subscribe from %v: %w", options.From, err))
			return
		case !wait.wait(c.consuming):
			return
		}
	}
}

// join starts a session.
func (c *consumer) join(options client.SubscribeOptions) (*listening, error) {
	s := &Session{From: options.From, Meta: options.Meta || options.Explicit, Explicit: options.Explicit, AskedAt: c.clock.now()}
	if s.Explicit {
		s.Acks, s.Nacks = map[uint64]Ack{}, map[uint64]int{}
	}
	c.cut, c.leaving = false, false
	conn, err := c.dial(c.link)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.consuming, connectTimeout)
	defer cancel()
	sub, err := conn.Subscribe(ctx, c.stream, options)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.JoinedAt, s.Joined = c.clock.now(), sub.Joined()
	return &listening{s, conn, sub}, nil
}

// temporary reports whether the same request may succeed later.
func temporary(err error) bool {
	refusal, said := errors.AsType[*client.Error](err)
	return !said || refusal.Temporary()
}

// listen receives until the session ends. It returns true if no other session may
// follow: the role is complete, the consumer received a message that the run did
// not publish, or the run has given up.
func (c *consumer) listen(l *listening, r role) (done bool) {
	defer l.conn.Close()
	defer func() {
		if l.EndedAt == 0 {
			l.EndedAt = c.clock.now()
		}
	}()
	for {
		complete, err := c.receive(l, r)
		switch {
		case complete:
			// What is still on its way counts too. Another member may receive what
			// this session gives up before all of that has arrived.
			l.End, c.leaving, l.EndedAt = Stayed, true, c.clock.now()
			if l.sub.Unsubscribe(c.consuming) == nil {
				c.readOut(l, r)
			}
			return true
		case err != nil:
			l.End = c.endOf(err)
			return l.End == Mismatched
		case c.consuming.Err() != nil:
			return true
		case !c.isFinal() && !c.options.Calm:
			c.leave(l, r)
			return false
		}
	}
}

// receive receives for one turn. It returns true if the session is complete, and
// an error if it has ended.
func (c *consumer) receive(l *listening, r role) (complete bool, err error) {
	ctx, cancel := c.turn()
	defer cancel()
	if c.isFinal() && r.complete(l) {
		return true, nil
	}
	for {
		m, err := l.sub.Next(ctx)
		if err != nil && ctx.Err() != nil {
			return false, nil
		}
		if err == nil {
			err = c.accept(l, m, r)
		}
		if err != nil {
			return false, err
		}
		if c.stalls && !c.isFinal() && c.random.IntN(stallEvery) == 0 {
			pause(c.filling, time.Duration(c.random.Int64N(int64(longestStall))))
		}
	}
}

// turn returns a context that bounds one call of receive.
func (c *consumer) turn() (context.Context, context.CancelFunc) {
	if c.isFinal() {
		return context.WithTimeout(c.consuming, pollEvery)
	}
	length := c.options.Session
	if !c.options.Calm {
		length = time.Duration(c.random.Int64N(int64(length)))
	}
	return context.WithTimeout(c.filling, length)
}

// isFinal reports whether the final logs are known.
func (o *Oracle) isFinal() bool {
	select {
	case <-o.final:
		return true
	default:
		return false
	}
}

// leave ends a session. It unsubscribes, drains or cuts the connection. An explicit member that
// drained would wait for its messages to time out, since it does not acknowledge them any more.
func (c *consumer) leave(l *listening, r role) {
	l.End, c.leaving = Left, true
	leave := l.sub.Unsubscribe
	if !l.Explicit && c.random.IntN(2) == 0 {
		leave = l.sub.Drain
	}
	if c.random.IntN(2) == 0 {
		l.End, c.cut = Broken, true
		c.link.cut()
	} else if err := leave(c.consuming); err != nil {
		l.End = c.endOf(err)
	}
	c.readOut(l, r)
}

// readOut accepts what had arrived before the session ended.
func (c *consumer) readOut(l *listening, r role) {
	for {
		m, err := l.sub.Next(c.consuming)
		if err != nil {
			return
		}
		if c.accept(l, m, r) != nil {
			l.End = Mismatched
			return
		}
	}
}

// accept records a message and hands it to the role. Its only error is
// errMismatch.
func (c *consumer) accept(l *listening, m client.Message, r role) error {
	e, err := c.event(m)
	if err != nil {
		return err
	}
	l.Events = append(l.Events, e)
	r.take(l, &l.Events[len(l.Events)-1])
	return nil
}

var errMismatch = errors.New("this is no message of the run")

func (o *Oracle) event(m client.Message) (Event, error) {
	e := Event{At: o.clock.now(), Missing: m.Missing, Redelivered: m.Redelivered}
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
	// Interned: there are millions of entries, but few colors and epochs.
	color, epoch := unique.Make(b.Color).Value(), unique.Make(m.Epoch).Value()
	return Entry{Seq: m.Seq, ID: b.ID, Color: color, Epoch: epoch, Time: m.Time}, nil
}

// endOf returns how a session ended. An end that the oracle did not cause is
// recorded as a disturbance.
func (c *consumer) endOf(err error) End {
	switch {
	case errors.Is(err, errMismatch):
		return Mismatched
	case client.CodeOf(err) == protocol.CodeMessagesLost:
		return Overtaken
	case c.consuming.Err() != nil:
		return Stayed
	case errors.Is(err, client.ErrSlow):
		return Drowned
	}
	if !c.cut {
		c.Disturb()
	}
	return Broken
}
