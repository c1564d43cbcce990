package streams

import "sync"

// An OutTopic is a provider's hold on a topic: while one is open, the topic is
// registered. Safe for concurrent use.
type OutTopic struct {
	topic *Topic
	close sync.Once
}

// Out opens an out topic, or returns ErrDeleted.
func (t *Topic) Out() (*OutTopic, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deleted {
		return nil, ErrDeleted
	}
	t.changeLocked(func() { t.providers++ })
	t.wakeShards()
	return &OutTopic{topic: t}, nil
}

// Topic returns the topic that is provided.
func (o *OutTopic) Topic() *Topic { return o.topic }

// Close withdraws the provider. It is safe to call twice.
func (o *OutTopic) Close() {
	o.close.Do(func() {
		t := o.topic
		t.mu.Lock()
		defer t.mu.Unlock()
		t.changeLocked(func() { t.providers-- })
		t.wakeShards()
	})
}

// Send appends the payloads, all or none, as consecutive messages. The payloads
// belong to the topic afterwards.
//
// done is called exactly once, perhaps before Send returns and perhaps by
// another goroutine, and must not block. It gets the number of the first
// message once all are as durable as the topic's policy says and readers are
// shown them, or ErrPaused, ErrDeleted or an error of the store.
//
// Send blocks while delivery is behind by more than a tail, or the store has
// much to do. A Consumer must not call it.
func (o *OutTopic) Send(payloads [][]byte, done func(first uint64, err error)) {
	o.topic.send("", payloads, done)
}

// SendOnce is Send, except that a repeat with the same key and payloads within
// Options.RepeatWindow adds nothing. It succeeds with the number that the first
// one got, even while the topic is paused.
func (o *OutTopic) SendOnce(key string, payloads [][]byte, done func(first uint64, err error)) {
	o.topic.send(key, payloads, done)
}
