package streams

import "sync/atomic"

// An OutTopic is a provider's hold on a topic: while one is open, the topic is
// registered. Safe for concurrent use.
type OutTopic struct {
	topic    *Topic
	provider Provider // nil if nobody is told of the interest
	started  atomic.Bool
	posted   atomic.Bool // it is in the notifier's queue

	// Guarded by Topic.mu.
	index  int // in Topic.outs
	paused bool
	closed bool

	// Owned by the notifier once started.
	told  bool // what the provider was told last: whether the topic is requested
	ended bool // the provider was told of the end, or panicked
}

// Out opens an out topic and returns the present interest. After Start, p is told
// of each later change of it. It is told nothing before Start, so that the caller
// can pass on the returned interest first. A nil p is told nothing. Out returns
// ErrDeleted if the topic was deleted.
func (t *Topic) Out(p Provider) (*OutTopic, Interest, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deleted {
		return nil, Interest{}, ErrDeleted
	}
	o := &OutTopic{topic: t, provider: p, index: len(t.outs)}
	t.changeLocked(func() { t.outs = append(t.outs, o) })
	t.wakeShards()
	now := t.interest()
	o.told = now.Requested()
	return o, now, nil
}

// Start lets the provider be told of changes. Further calls do nothing.
func (o *OutTopic) Start() {
	if o.provider != nil && o.started.CompareAndSwap(false, true) {
		o.post()
	}
}

// Topic returns the topic that is provided.
func (o *OutTopic) Topic() *Topic { return o.topic }

// Interest returns the interest in the topic of this moment.
func (o *OutTopic) Interest() Interest { return o.topic.interest() }

// SetPaused says that this provider pauses, or goes on. The topic is paused
// while all of its providers pause. In topics are told behind everything that
// was sent before. It is advice: it refuses no messages, and ends with Close.
// See Topic.Hold for a pause that does more.
func (o *OutTopic) SetPaused(paused bool) {
	t := o.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.closed || o.paused == paused {
		return
	}
	t.changeLocked(func() { o.setPausedLocked(paused) })
	t.wakeShards()
}

// IsPaused reports whether this provider says that it pauses.
func (o *OutTopic) IsPaused() bool {
	o.topic.mu.RLock()
	defer o.topic.mu.RUnlock()
	return o.paused
}

func (o *OutTopic) setPausedLocked(paused bool) {
	if o.paused == paused {
		return
	}
	o.paused = paused
	if paused {
		o.topic.pausing++
	} else {
		o.topic.pausing--
	}
}

// Close withdraws the provider with its pause. A call of the provider that is
// under way may still end; no other follows. It is safe to call twice.
func (o *OutTopic) Close() {
	t := o.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if o.closed {
		return
	}
	o.closed = true
	t.changeLocked(func() {
		o.setPausedLocked(false)
		t.removeOutLocked(o)
	})
	t.wakeShards()
}

func (t *Topic) removeOutLocked(o *OutTopic) {
	last := len(t.outs) - 1
	t.outs[o.index] = t.outs[last]
	t.outs[o.index].index = o.index
	t.outs[last] = nil
	t.outs = t.outs[:last]
	if last == 0 {
		t.outs = nil
	}
}

// Send is Topic.Send.
func (o *OutTopic) Send(payloads [][]byte, done func(Sent, error)) {
	o.topic.Send(payloads, done)
}

// post queues the out topic to be looked at by the notifier.
func (o *OutTopic) post() {
	if o.started.Load() && o.posted.CompareAndSwap(false, true) {
		o.topic.net.notifier.Add(o)
	}
}

// notify tells the provider what it does not know yet. Called by the notifier.
func (o *OutTopic) notify() {
	o.posted.Store(false) // first: what changes from now on posts it again
	closed, deleted := o.standing()
	if closed || o.ended {
		return
	}
	defer o.containPanic()
	now := o.topic.interest()
	switch {
	case deleted:
		o.ended = true
		o.provider.End(ErrDeleted)
	case now.Requested() != o.told:
		o.told = now.Requested()
		o.provider.Requested(now)
	}
}

func (o *OutTopic) standing() (closed, deleted bool) {
	o.topic.mu.RLock()
	defer o.topic.mu.RUnlock()
	return o.closed, o.topic.deleted
}

// containPanic keeps a provider that panicked from being called again.
func (o *OutTopic) containPanic() {
	if v := recover(); v != nil {
		o.ended = true
		o.topic.net.opts.OnPanic(o.provider, v)
	}
}
