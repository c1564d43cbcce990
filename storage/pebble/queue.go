package pebble

import (
	"context"
	"sync"
)

// Bounds of the queue. Whoever adds an operation beyond them waits. The
// operation that crosses the bound of bytes is still accepted, so that small
// operations cannot starve a large one.
const (
	maxQueue      = 1024
	maxQueueBytes = 8 << 20
)

// Bounds of one batch. They keep the wait for it short, and keep it within the
// memtable: a larger batch costs a flush of its own. What exceeds them waits for
// the next batch, and an operation that fits in none gets one alone.
const (
	maxBatch      = 1024
	maxBatchBytes = 1 << 20
)

// An operation is a change that somebody has asked for. The calls come in this
// order: size, then stage by the committer or reject by whoever ends the queue,
// then notify by the notifier.
type operation interface {
	size() int // of what it carries, in bytes

	// stage adds the change to the batch, and keeps the result.
	stage(b *batch)

	// reject makes err the result, instead of stage.
	reject(err error)

	// notify tells the caller the result. The change is durable.
	notify()
}

// A waiter is the part of an operation whose caller waits for the result.
type waiter struct {
	err  error
	done chan struct{} // closed when the result is there
}

func (w *waiter) reject(err error) { w.err = err }

func (w *waiter) notify() { close(w.done) }

// submit queues an operation and waits for its result, which it returns. If ctx
// ends the wait, the change may still happen. If the engine fails, it may have
// happened.
func (e *Engine) submit(ctx context.Context, op operation, w *waiter) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	w.done = make(chan struct{})
	if !e.queue.put(ctx, e.guard.Stopping(), op) {
		return e.usable(ctx)
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.guard.Failed():
		return e.guard.Err()
	}
}

// A queue holds the operations that the committer has not taken, in the order
// in which they came.
type queue struct {
	ready chan struct{} // capacity 1; holds a value while the queue may hold operations

	mu     sync.Mutex // guards what follows
	ops    []operation
	bytes  int
	closed bool
	room   chan struct{} // closed when there is room again
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), room: make(chan struct{})}
}

// put waits for room, until ctx or stopping ends. ok is false if op was not
// added; then ctx has ended, or stopping is closed or about to be.
func (q *queue) put(ctx context.Context, stopping <-chan struct{}, op operation) (ok bool) {
	for {
		room, ok := q.tryPut(op)
		if room == nil {
			return ok
		}
		select {
		case <-room:
		case <-ctx.Done():
			return false
		case <-stopping:
			return false
		}
	}
}

// tryPut returns what to wait for if there is no room.
func (q *queue) tryPut(op operation) (room <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false
	}
	if len(q.ops) >= maxQueue || q.bytes >= maxQueueBytes {
		return q.room, false
	}
	q.ops = append(q.ops, op)
	q.bytes += op.size()
	q.signal()
	return nil, true
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take removes the operations of the next batch, none if the queue is empty.
func (q *queue) take() []operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.ops) && n < maxBatch {
		size := q.ops[n].size()
		if n > 0 && bytes+size > maxBatchBytes {
			break
		}
		bytes += size
		n++
	}
	taken := append([]operation(nil), q.ops[:n]...)
	q.ops = append(q.ops[:0], q.ops[n:]...)
	clear(q.ops[len(q.ops) : len(q.ops)+n])
	q.bytes -= bytes
	if len(q.ops) > 0 {
		q.signal()
	}
	close(q.room)
	q.room = make(chan struct{})
	return taken
}

// close returns the operations that wait, and accepts no others.
func (q *queue) close() []operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	rest := q.ops
	q.ops = nil
	return rest
}
