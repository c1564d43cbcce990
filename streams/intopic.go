package streams

import (
	"context"
	"sync/atomic"

	"seagate/internal/panics"
	"seagate/storage"
)

// An InTopic is a consumer's cursor on a topic. Safe for concurrent use.
type InTopic struct {
	topic    *Topic
	shard    *shard
	consumer Consumer
	started  atomic.Bool
	resumed  atomic.Bool // Resume was called, and the worker has not seen it yet
	closed   atomic.Bool
	inGroup  bool   // it is no subscriber; see InGroup
	owner    *Owner // nil for none
	filter   Filter // nil for none

	// Owned by the shard's worker once started.
	at    cursor // of one that is live: as it was when it was offered something; see shard.at
	phase phase
	whole int // segments of the log that the consumer took whole, in a row
	told  State

	// fromOldest is set until the first message, if the consumer asked for the
	// oldest. What retention drops before it begins is no gap for it.
	fromOldest bool
}

// A phase is what the worker does with an in topic.
type phase uint8

const (
	opened   phase = iota // nothing: Start was not called
	catching              // offers what is at the in topic's own cursor
	reading               // waits for a read of the log at its cursor
	live                  // offers what is at the shard's cursor
	parked                // nothing: the consumer is full
	ended                 // nothing: End was called, or Close
)

// Joined is how a topic stood when an in topic was opened.
type Joined struct {
	State
	Header []byte         // nil if there is none; shared, must not be changed
	Next   uint64         // the number of the message that comes first
	Bounds storage.Bounds // see Topic.Readable
}

// In opens an in topic at from. Nothing is delivered before Start, so that the
// caller can pass on first what Joined says. If the topic begins behind from,
// Consumer.Gap is called first.
//
// shard is any number. Consumers with the same number are served by the same
// worker, and so never at the same time.
//
// In may read from disk. It returns ErrPosition if the topic has no such
// position, and ErrDeleted.
func (t *Topic) In(ctx context.Context, c Consumer, shard uint32, from StartAt) (*InTopic, Joined, error) {
	return t.open(ctx, &InTopic{consumer: c}, shard, from)
}

// InGroup is In for the consumer of a group, which Network.AddGroup counts. It
// is no subscriber in the sense of Interest.
func (t *Topic) InGroup(ctx context.Context, c Consumer, shard uint32, from StartAt) (*InTopic, Joined, error) {
	return t.open(ctx, &InTopic{consumer: c, inGroup: true}, shard, from)
}

func (t *Topic) open(ctx context.Context, in *InTopic, shard uint32, from StartAt) (*InTopic, Joined, error) {
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
	in.topic, in.shard = t, t.shards[int(shard)%len(t.shards)]
	in.at, in.told, in.fromOldest = at, t.told, from.kind == earliest
	if owned, ok := in.consumer.(Owned); ok {
		in.owner = owned.Owner()
	}
	if filtered, ok := in.consumer.(Filtered); ok {
		in.filter = filtered.Filter()
	}
	in.shard.openLocked(in)
	t.joinLocked(in.inGroup)
	return in, Joined{State: t.told, Header: t.headerLocked(), Next: at.seq, Bounds: t.readableLocked()}, nil
}

// Start begins delivery. Further calls do nothing.
func (in *InTopic) Start() {
	if in.started.CompareAndSwap(false, true) {
		in.shard.post(in)
	}
}

// Resume says that a consumer which took fewer messages than it was offered may
// have room again. The worker calls Consumer.Resumed and, if it has, continues.
func (in *InTopic) Resume() {
	if in.started.Load() && in.resumed.CompareAndSwap(false, true) {
		in.shard.post(in)
	}
}

// Close ends the in topic. It is safe to call twice.
func (in *InTopic) Close() {
	if in.closed.CompareAndSwap(false, true) {
		in.topic.leave(in.inGroup)
		in.shard.post(in)
	}
}

// Topic returns the topic that is read.
func (in *InTopic) Topic() *Topic { return in.topic }

// moveOn moves the cursor of an in topic that is live to that of its shard, past messages
// that its filter hides.
func (in *InTopic) moveOn(to cursor) {
	if in.at.seq < to.seq {
		in.fromOldest = false
	}
	in.at = to
}

// offer hands the consumer the segment at its cursor, of which b has the
// messages, and moves the cursor. It returns the phase to enter.
func (in *InTopic) offer(seg *segment, b *Batch) (next phase) {
	defer in.containPanic(&next)
	switch seg.kind {
	case someMessages:
		in.fromOldest = false
		if n := in.consumer.Deliver(b); n < len(b.Messages) {
			in.at.seq = b.Messages[n].Seq
			in.whole = 0
			return parked
		}
	case stateChange:
		// Changes that were forgotten may have cancelled each other out.
		if seg.state != in.told && !in.consumer.State(seg.state) {
			in.whole = 0
			return parked
		}
		in.told = seg.state
		in.topic.net.skipped.Add(seg.then.change - 1 - in.at.change)
	case gap:
		if !in.fromOldest {
			in.consumer.Gap(in.at.seq, seg.then.seq-1)
		}
	case end:
		in.consumer.End(seg.err)
		return ended
	case closing:
		return ended
	}
	in.at = seg.then
	return in.phase
}

// confirmResume tells the consumer that its call of Resume was heard, and
// reports whether it has room.
func (in *InTopic) confirmResume() (hasRoom bool) {
	defer in.containPanic(&in.phase)
	return in.consumer.Resumed()
}

// fail ends the in topic for a panic that was not its consumer's, if it is live or catches
// up: during a pass it may be in a list that it has left.
func (in *InTopic) fail() {
	defer panics.Contain("delivery") // in may be what was wrong
	if in.phase != live && in.phase != catching {
		return
	}
	in.phase = in.offer(&segment{kind: end, err: errPanicked}, nil)
}

// containPanic ends the in topic of a consumer that panicked, and nothing else.
func (in *InTopic) containPanic(next *phase) {
	if v := recover(); v != nil {
		*next = ended
		in.topic.net.opts.OnPanic(in.consumer, v)
	}
}
