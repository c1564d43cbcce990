package pebble

import (
	"context"
	"sync"
)

// Bounds of the queue. Beyond them whoever brings a change waits. The one that
// crosses the bound of bytes is still taken, so that a large one is not waited
// out by small ones for ever.
const (
	maxQueue      = 1024
	maxQueueBytes = 8 << 20
)

// Bounds of a group. They keep one batch within the memtable, since a larger
// one costs a flush of its own, and the wait for it short. What does not fit
// is in the next group; what fits in none is one alone.
const (
	maxGroup      = 1024
	maxGroupBytes = 1 << 20
)

// A change is on its way to the committer. The calls come in this order: size,
// then stage by the committer or refuse by whoever ends the queue, then answer
// by the answerer.
type change interface {
	size() int // of what it carries, in bytes

	// stage puts into the batch what the change writes, and keeps what came of it.
	stage(b *batch)

	// refuse is instead of stage.
	refuse(err error)

	// answer tells who waits. What came of the change is durable.
	answer()
}

// A queue holds the changes that the committer has not begun with, in the
// order in which they came.
type queue struct {
	some chan struct{} // has room for one; full if there may be something

	mu     sync.Mutex // guards what follows
	inside []change
	bytes  int
	closed bool
	room   chan struct{} // closed when there is room again
}

func newQueue() *queue {
	return &queue{some: make(chan struct{}, 1), room: make(chan struct{})}
}

// put waits for room, unless ctx or stopping ends first. ok is false if c was
// not put in, and then ctx has ended, or stopping is closed, or will be.
func (q *queue) put(ctx context.Context, stopping <-chan struct{}, c change) (ok bool) {
	for {
		room, ok := q.tryPut(c)
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
func (q *queue) tryPut(c change) (room <-chan struct{}, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false
	}
	if len(q.inside) >= maxQueue || q.bytes >= maxQueueBytes {
		return q.room, false
	}
	q.inside = append(q.inside, c)
	q.bytes += c.size()
	q.signal()
	return nil, true
}

func (q *queue) signal() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// take returns the next group, none if nothing waits.
func (q *queue) take() []change {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, 0
	for n < len(q.inside) && n < maxGroup {
		size := q.inside[n].size()
		if n > 0 && bytes+size > maxGroupBytes {
			break
		}
		bytes += size
		n++
	}
	group := append([]change(nil), q.inside[:n]...)
	q.inside = append(q.inside[:0], q.inside[n:]...)
	clear(q.inside[len(q.inside) : len(q.inside)+n])
	q.bytes -= bytes
	if len(q.inside) > 0 {
		q.signal()
	}
	close(q.room)
	q.room = make(chan struct{})
	return group
}

// close returns what is still inside, and lets nothing in any more.
func (q *queue) close() []change {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	rest := q.inside
	q.inside = nil
	return rest
}
