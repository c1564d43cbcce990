// Package peertest is the suite that every kind of peer.Link passes: those of the bare
// network in one process, of a gateway in the same process, and over a gateway's WebSocket.
package peertest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"seagate/streams"
	"seagate/streams/peer"
)

// A Network is what the suite runs on. All clients are of one jail.
type Network struct {
	// Join returns a link of a client, which the suite closes.
	Join func(t testing.TB, client string) peer.Link

	// Define makes a topic whose messages are like {"n":1}. Nil if topics need none.
	Define func(t testing.TB, topic string)

	// Delete deletes a topic.
	Delete func(t testing.TB, topic string)

	// Groups reports whether there are consumer groups.
	Groups bool
}

// A net is a Network in one test.
type net struct {
	*testing.T
	Network
}

// Run runs the suite on a network that open returns for each test.
func Run(t *testing.T, open func(testing.TB) Network) {
	for name, test := range map[string]func(*net){
		"messages come live and from the past":   (*net).testMessages,
		"publications are whole, and once":       (*net).testPublications,
		"headers":                                (*net).testHeaders,
		"interest, registration and pause":       (*net).testInterest,
		"a consumer that is full misses nothing": (*net).testFull,
		"a stopped client misses nothing":        (*net).testStopped,
		"positions":                              (*net).testPositions,
		"deleted topics":                         (*net).testDeleted,
		"groups":                                 (*net).testGroups,
		"what a link did ends with it":           (*net).testEnd,
		"calls":                                  (*net).testCalls,
		"calls end at once":                      (*net).testCallsEnd,
		"signals":                                (*net).testSignals,
		"mailboxes":                              (*net).testMailboxes,
		"names":                                  (*net).testNames,
		"watches tell each change":               (*net).testWatches,
		"services are listed":                    (*net).testList,
		"broadcast":                              (*net).testBroadcast,
		"topic spaces":                           (*net).testSpaces,
		"a provider pauses as long as nobody listens": (*net).testIdleProducer,
	} {
		t.Run(name, func(t *testing.T) { test(&net{t, open(t)}) })
	}
}

func (n *net) join(client string) peer.Link {
	n.Helper()
	l := n.Join(n.T, client)
	n.Cleanup(func() { l.Close() })
	return l
}

// define makes topics.
func (n *net) define(topics ...string) {
	n.Helper()
	for _, topic := range topics {
		if n.Define != nil {
			n.Define(n.T, topic)
		}
	}
}

func (n *net) ok(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

// patience is how long the suite waits for what must happen.
const patience = 20 * time.Second

// A record is what happened, in order.
type record struct {
	mu     sync.Mutex
	events []string
	news   chan struct{} // has a token if there may be something new
}

func newRecord() record { return record{news: make(chan struct{}, 1)} }

func (r *record) note(format string, args ...any) {
	r.mu.Lock()
	r.events = append(r.events, fmt.Sprintf(format, args...))
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// await waits until exactly this has happened.
func (r *record) await(n *net, want ...string) {
	n.Helper()
	r.until(n, strings.Join(want, ", "), func(got []string) bool { return slices.Equal(got, want) })
}

func (r *record) until(n *net, what string, is func(got []string) bool) {
	n.Helper()
	deadline := time.After(patience)
	for {
		got := r.all()
		if is(got) {
			return
		}
		select {
		case <-r.news:
		case <-deadline:
			n.Fatalf("happened: %s\nwant: %s", strings.Join(got, ", "), what)
		}
	}
}

// A consumer writes down what it gets.
type consumer struct {
	record

	room int // messages that it takes, -1 for all; guarded by mu
}

func newConsumer() *consumer { return &consumer{record: newRecord(), room: -1} }

func (c *consumer) setRoom(room int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.room = room
}

// Deliver implements streams.Consumer.
func (c *consumer) Deliver(b *streams.Batch) int {
	for i, m := range b.Messages {
		if !c.hasRoom() {
			return i
		}
		c.note("%d%s", m.Seq, m.Payload)
		if m.Time.IsZero() {
			c.note("a message without a time")
		}
	}
	return len(b.Messages)
}

func (c *consumer) hasRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room == 0 {
		return false
	}
	if c.room > 0 {
		c.room--
	}
	return true
}

// State implements streams.Consumer.
func (c *consumer) State(s streams.State) bool {
	c.note("%s", stateText(s))
	return true
}

func stateText(s streams.State) string {
	return fmt.Sprintf("registered=%v paused=%v", s.Registered, s.Paused)
}

// Gap implements streams.Consumer.
func (c *consumer) Gap(first, last uint64) { c.note("gap %d-%d", first, last) }

// Resumed implements streams.Consumer.
func (c *consumer) Resumed() bool { return true }

// End implements streams.Consumer.
func (c *consumer) End(err error) { c.note("end %v", isDeleted(err)) }

// subscribe opens and starts an in topic.
func (n *net) subscribe(l peer.Topics, topic string, from streams.StartAt) (*consumer, peer.InTopic, streams.Joined) {
	n.Helper()
	c := newConsumer()
	in, joined, err := l.In(n.Context(), topic, c, from)
	n.ok(err)
	in.Start()
	return c, in, joined
}

// publish publishes messages and waits until they are accepted.
func (n *net) publish(l peer.Topics, p peer.Publication) (streams.Sent, error) {
	n.Helper()
	type outcome struct {
		streams.Sent
		error
	}
	done := make(chan outcome, 1)
	l.Publish(p, func(at streams.Sent, err error) { done <- outcome{at, err} })
	select {
	case o := <-done:
		return o.Sent, o.error
	case <-time.After(patience):
		n.Fatal("no answer to a publish")
		return streams.Sent{}, nil
	}
}

// send publishes {"n":k} for each number, one after the other.
func (n *net) send(l peer.Topics, topic string, numbers ...int) {
	n.Helper()
	for _, k := range numbers {
		_, err := n.publish(l, peer.Publication{Topic: topic, Payloads: payloads(k)})
		n.ok(err)
	}
}

func payloads(numbers ...int) (all [][]byte) {
	for _, k := range numbers {
		all = append(all, fmt.Appendf(nil, `{"n":%d}`, k))
	}
	return all
}
