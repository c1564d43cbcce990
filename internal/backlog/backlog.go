// Package backlog does things one after the other, in a goroutine that there is only while there
// is something to do.
package backlog

import "sync"

// A Queue calls a function for each item, in the order in which they were added, one call at a
// time. It has no bound: whoever adds items has one. A call that panics ends the process, unless
// the function contains its panics. Safe for concurrent use.
type Queue[T any] struct {
	do func(T)

	mu      sync.Mutex // guards what follows; no other lock is taken with it
	items   []T        // whose calls have not begun
	running bool
	closed  bool

	goroutine sync.WaitGroup
}

// New returns a Queue that calls do.
func New[T any](do func(T)) *Queue[T] { return &Queue[T]{do: do} }

// Add queues an item, and does not wait. It returns false, and does nothing, after Close.
func (q *Queue[T]) Add(item T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.items = append(q.items, item)
	if !q.running {
		q.running = true
		q.goroutine.Go(q.run)
	}
	return true
}

func (q *Queue[T]) run() {
	for item, ok := q.next(); ok; item, ok = q.next() {
		q.do(item)
	}
}

// next takes the first item. If there is none, the goroutine must end.
func (q *Queue[T]) next() (item T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		q.items, q.running = nil, false
		return item, false
	}
	item = q.items[0]
	clear(q.items[:1])
	q.items = q.items[1:]
	return item, true
}

// Close drops the items whose calls have not begun, and returns how many those are. It waits for
// the call under way, so it must not be called by it.
func (q *Queue[T]) Close() (dropped int) {
	q.mu.Lock()
	dropped = len(q.items)
	q.closed, q.items = true, nil
	q.mu.Unlock()
	q.goroutine.Wait()
	return dropped
}
