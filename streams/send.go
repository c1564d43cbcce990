package streams

import (
	"cmp"
	"math"
	"time"

	"seagate/internal/tracing"
	"seagate/storage"
)

// Sent is where in the topic the messages of one send stand.
type Sent struct {
	First uint64    // number of the first message; the others follow without gaps
	Time  time.Time // of all messages
	Epoch string    // to which First belongs: see storage.Bounds
}

// Send appends the payloads, all or none, as consecutive messages. The payloads
// belong to the topic afterwards. Sending does not provide the topic: see Out.
//
// done is called exactly once, perhaps before Send returns and perhaps by
// another goroutine, and must not block. It gets where the messages stand once
// all are as durable as the topic's policy says and readers are shown them, or
// ErrHeld, ErrDeleted or an error of the store.
//
// Send blocks while delivery is behind by more than a batch or a tail, or the store has
// much to do. A Consumer must not call it.
func (t *Topic) Send(payloads [][]byte, done func(Sent, error)) {
	t.send("", payloads, nil, nil, nil, done)
}

// SendOnce is Send, except that a repeat with the same key and payloads within
// Options.RepeatWindow adds nothing. It succeeds with what the first one got,
// even while the topic is held.
func (t *Topic) SendOnce(key string, payloads [][]byte, done func(Sent, error)) {
	t.send(key, payloads, nil, nil, nil, done)
}

// SendWithHeader is Send, or SendOnce if key is not empty, and also replaces the
// header with header, a JSON value. The new header applies to whoever joins behind
// the messages. Both become visible in one step: whoever joins gets either the old
// header and then the messages, or the new header and not the messages. They are
// also durable together: the header survives what the messages survive, but it
// stays when retention drops them. A repeat does not set the header again.
//
// In topics that are open get the messages, and not the header.
func (t *Topic) SendWithHeader(key string, payloads [][]byte, header []byte, done func(Sent, error)) {
	t.send(key, payloads, header, nil, nil, done)
}

// SendTraced is SendWithHeader in a trace: the first message names the span. Each of trace, key and
// header may be missing.
func (t *Topic) SendTraced(trace *tracing.Span, key string, payloads [][]byte, header []byte, done func(Sent, error)) {
	t.send(key, payloads, header, trace, nil, done)
}

// SendRepeat answers a repeat of SendOnce or SendWithHeader as these do, and anything else with
// refusal. It is for messages that were perhaps accepted before, and cannot be now: it adds nothing.
func (t *Topic) SendRepeat(key string, payloads [][]byte, header []byte, refusal error, done func(Sent, error)) {
	t.send(key, payloads, header, nil, refusal, done)
}

// send appends the payloads. If only is not nil, send answers a repeat, and refuses anything else with only.
func (t *Topic) send(key string, payloads [][]byte, header []byte, trace *tracing.Span, only error, done func(Sent, error)) {
	bytes := len(header)
	for _, payload := range payloads {
		bytes += len(payload)
	}
	log, epoch, refusal := t.begin(key != "", only, len(payloads), bytes)
	if log == nil {
		done(Sent{}, refusal)
		return
	}
	log.Append(storage.Append{
		Payloads: payloads,
		Key:      key,
		Window:   t.net.opts.RepeatWindow,
		Header:   header,
		Refusal:  refusal,
		Done: func(a storage.Appended, err error) {
			if refusal == nil {
				t.appended(key != "", payloads, bytes, header, trace, a, err)
			}
			if err != nil {
				done(Sent{}, topicError(err))
				return
			}
			done(Sent{First: a.First, Time: a.Time, Epoch: epoch}, nil)
		},
	})
}

// begin returns the log to append to and its epoch, or nil and why nothing can be appended.
// Only the log knows whether messages with a key are a repeat. So while the topic is held,
// or the jail's quota is used up, begin returns for them both the log and the refusal. For
// only see send.
func (t *Topic) begin(keyed bool, only error, messages, bytes int) (log storage.Log, epoch string, refusal error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if only == nil { // a repeat adds nothing that needs room
		t.awaitRoomLocked()
	}
	switch {
	case t.deleted:
		return nil, "", cmp.Or(only, ErrDeleted)
	case only != nil:
		refusal = only
	case t.held:
		refusal = ErrHeld
	default:
		refusal = t.reserveLocked(keyed, messages, bytes)
	}
	switch {
	case refusal == nil:
		t.begun++
		return t.log, t.epoch, nil
	case keyed:
		return t.log, t.epoch, refusal
	}
	return nil, "", refusal
}

