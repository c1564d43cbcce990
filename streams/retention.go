package streams

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/internal/panics"
	"seagate/storage"
)

// retention trims topics to their policies. One goroutine trims all topics at
// an interval, and at once those that have grown by much.
type retention struct {
	net *Network

	mu   sync.Mutex // guards what follows
	soon map[*Topic]struct{}
	wake chan struct{} // of capacity 1
}

func newRetention(n *Network) *retention {
	return &retention{net: n, soon: map[*Topic]struct{}{}, wake: make(chan struct{}, 1)}
}

// trimSoon lets run trim a topic without waiting for the interval.
func (r *retention) trimSoon(t *Topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.soon[t] = struct{}{}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run trims topics until ctx ends.
func (r *retention) run(ctx context.Context) {
	tick := time.NewTicker(r.net.opts.RetentionInterval)
	defer tick.Stop()
	for {
		var due []*Topic
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.net.clock.note(ctx)
			due = r.net.topics()
		case <-r.wake:
			due = r.takeSoon()
		}
		for _, t := range due {
			t.trimOrLog(ctx)
		}
	}
}

func (t *Topic) trimOrLog(ctx context.Context) {
	defer panics.Contain("retention")
	if err := t.trim(ctx); err != nil && ctx.Err() == nil {
		slog.Error("a topic could not be trimmed", "topic", t.id.Name, "error", err)
	}
}

func (r *retention) takeSoon() []*Topic {
	r.mu.Lock()
	defer r.mu.Unlock()
	topics := slices.Collect(maps.Keys(r.soon))
	clear(r.soon)
	return topics
}

// trim drops what the policy does not keep. Readers that are behind find a gap
// in the numbers.
func (t *Topic) trim(ctx context.Context) error {
	t.mu.Lock()
	log, keep, deleted := t.log, t.policyLocked().Retention, t.deleted
	t.grown = growth{}
	t.mu.Unlock()
	keep.Now = t.net.opts.Clock.Now()
	before := log.Bounds()
	switch {
	case deleted:
		return nil
	case overdue(before, keep):
		defer t.beginTrim(log, before, keep)()
		if err := log.Trim(ctx, keep); err != nil {
			if err = topicError(err); err == ErrDeleted {
				return nil
			}
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	first := log.Bounds().First
	// Consumers that keep up are still offered what they have not had. So the tail may have
	// messages that an earlier call removed from the log. It also has them if that call
	// removed them from the log before appended put them into the tail.
	if drop := min(first, t.floor()); t.tail.first(t.next) < drop {
		t.tail.dropBefore(drop)
		t.settleTailLocked()
	}
	if first > before.First {
		t.settleLocked()
	}
	return nil
}

// overdue reports whether there is enough to drop. Messages are kept a little
// longer than their age, so that a topic is not trimmed for each single one.
func overdue(b storage.Bounds, keep storage.Retention) bool {
	if b.First == b.Next {
		return false
	}
	slack := min(keep.Age/64, time.Minute)
	return keep.Age > 0 && keep.Now.Sub(b.FirstTime)-slack > keep.Age ||
		keep.Bytes > 0 && b.Bytes > keep.Bytes && b.Next-b.First > 1 ||
		keep.Messages > 0 && b.Next-b.First > keep.Messages
}

// growth is how much was added to a topic.
type growth struct {
	messages uint64
	bytes    int64
}

// growLocked counts what was added. It has the topic trimmed soon when it has
// grown by more than an eighth of what it may keep.
func (t *Topic) growLocked(messages, bytes int) {
	t.grown.messages += uint64(messages)
	t.grown.bytes += int64(bytes)
	keep := t.policyLocked().Retention
	if keep.Bytes > 0 && t.grown.bytes > keep.Bytes/8 || keep.Messages > 0 && t.grown.messages > keep.Messages/8 {
		t.grown = growth{}
		t.net.retention.trimSoon(t)
	}
}
