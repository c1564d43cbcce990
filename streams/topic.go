package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"seagate/storage"
)

var (
	// ErrHeld reports that a topic accepts no messages until its hold is ended.
	ErrHeld = errors.New("streams: the topic is held")
	// ErrDeleted reports that a topic was deleted. Network.Topic makes a new
	// one under its name.
	ErrDeleted = errors.New("streams: the topic was deleted")
	// ErrTooManyTopics reports that a space has Options.TopicsPerSpace topics.
	ErrTooManyTopics = errors.New("streams: too many topics in this space")
)

// An ID identifies a topic. Names are unique in their space. Nothing of one space is
// seen or used by another.
//
// The gateway has a space for each jail, with the uid of the jail, so the quotas of a
// space are those of the jail.
type ID struct {
	Space string
	Name  string
}

// A Topic is an ordered sequence of messages with a header and a state. Safe
// for concurrent use.
type Topic struct {
	id        ID
	net       *Network
	transient bool // see Network.Transient

	// recordMu orders the writes of the topic's record. Locks are taken in the
	// order recordMu, Network.mu, mu, shard.mu, worker.mu.
	recordMu sync.Mutex

	mu         sync.RWMutex // guards what follows
	log        storage.Log
	epoch      string     // of log
	durability Durability // of log
	overrides  Overrides
	set        setHeader         // by SetHeader
	sent       storage.LogHeader // by SendWithHeader
	held       bool              // by Hold
	outs       []*OutTopic       // open
	pausing    int               // those of outs that pause
	deleted    bool

	next     uint64 // the lowest number that readers have not been shown
	begun    uint64 // sends that were given to the log without a refusal
	answered uint64 // those of them that the log has answered
	tail     tail   // the newest of the messages that readers are shown
	grown    growth // since the last trim
	trims    trims
	charge   charge

	told     State            // the state behind all changes
	changes  changeLog        // for readers
	deferred []deferredChange // not in changes yet

	room *sync.Cond // on mu; wakes senders that wait for the workers

	waiters     atomic.Int64 // senders that wait for room
	readers     atomic.Int64 // open in topics
	subscribers atomic.Int64 // those of readers that are of no group
	groups      atomic.Int64 // see Network.AddGroup; changes with Network.mu held
	shards      []*shard     // one per worker
}

func newTopic(net *Network, id ID, d Durability) (*Topic, error) {
	log, err := net.openLog(id, d)
	if err != nil {
		return nil, err
	}
	sent, err := log.Header(context.Background())
	if err != nil {
		return nil, fmt.Errorf("open topic %q: read its header: %w", id.Name, err)
	}
	bounds := log.Bounds()
	t := &Topic{id: id, net: net, log: log, epoch: bounds.Epoch, durability: d, next: bounds.Next, sent: sent}
	t.room = sync.NewCond(&t.mu)
	t.charge.account = net.opts.Quotas.Account(id.Space)
	t.shards = make([]*shard, len(net.workers))
	for i, w := range net.workers {
		t.shards[i] = newShard(t, w)
	}
	return t, nil
}

// ID returns the topic's id.
func (t *Topic) ID() ID { return t.id }

// Info is a snapshot of a topic.
type Info struct {
	State
	Interest
	storage.Bounds
	Policy    Policy
	Held      bool // see Topic.Hold
	Providers int  // open out topics
	Readers   int  // open in topics, with those of groups
	HasHeader bool
}

// Info returns a snapshot of the topic.
func (t *Topic) Info() Info {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.infoLocked()
}

func (t *Topic) infoLocked() Info {
	return Info{
		State:     t.stateLocked(),
		Interest:  t.interest(),
		Bounds:    t.boundsLocked(),
		Policy:    t.policyLocked(),
		Held:      t.held,
		Providers: len(t.outs),
		Readers:   int(t.readers.Load()),
		HasHeader: t.headerLocked() != nil,
	}
}

// Bounds returns what the topic's log keeps, which is nothing if the topic was
// deleted. It does not wait for a disk.
func (t *Topic) Bounds() storage.Bounds {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.boundsLocked()
}

func (t *Topic) boundsLocked() storage.Bounds {
	if t.deleted {
		return storage.Bounds{First: 1, Next: 1}
	}
	return t.log.Bounds()
}

// Readable returns Bounds with the First that an in topic can read: the tail
// may still have messages that the log has dropped.
func (t *Topic) Readable() storage.Bounds {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.readableLocked()
}

func (t *Topic) readableLocked() storage.Bounds {
	b := t.boundsLocked()
	b.First = min(b.First, t.tailFirstLocked())
	return b
}

// tailFirst returns the number of the oldest message in the tail, or of the
// next one if there is none.
func (t *Topic) tailFirst() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.tailFirstLocked()
}

func (t *Topic) tailFirstLocked() uint64 { return t.tail.first(t.next) }

// Read returns messages of the log from the number from on: at least one if
// there is one, otherwise at most maxMessages with at most maxBytes of payload.
// It returns storage.ErrTrimmed if the log begins behind from, and ErrDeleted.
func (t *Topic) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]*Message, error) {
	log, err := t.openLog()
	if err != nil {
		return nil, err
	}
	entries, err := log.Read(ctx, from, maxMessages, maxBytes)
	if err != nil {
		return nil, topicError(err)
	}
	messages := make([]*Message, len(entries))
	for i, e := range entries {
		messages[i] = &Message{Seq: e.Seq, Time: e.Time, Payload: e.Payload}
	}
	return messages, nil
}

// openLog returns the log of the topic, or ErrDeleted.
func (t *Topic) openLog() (storage.Log, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.deleted {
		return nil, ErrDeleted
	}
	return t.log, nil
}

// topicError translates an error of a log.
func topicError(err error) error {
	if errors.Is(err, storage.ErrNoLog) {
		return ErrDeleted
	}
	return err
}

// wakeShards lets the workers deliver what has changed. The caller holds mu.
func (t *Topic) wakeShards() {
	for _, s := range t.shards {
		s.wake()
	}
}

// end marks the topic as deleted. Nothing is sent, read or stored afterwards;
// each consumer is told when it has had what the tail holds, and each provider.
func (t *Topic) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endLocked()
}

// EndIf ends the topic as Network.Delete does, if idle says so and no message is on its
// way into the log. Nobody uses the topic between the question and the end, so no message
// that was acknowledged is lost unseen. idle is called with the topic locked: it must not
// call the topic. The caller must then call Network.Delete. EndIf returns whether the topic
// has ended, by this call or before.
func (t *Topic) EndIf(idle func(Info) bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.deleted:
		return true
	case t.begun != t.answered || !idle(t.infoLocked()):
		return false
	}
	t.endLocked()
	return true
}

func (t *Topic) endLocked() {
	t.deleted = true
	t.tellProvidersLocked()
	t.room.Broadcast()
	t.wakeShards()
}
