package streams

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrPaused: the topic takes no messages until it is resumed.
	ErrPaused = errors.New("streams: the topic is paused")
	// ErrDeleted: the topic was deleted; look it up again to make a new one.
	ErrDeleted = errors.New("streams: the topic was deleted")
	// ErrTooManyTopics: the space holds as many topics as Options allow.
	ErrTooManyTopics = errors.New("streams: too many topics in this space")
)

// An ID names a topic: spaces are apart, names are unique in their space.
type ID struct {
	Space string
	Name  string
}

// A Topic is an ordered sequence of messages with a header and a state. Safe
// for concurrent use.
type Topic struct {
	id  ID
	net *Network

	// recordMu orders the writes of what is kept in storage (header, pause).
	// Locks are taken in this order: recordMu, Network.mu, mu, lane.mu,
	// worker.mu.
	recordMu sync.Mutex

	mu        sync.RWMutex // guards what follows
	next      uint64       // the number that the next message gets
	tail      tail
	header    []byte // nil if there is none
	paused    bool
	providers int
	deleted   bool
	changes   changeLog

	readers atomic.Int64
	lanes   []*lane // one per worker
	waiters atomic.Int64
	passed  *sync.Cond // on mu: a lane moved on while a sender waited
}

func newTopic(net *Network, id ID) *Topic {
	t := &Topic{id: id, net: net, next: 1}
	t.passed = sync.NewCond(&t.mu)
	t.lanes = make([]*lane, len(net.workers))
	for i, w := range net.workers {
		t.lanes[i] = newLane(t, w)
	}
	return t
}

// ID returns the topic's name.
func (t *Topic) ID() ID { return t.id }

// Requested says whether anybody listens, so that a provider without listeners
// can save its work.
func (t *Topic) Requested() bool { return t.readers.Load() > 0 }

// Info is a snapshot of a topic.
type Info struct {
	State
	First, Last uint64 // numbers of the oldest message kept and of the newest; First > Last if none is kept
	Bytes       int    // payload kept in memory
	Readers     int    // open in topics
	HasHeader   bool
}

// Info returns a snapshot of the topic.
func (t *Topic) Info() Info {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Info{
		State:     t.stateLocked(),
		First:     t.tail.first(t.next),
		Last:      t.next - 1,
		Bytes:     t.tail.bytes,
		Readers:   int(t.readers.Load()),
		HasHeader: t.header != nil,
	}
}

func (t *Topic) stateLocked() State {
	return State{Registered: t.providers > 0, Paused: t.paused}
}

// changeLocked applies f and lets every reader know, in order with the
// messages, if the state is another one after it.
func (t *Topic) changeLocked(f func()) {
	before := t.stateLocked()
	f()
	if after := t.stateLocked(); after != before {
		t.changes.append(change{after: t.next - 1, state: after})
	}
}

// An OutTopic is a provider's hold on a topic: while one is open the topic is
// registered. Safe for concurrent use.
type OutTopic struct {
	topic *Topic
	once  sync.Once
}

// Out opens an out topic.
func (t *Topic) Out() (*OutTopic, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deleted {
		return nil, ErrDeleted
	}
	t.changeLocked(func() { t.providers++ })
	t.moved()
	return &OutTopic{topic: t}, nil
}

// Topic returns the topic that is provided.
func (o *OutTopic) Topic() *Topic { return o.topic }

// Close withdraws the provider. It is safe to call twice.
func (o *OutTopic) Close() {
	o.once.Do(func() {
		o.topic.mu.Lock()
		defer o.topic.mu.Unlock()
		o.topic.changeLocked(func() { o.topic.providers-- })
		o.topic.moved()
	})
}

// Send appends the payloads, all or none, as consecutive messages. done is
// called exactly once, perhaps before Send returns and perhaps by another
// goroutine: with the number of the first message once all are as safe as the
// topic promises, or with ErrPaused or ErrDeleted. The payloads belong to the
// topic afterwards. Send may block while delivery is more than a tail behind;
// it must not be called by a Consumer.
func (o *OutTopic) Send(payloads [][]byte, done func(first uint64, err error)) {
	first, err := o.topic.append(payloads)
	if err == nil {
		o.topic.moved()
	}
	done(first, err)
}

func (t *Topic) append(payloads [][]byte) (first uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.awaitRoomLocked()
	switch {
	case t.deleted:
		return 0, ErrDeleted
	case t.paused:
		return 0, ErrPaused
	}
	first = t.next
	now, keep := time.Now(), t.floor()
	for _, payload := range payloads {
		m := &Message{Seq: t.next, Time: now, Payload: payload}
		t.tail.append(m, t.net.opts.TailMessages, t.net.opts.TailBytes, keep)
		t.next++
	}
	return first, nil
}

// awaitRoomLocked waits while the tail is full of messages that the workers
// have not handed out yet. Slow consumers are not waited for: see lane.floor.
func (t *Topic) awaitRoomLocked() {
	if !t.crowdedLocked() {
		return
	}
	t.waiters.Add(1) // before crowdedLocked looks again, so that laneMoved cannot miss it
	defer t.waiters.Add(-1)
	for t.crowdedLocked() && !t.deleted && !t.net.closed.Load() {
		t.passed.Wait()
	}
}

func (t *Topic) crowdedLocked() bool {
	over := t.tail.count > t.net.opts.TailMessages || t.tail.bytes > t.net.opts.TailBytes
	if !over {
		return false
	}
	t.tail.trim(t.net.opts.TailMessages, t.net.opts.TailBytes, t.floor())
	over = t.tail.count > t.net.opts.TailMessages || t.tail.bytes > t.net.opts.TailBytes
	return over && t.tail.first(t.next) >= t.floor()
}

// floor is the number of the first message that some lane has yet to pass on.
func (t *Topic) floor() uint64 {
	floor := uint64(math.MaxUint64)
	for _, l := range t.lanes {
		floor = min(floor, l.floor.Load())
	}
	return floor
}

// laneMoved wakes the senders that wait for the workers.
func (t *Topic) laneMoved() {
	if t.waiters.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed.Broadcast()
}

func (t *Topic) moved() {
	for _, l := range t.lanes {
		l.topicMoved()
	}
}

// end marks the topic deleted; every in topic is told once it has had all.
func (t *Topic) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deleted = true
	t.passed.Broadcast()
	t.moved()
}

// release lets waiting senders go when the network closes.
func (t *Topic) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed.Broadcast()
}
