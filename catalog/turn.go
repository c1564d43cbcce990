package catalog

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A turn is the right to change something. One at a time has it, in the order in which they asked.
// The zero value is ready for use, and takes 8 bytes while nobody waits: each stream has one.
type turn struct {
	queue atomic.Pointer[turnQueue] // nil: nobody has the turn
}

// A turnQueue is those who wait for a turn that somebody has.
type turnQueue struct {
	waiting []chan struct{} // closed for who gets the turn; guarded by queues
}

var (
	nobodyWaits turnQueue  // the queue of every turn for which nobody waits; never changed
	queues      sync.Mutex // of all turns: it is rare that somebody waits, and that takes a sync of the disk
)

// try takes the turn if nobody has it.
func (t *turn) try() bool { return t.queue.CompareAndSwap(nil, &nobodyWaits) }

// take waits for the turn. The caller must call end. take returns an error only if
// somebody else has the turn when ctx ends.
func (t *turn) take(ctx context.Context) (end func(), err error) {
	granted := t.enter()
	if granted == nil {
		return t.end, nil
	}
	select {
	case <-granted:
		return t.end, nil
	case <-ctx.Done():
	}
	if t.leave(granted) {
		return nil, ctx.Err()
	}
	return t.end, nil
}

// enter takes the turn and returns nil, or returns what to wait for.
func (t *turn) enter() (granted chan struct{}) {
	if t.try() {
		return nil
	}
	queues.Lock()
	defer queues.Unlock()
	q := t.queue.Load()
	for q == nil || q == &nobodyWaits { // then the turn may end at any time
		if q == nil && t.try() {
			return nil
		}
		own := &turnQueue{}
		if q != nil && t.queue.CompareAndSwap(q, own) {
			q = own
			break
		}
		q = t.queue.Load()
	}
	granted = make(chan struct{})
	q.waiting = append(q.waiting, granted)
	return granted
}

// leave takes who waits out of the queue. It returns false if it has got the turn meanwhile.
func (t *turn) leave(granted chan struct{}) bool {
	queues.Lock()
	defer queues.Unlock()
	q := t.queue.Load()
	i := slices.Index(q.waiting, granted)
	if i < 0 {
		return false
	}
	if q.waiting = slices.Delete(q.waiting, i, i+1); len(q.waiting) == 0 {
		t.queue.Store(&nobodyWaits)
	}
	return true
}

// end gives the turn to the next, if somebody waits.
func (t *turn) end() {
	if t.queue.CompareAndSwap(&nobodyWaits, nil) {
		return
	}
	queues.Lock()
	defer queues.Unlock()
	q := t.queue.Load()
	if q == &nobodyWaits { // who waited has left
		t.queue.Store(nil)
		return
	}
	next := q.waiting[0]
	if q.waiting = slices.Delete(q.waiting, 0, 1); len(q.waiting) == 0 {
		t.queue.Store(&nobodyWaits)
	}
	close(next)
}