// MaySend returns why Send would refuse so many messages at this moment, or nil. keyed is for
// SendOnce. It does not look at how much of the disk is free.
func (t *Topic) MaySend(keyed bool, messages, bytes int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.deleted:
		return ErrDeleted
	case t.held:
		return ErrHeld
	}
	if err := t.reserveLocked(keyed, messages, bytes); err != nil {
		return err
	}
	t.answeredLocked(keyed, messages, bytes)
	return nil
}

// appended is called when the log has answered a send, and shows readers what
// is durable now.
func (t *Topic) appended(keyed bool, payloads [][]byte, bytes int, header []byte, trace *tracing.Span, a storage.Appended, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	if err == nil && !a.Repeat {
		t.showLocked(payloads, trace, a)
		if header != nil {
			t.sent = storage.LogHeader{Seq: t.next - 1, Value: header}
		}
	}
	t.answeredLocked(keyed, len(payloads), bytes)
	t.tellLocked()
	t.wakeShards()
}

func (t *Topic) showLocked(payloads [][]byte, trace *tracing.Span, a storage.Appended) {
	keep, bytes := t.floor(), 0
	for i, payload := range payloads {
		t.tail.append(&Message{Seq: a.First + uint64(i), Time: a.Time, Payload: payload, Trace: trace})
		trace = nil // one message stands for all
		t.tail.trim(t.net.opts.TailMessages, t.net.opts.TailBytes, keep)
		bytes += len(payload)
	}
	t.next = a.First + uint64(len(payloads))
	t.settleTailLocked()
	t.growLocked(len(payloads), bytes)
}

// awaitRoomLocked waits while the workers are behind: the tail is full of messages that they
// have not offered yet, or there are more than one batch of messages that they have not
// begun to offer. In topics that are parked or read the log are not waited for: see
// shard.floor and shard.taken.
func (t *Topic) awaitRoomLocked() {
	if !t.crowdedLocked() {
		return
	}
	t.waiters.Add(1) // before crowdedLocked is called again, so that floorMoved misses no waiter
	defer t.waiters.Add(-1)
	for t.crowdedLocked() && !t.deleted && !t.net.closed.Load() {
		t.room.Wait()
	}
}

func (t *Topic) crowdedLocked() bool {
	if t.isAheadLocked() {
		return true
	}
	maxMessages, maxBytes := t.net.opts.TailMessages, t.net.opts.TailBytes
	if !t.tail.over(maxMessages, maxBytes) {
		return false
	}
	t.tail.trim(maxMessages, maxBytes, t.floor())
	t.settleTailLocked()
	return t.tail.over(maxMessages, maxBytes) && t.tailFirstLocked() >= t.floor()
}

// isAheadLocked reports whether the senders are ahead of the workers by more than a batch.
// That is enough to keep the workers busy. More would only make each message wait for all of
// those before it.
func (t *Topic) isAheadLocked() bool {
	for _, s := range t.shards {
		if taken := s.taken.Load(); t.next > taken && t.next-taken > batchMessages {
			return true
		}
	}
	return false
}

// floor returns the lowest number that a reader of the tail still needs: see
// shard.floor.
func (t *Topic) floor() uint64 {
	floor := uint64(math.MaxUint64)
	for _, s := range t.shards {
		floor = min(floor, s.floor.Load())
	}
	return floor
}

// floorMoved wakes the senders if there are any that wait for the workers.
func (t *Topic) floorMoved() {
	if t.waiters.Load() > 0 {
		t.wakeSenders()
	}
}

// wakeSenders lets the senders that wait look again.
func (t *Topic) wakeSenders() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room.Broadcast()
}
