package streams

import (
	"runtime"
	"sync"
)

// A worker runs the passes of its shards, one at a time, in the order in which
// they asked. Owned by the Network.
type worker struct {
	mu     sync.Mutex // guards what follows
	ready  sync.Cond
	queue  []*shard
	closed bool
}

func newWorker() *worker {
	w := &worker{}
	w.ready.L = &w.mu
	return w
}

// enqueue adds a shard that is not in the queue. There are never more entries
// than shards.
func (w *worker) enqueue(l *shard) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, l)
	w.ready.Signal()
}

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.ready.Signal()
}

// run serves shards until close.
func (w *worker) run() {
	for {
		l, ok := w.dequeue()
		if !ok {
			return
		}
		// Whoever is about to send goes first, so that passes grow with the
		// load: the scheduler runs a goroutine that was just woken before
		// others that have waited for longer. An idle processor returns at
		// once.
		runtime.Gosched()
		if l.run() {
			w.enqueue(l)
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
	l := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return l, true
}
