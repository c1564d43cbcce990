package streams

import (
	"errors"
	"sync"
	"sync/atomic"

	"seagate/storage"
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
	// Locks are taken in this order: recordMu, Network.mu, mu, shard.mu,
	// worker.mu.
	recordMu sync.Mutex

	mu            sync.RWMutex // guards what follows
	log           storage.Log
	durability    Durability // of log
	overrides     Overrides
	next          uint64 // the first number that readers have not been shown
	begun         uint64 // sends that the log was given, and may accept
	answered      uint64 // those of them that it has answered
	grown         int64  // bytes, and messages, since retention last looked
	grownMessages uint64
	tail          tail   // the newest of what is shown
	header        []byte // nil if there is none
	paused        bool
	providers     int
	deleted       bool
	told          State // what readers know, or are about to read
	deferred      []deferredChange
	changes       changeLog

	readers atomic.Int64
	shards  []*shard // one per worker
	waiters atomic.Int64
	passed  *sync.Cond // on mu: a shard moved on while a sender waited
}

func newTopic(net *Network, id ID, d Durability) (*Topic, error) {
	log, err := net.openLog(id, d)
	if err != nil {
		return nil, err
	}
	t := &Topic{id: id, net: net, log: log, durability: d, next: log.Bounds().Next}
	t.passed = sync.NewCond(&t.mu)
	t.shards = make([]*shard, len(net.workers))
	for i, w := range net.workers {
		t.shards[i] = newShard(t, w)
	}
	return t, nil
}

// ID returns the topic's name.
func (t *Topic) ID() ID { return t.id }

// Requested says whether anybody listens, so that a provider without listeners
// can save its work.
func (t *Topic) Requested() bool { return t.readers.Load() > 0 }

// Info is a snapshot of a topic.
type Info struct {
	State
	storage.Bounds
	Policy    Policy
	Readers   int // open in topics
	HasHeader bool
}

// Info returns a snapshot of the topic.
func (t *Topic) Info() Info {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return Info{
		State:     t.stateLocked(),
		Bounds:    t.log.Bounds(),
		Policy:    t.policyLocked(),
		Readers:   int(t.readers.Load()),
		HasHeader: t.header != nil,
	}
}

func (t *Topic) stateLocked() State {
	return State{Registered: t.providers > 0, Paused: t.paused}
}

// A deferredChange is a change of state that is told when so many sends have
// been answered.
type deferredChange struct {
	answered uint64
	state    State
}

// changeLocked applies f and lets every reader know if the state is another one
// after it: behind everything that was sent before, be it durable yet or not.
func (t *Topic) changeLocked(f func()) {
	before := t.stateLocked()
	f()
	if after := t.stateLocked(); after != before {
		t.deferred = append(t.deferred, deferredChange{t.begun, after})
		t.tellLocked()
	}
}

// tellLocked tells readers of the changes that are due.
func (t *Topic) tellLocked() {
	for len(t.deferred) > 0 && t.deferred[0].answered <= t.answered {
		t.told = t.deferred[0].state
		t.changes.append(change{after: t.next - 1, state: t.told})
		t.deferred = t.deferred[1:]
	}
	if len(t.deferred) == 0 {
		t.deferred = nil
	}
}

func (t *Topic) moved() {
	for _, l := range t.shards {
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
