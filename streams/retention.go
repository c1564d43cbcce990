package streams

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"seagate/storage"
)

// retention lets topics drop what their policies do not keep. One goroutine
// looks at all of them every so often, and at once at those that have grown by
// much.
type retention struct {
	net *Network

	mu    sync.Mutex // guards what follows
	grown map[*Topic]struct{}
	wake  chan struct{} // has room for one
}

func newRetention(n *Network) *retention {
	return &retention{net: n, grown: map[*Topic]struct{}{}, wake: make(chan struct{}, 1)}
}

// look asks for a topic to be looked at soon.
func (r *retention) look(t *Topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grown[t] = struct{}{}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run works until ctx ends.
func (r *retention) run(ctx context.Context) {
	tick := time.NewTicker(r.net.opts.RetentionInterval)
	defer tick.Stop()
	for {
		var due []*Topic
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			due = r.net.all()
		case <-r.wake:
			due = r.take()
		}
		for _, t := range due {
			if err := t.trim(ctx); err != nil && ctx.Err() == nil {
				slog.Error("a topic could not be trimmed", "topic", t.id.Name, "error", err)
			}
		}
	}
}

func (r *retention) take() []*Topic {
	r.mu.Lock()
	defer r.mu.Unlock()
	topics := make([]*Topic, 0, len(r.grown))
	for t := range r.grown {
		topics = append(topics, t)
	}
	clear(r.grown)
	return topics
}

// trim drops what the policy does not keep. Readers that are behind it are
// told, by the numbers.
func (t *Topic) trim(ctx context.Context) error {
	t.mu.Lock()
	log, keep, deleted := t.log, t.policyLocked().Retention, t.deleted
	t.grown, t.grownMessages = 0, 0
	t.mu.Unlock()
	if deleted || !overdue(log.Bounds(), keep) {
		return nil
	}
	if err := log.Trim(ctx, keep); err != nil {
		if err = topicError(err); err == ErrDeleted {
			return nil
		}
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// Not what the live have still to be handed: they keep up.
	t.tail.dropBefore(min(log.Bounds().First, t.floor()))
	return nil
}

// overdue says whether there is enough to drop. Of age a little more is kept,
// so that a topic is not trimmed for every single message.
func overdue(b storage.Bounds, keep storage.Retention) bool {
	if b.First == b.Next {
		return false
	}
	slack := min(keep.Age/64, time.Minute)
	return keep.Age > 0 && time.Since(b.FirstTime)-slack > keep.Age ||
		keep.Bytes > 0 && b.Bytes > keep.Bytes && b.Next-b.First > 1 ||
		keep.Messages > 0 && b.Next-b.First > keep.Messages
}

// growsLocked asks for a look at a topic that has grown by an eighth of what
// it may keep since the last one.
func (t *Topic) growsLocked(messages int, bytes int) {
	t.grown += int64(bytes)
	t.grownMessages += uint64(messages)
	keep := t.policyLocked().Retention
	if keep.Bytes > 0 && t.grown > keep.Bytes/8 || keep.Messages > 0 && t.grownMessages > keep.Messages/8 {
		t.grown, t.grownMessages = 0, 0
		t.net.retention.look(t)
	}
}
