package streams

import (
	"runtime"
	"sync"
)

// A worker runs shards, one at a time, in the order in which they asked for it.
// Owned by the Network.
type worker struct {
	mu     sync.Mutex // guards what follows
	ready  sync.Cond  // queue or closed changed
	queue  []*shard
	closed bool
}

func newWorker() *worker {
	w := &worker{}
	w.ready.L = &w.mu
	return w
}

// enqueue adds a shard, which must not be in the queue. So the queue is never
// longer than there are shards.
func (w *worker) enqueue(s *shard) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, s)
	w.ready.Signal()
}

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.ready.Signal()
}

// run runs shards until close.
func (w *worker) run() {
	for {
		s, ok := w.dequeue()
		if !ok {
			return
		}
		// Goroutines that are about to send go first, so that batches grow with
		// the load: the scheduler prefers a goroutine that was just woken, such
		// as this one, to those that have waited longer. On an idle processor
		// Gosched returns at once.
		runtime.Gosched()
		if s.run() {
			w.enqueue(s)
		}
	}
}

func (w *worker) dequeue() (*shard, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.ready.Wait()
	}
	if w.closed {
		return nil, false
	}
	s := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return s, true
}
