package pebble

import (
	"context"
	"sync"

	"seagate/internal/fair"
)

// Bounds of the queue. Whoever adds an operation beyond them waits. The
// operation that crosses the bound of bytes is still accepted, so that small
// operations cannot starve a large one.
//
// A tenant has a share: Options.TenantQueue operations, and maxTenantBytes. A tenant that has
// nothing in the queue gets in although the queue is full, so that nobody is
// locked out by others.
const (
	maxQueue       = 4096
	maxQueueBytes  = 32 << 20
	maxTenantBytes = 8 << 20
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
	tenant() string // "" for records
	size() int      // of what it carries, in bytes

	// stage adds the change to the batch, and keeps the result.
	stage(b *batch)

	// reject makes err the result, instead of stage.
	reject(err error)

	// notify tells the caller the result. A change that was staged is durable by now.
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

// A queue holds the operations that the committer has not taken. It serves tenants fairly, by
// the bytes of their operations, and the operations of one tenant in the order in which they
// came.
type queue struct {
	ready chan struct{} // capacity 1; holds a value while the queue may hold operations
	share int           // operations of one tenant

	mu      sync.Mutex // guards what follows
	ops     fair.Queue[operation]
	all     held
	tenants map[string]*held // those that have operations here
	closed  bool
	waits   uint64        // operations that had to wait
	room    chan struct{} // closed when there is room again; nil if nobody waits
}

// held is what waits in the queue, of all or of one tenant.
type held struct {
	lane  *fair.Lane[operation] // of the tenant
	ops   int
	bytes int
}

func newQueue(share int) *queue {
	if share == 0 {
		share = maxQueue
	}
	return &queue{ready: make(chan struct{}, 1), share: share, tenants: map[string]*held{}}
}

// put waits for room, until ctx ends or stopping is closed. ok is false if op was not
// added; then ctx has ended, or stopping is closed or about to be.
func (q *queue) put(ctx context.Context, stopping <-chan struct{}, op operation) (ok bool) {
	for first := true; ; first = false {
		room, ok := q.tryPut(op, first)
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
func (q *queue) tryPut(op operation, first bool) (room <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false
	}
	of := q.tenants[op.tenant()]
	if of != nil && !q.fitsLocked(of) {
		if first {
			q.waits++
		}
		if q.room == nil {
			q.room = make(chan struct{})
		}
		return q.room, false
	}
	if of == nil {
		of = &held{lane: q.ops.Join(op.tenant())}
		q.tenants[op.tenant()] = of
	}
	q.ops.Push(of.lane, op)
	size := op.size()
	of.add(1, size)
	q.all.add(1, size)
	q.signal()
	return nil, true
}

func (q *queue) fitsLocked(of *held) bool {
	return of.ops < q.share && of.bytes < maxTenantBytes && q.all.ops < maxQueue && q.all.bytes < maxQueueBytes
}

func (h *held) add(ops, bytes int) { h.ops, h.bytes = h.ops+ops, h.bytes+bytes }

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// opWork is what an operation costs beside its bytes, in bytes.
const opWork = 256

// fillsBatch reports whether what waits is as much as a batch takes.
func (q *queue) fillsBatch() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.all.ops >= maxBatch || q.all.bytes >= maxBatchBytes
}

// take removes the operations of the next batch, none if the queue is empty.
func (q *queue) take() []operation {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := make([]operation, 0, min(q.all.ops, maxBatch))
	bytes := 0
	for !q.ops.IsEmpty() && len(taken) < maxBatch {
		size := q.ops.Peek().size()
		if len(taken) > 0 && bytes+size > maxBatchBytes {
			break
		}
		bytes += size
		taken = append(taken, q.popLocked(size))
	}
	if !q.ops.IsEmpty() {
		q.signal()
	}
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
	return taken
}

func (q *queue) popLocked(size int) operation {
	op, lane := q.ops.Pop()
	q.ops.Charge(lane, opWork+size)
	q.all.add(-1, -size)
	of := q.tenants[op.tenant()]
	if of.add(-1, -size); of.ops == 0 {
		q.ops.Leave(lane)
		delete(q.tenants, op.tenant())
	}
	return op
}

// close returns the operations that wait, and accepts no others.
func (q *queue) close() (rest []operation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for !q.ops.IsEmpty() {
		rest = append(rest, q.popLocked(q.ops.Peek().size()))
	}
	return rest
}

// Stats counts what an engine did since it was opened.
type Stats struct {
	Commits uint64 // batches that were synced
	Changes uint64 // operations in them: changes of logs and records, also those that were refused
	Waits   uint64 // changes that had to wait because their tenant had its share of the queue, or the queue was full
}

// Stats returns the counts. It does not wait for a disk.
func (e *Engine) Stats() Stats {
	e.queue.mu.Lock()
	defer e.queue.mu.Unlock()
	return Stats{e.commits.Load(), e.committed.Load(), e.queue.waits}
}
