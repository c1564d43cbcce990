package streams

import (
	"context"
	"sync/atomic"

	"seagate/storage"
)

// An InTopic is one consumer's cursor on a topic. Safe for concurrent use.
type InTopic struct {
	topic    *Topic
	shard    *shard
	consumer Consumer
	started  atomic.Bool
	resumed  atomic.Bool // Resume was called, and the worker has not looked since
	closed   atomic.Bool

	// Owned by the shard's worker once started.
	at       cursor
	phase    phase
	floating bool // it begins with whatever is the oldest by then: before its first message nothing is missing
}

// A phase is what an in topic is doing, as its worker sees it.
type phase uint8

const (
	waiting  phase = iota // not started
	catching              // reading from a cursor of its own
	fetching              // waiting for what the log has there
	live                  // standing at the shard's cursor
	parked                // full: left alone until Resume
	over                  // ended or closed
)

// Joined is how a topic stood when an in topic was opened.
type Joined struct {
	State
	Header []byte         // nil if there is none; shared, not to be changed
	Next   uint64         // the number of the message that comes first
	Bounds storage.Bounds // see Topic.Readable
}

// In opens an in topic at a place of the topic. Nothing is delivered before
// Start, so that the caller can first pass on what Joined says. If the topic
// keeps less than it is asked for, the first thing that the consumer hears is
// the Gap. The shard is any number; consumers that share one are never served
// at the same time. It may read from disk, and returns ErrPosition if there is
// no such place.
func (t *Topic) In(ctx context.Context, c Consumer, shardNumber uint32, from StartAt) (*InTopic, Joined, error) {
	seq, _, err := t.locate(ctx, from)
	if err != nil {
		return nil, Joined{}, err
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.deleted {
		return nil, Joined{}, ErrDeleted
	}
	at := t.headLocked()
	if from.kind != latest {
		at.seq = seq
	}
	in := &InTopic{
		topic:    t,
		shard:    t.shards[int(shardNumber)%len(t.shards)],
		consumer: c,
		at:       at,
		floating: from.kind == earliest,
	}
	in.shard.open(in)
	t.readers.Add(1)
	return in, Joined{State: t.told, Header: t.header, Next: at.seq, Bounds: t.readableLocked()}, nil
}

// Start begins delivery.
func (in *InTopic) Start() {
	if in.started.CompareAndSwap(false, true) {
		in.shard.post(in)
	}
}

// Resume says that a consumer that took fewer messages than it was offered has
// room again. The worker calls Consumer.Resumed and reads on.
func (in *InTopic) Resume() {
	if in.started.Load() && in.resumed.CompareAndSwap(false, true) {
		in.shard.post(in)
	}
}

// Close ends the in topic. It is safe to call twice.
func (in *InTopic) Close() {
	if in.closed.CompareAndSwap(false, true) {
		in.topic.readers.Add(-1)
		in.shard.post(in)
	}
}

// Topic returns the topic that is read.
func (in *InTopic) Topic() *Topic { return in.topic }

// offer hands the consumer what comes at its cursor and moves the cursor. It
// returns the phase that this leaves the in topic in.
func (in *InTopic) offer(s segment, p *Batch) (next phase) {
	defer in.containPanic(&next)
	switch s.kind {
	case someMessages:
		in.floating = false
		if n := in.consumer.Deliver(p); n < len(p.Messages) {
			in.at.seq = p.Messages[n].Seq
			return parked
		}
	case stateChange:
		in.consumer.State(s.state)
	case gap:
		if !in.floating {
			in.consumer.Gap(in.at.seq, s.then.seq-1)
		}
	case end:
		in.consumer.End(s.err)
		return over
	case closing:
		return over
	}
	in.at = s.then
	return in.phase
}

// resume tells the consumer that its call of Resume was heard.
func (in *InTopic) resume() {
	defer in.containPanic(&in.phase)
	in.consumer.Resumed()
}

// containPanic ends an in topic whose consumer panicked, and nothing else.
func (in *InTopic) containPanic(next *phase) {
	if v := recover(); v != nil {
		*next = over
		in.topic.net.opts.OnPanic(in.consumer, v)
	}
}
