package streams

import (
	"math"
	"sync"

	"seagate/storage"
)

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
// topic promises, or with ErrPaused, ErrDeleted or an error of the store. It
// must not block. The payloads belong to the topic afterwards. Nobody reads
// them before they are safe. Send may block while delivery is more than a tail
// behind, or the store has much to do; it must not be called by a Consumer.
func (o *OutTopic) Send(payloads [][]byte, done func(first uint64, err error)) {
	o.topic.send("", payloads, done)
}

// SendOnce is Send, except that a repeat with the same key and payloads within
// Options.RepeatWindow sends nothing and succeeds with the number that the
// first one got, even where a new message would be refused.
func (o *OutTopic) SendOnce(key string, payloads [][]byte, done func(first uint64, err error)) {
	o.topic.send(key, payloads, done)
}

func (t *Topic) send(key string, payloads [][]byte, done func(first uint64, err error)) {
	log, refusal := t.begin(key != "")
	if log == nil {
		done(0, refusal)
		return
	}
	log.Append(storage.Append{
		Payloads: payloads,
		Key:      key,
		Window:   t.net.opts.RepeatWindow,
		Refusal:  refusal,
		Done: func(a storage.Appended, err error) {
			if refusal == nil {
				t.appended(payloads, a, err)
			}
			done(a.First, topicError(err))
		},
	})
}

// begin returns the log to append to, or nil and why there is nothing to
// append. What may be a repeat goes to the log even so.
func (t *Topic) begin(mayRepeat bool) (log storage.Log, refusal error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.awaitRoomLocked()
	switch {
	case t.deleted:
		return nil, ErrDeleted
	case t.paused:
		if mayRepeat {
			return t.log, ErrPaused
		}
		return nil, ErrPaused
	}
	t.begun++
	return t.log, nil
}

// appended shows everybody what is durable now.
func (t *Topic) appended(payloads [][]byte, a storage.Appended, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	if err == nil && !a.Repeat {
		t.showLocked(payloads, a)
	}
	t.tellLocked()
	t.moved()
}

func (t *Topic) showLocked(payloads [][]byte, a storage.Appended) {
	keep, bytes := t.floor(), 0
	for i, payload := range payloads {
		m := &Message{Seq: a.First + uint64(i), Time: a.Time, Payload: payload}
		t.tail.append(m, t.net.opts.TailMessages, t.net.opts.TailBytes, keep)
		bytes += len(payload)
	}
	t.next = a.First + uint64(len(payloads))
	t.growsLocked(len(payloads), bytes)
}

// awaitRoomLocked waits while the tail is full of messages that the workers
// have not handed out yet. Slow consumers are not waited for: see shard.floor.
func (t *Topic) awaitRoomLocked() {
	if !t.crowdedLocked() {
		return
	}
	t.waiters.Add(1) // before crowdedLocked looks again, so that shardMoved cannot miss it
	defer t.waiters.Add(-1)
	for t.crowdedLocked() && !t.deleted && !t.net.closed.Load() {
		t.passed.Wait()
	}
}

func (t *Topic) crowdedLocked() bool {
	most, bytes := t.net.opts.TailMessages, t.net.opts.TailBytes
	if !t.tail.over(most, bytes) {
		return false
	}
	t.tail.trim(most, bytes, t.floor())
	return t.tail.over(most, bytes) && t.tailFirstLocked() >= t.floor()
}

// floor is the number of the first message that some shard has yet to pass on.
func (t *Topic) floor() uint64 {
	floor := uint64(math.MaxUint64)
	for _, l := range t.shards {
		floor = min(floor, l.floor.Load())
	}
	return floor
}

// shardMoved wakes the senders that wait for the workers.
func (t *Topic) shardMoved() {
	if t.waiters.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed.Broadcast()
}
