package merge

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"seagate/internal/panics"
	"seagate/storage"
	"seagate/streams"
)

// A Sink receives what a merge hands out. Sources are named by their index in
// the list that Open was given.
type Sink interface {
	// Deliver offers messages in their order, and returns how many of them,
	// counted from the first, the sink took. After fewer than all, nothing
	// comes until Merge.Resume. The slice is the merge's again afterwards.
	Deliver(items []Item) (taken int)

	// Dropped tells that n messages of a source were dropped.
	Dropped(source int, why Reason, n int)

	// Gap tells that the messages from first to last, both included, were
	// dropped from the topic before the merge read them. What the source had
	// before them has been delivered.
	Gap(source int, first, last uint64)

	// End tells that nothing follows of a source, with the error of
	// streams.Consumer.End. The others go on.
	End(source int, err error)
}

// An Item is a message of one of the sources.
type Item struct {
	Source  int
	Message *streams.Message
}

// A Reason is why a message was dropped.
type Reason uint8

// Reasons.
const (
	Late    Reason = iota // it came after one with a higher timestamp
	Untimed               // it has no timestamp
)

// String returns the reason as metrics and messages name it.
func (r Reason) String() string {
	if r == Untimed {
		return "untimed"
	}
	return "late"
}

// A Source is a topic of a merge.
type Source struct {
	Topic    *streams.Topic
	From     streams.StartAt
	Priority int // among equal timestamps the highest comes first

	// Visible returns which messages of a batch, by index in rising order, are
	// for the sink; nil is all. Others are neither delivered nor counted. A
	// source that has only such messages holds nobody up.
	Visible func(b *streams.Batch) []int

	// Hidden says that no message is ever visible.
	Hidden bool
}

// Options of a Merge.
type Options struct {
	By By

	// Wait is how long a silent topic may hold the others up, at least 0.
	Wait time.Duration

	// Shard is any number. Merges with the same number share a worker.
	Shard uint32
}

// A Merge is the in topics of several topics, synchronized. Safe for concurrent
// use.
type Merge struct {
	opts    Options
	sink    Sink
	sources []*source
	task    *streams.Task
	timer   *time.Timer // posts the task when a topic may be passed over
	closed  atomic.Bool

	// Owned by the worker.
	items   []Item
	last    Stamp // of what was handed out last, if begun
	begun   bool
	full    bool // the sink took fewer messages than it was offered
	calling bool // the sink is called, or panicked
	resumed atomic.Bool
}

// Open opens a merge of the sources. Nothing is delivered before Start. It
// returns what Topic.In returns, and may read from disk.
func Open(ctx context.Context, sources []Source, opts Options, sink Sink) (*Merge, error) {
	if len(sources) == 0 {
		return nil, errors.New("merge: there are no topics")
	}
	m := &Merge{opts: opts, sink: sink}
	for i, s := range sources {
		src := &source{merge: m, index: i, Source: s}
		m.sources = append(m.sources, src)
		if err := src.open(ctx); err != nil {
			m.closeAll()
			return nil, err
		}
	}
	m.rank()
	m.task = m.sources[0].in.Task(m.run)
	m.timer = time.AfterFunc(time.Hour, func() {
		defer panics.Contain("timer")
		m.task.Post()
	})
	m.timer.Stop()
	return m, nil
}

// rank numbers the sources in the order of messages with equal timestamps.
func (m *Merge) rank() {
	ranked := slices.Clone(m.sources)
	slices.SortStableFunc(ranked, func(a, b *source) int { return cmp.Compare(b.Priority, a.Priority) })
	for rank, s := range ranked {
		s.rank = rank
	}
}

// Joined returns how the topic of a source stood when the merge was opened.
func (m *Merge) Joined(source int) streams.Joined { return m.sources[source].joined }

// InTopics returns the in topic of each source. They are the merge's.
func (m *Merge) InTopics() []*streams.InTopic {
	all := make([]*streams.InTopic, len(m.sources))
	for i, s := range m.sources {
		all[i] = s.in
	}
	return all
}

// Start begins delivery. Further calls do nothing.
func (m *Merge) Start() {
	for _, s := range m.sources {
		s.in.Start()
	}
}

// Resume says that a sink that took fewer messages than it was offered has room
// again.
func (m *Merge) Resume() {
	m.resumed.Store(true)
	m.task.Post()
}

// Remove takes a source out of the merge. What is queued of it is not
// delivered, and the others do not wait for it. The sink is not told.
func (m *Merge) Remove(source int) {
	s := m.sources[source]
	s.removed.Store(true)
	s.in.Close()
	m.task.Post()
}

// Close ends the merge. A call of the sink that is under way may still end. It
// is safe to call twice.
func (m *Merge) Close() {
	m.closed.Store(true)
	m.timer.Stop()
	m.closeAll()
}

func (m *Merge) closeAll() {
	for _, s := range m.sources {
		if s.in != nil {
			s.in.Close()
		}
	}
}

// SinkOf returns the sink of the merge that a value of streams.Options.OnPanic
// belongs to, if it belongs to one. A merge whose sink panicked delivers
// nothing more and should be closed.
func SinkOf(who any) (Sink, bool) {
	if s, ok := who.(*source); ok {
		return s.merge.sink, true
	}
	return nil, false
}

// lastMessage returns the last message of a topic, or nil if it has none.
func lastMessage(ctx context.Context, t *streams.Topic) (*streams.Message, error) {
	b := t.Bounds()
	if b.Next <= b.First {
		return nil, nil
	}
	messages, err := t.Read(ctx, b.Next-1, 1, 1)
	switch {
	case errors.Is(err, storage.ErrTrimmed):
		return nil, nil
	case err != nil:
		return nil, err
	case len(messages) == 0:
		return nil, nil
	}
	return messages[0], nil
}
