package streams

import (
	"runtime"
	"sync"

	"seagate/internal/panics"
)

// A job is what a worker runs: a shard or a Task. run does one bounded part of
// the work and reports whether there is more.
type job interface{ run() (more bool) }

// A worker runs jobs, one at a time, in the order in which they asked for it.
// Owned by the Network.
type worker struct {
	mu     sync.Mutex // guards what follows
	ready  sync.Cond  // queue or closed changed
	queue  []job
	closed bool
}

func newWorker() *worker {
	w := &worker{}
	w.ready.L = &w.mu
	return w
}

// enqueue adds a job, which must not be in the queue. So the queue is never
// longer than there are shards and tasks.
func (w *worker) enqueue(j job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, j)
	w.ready.Signal()
}

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.ready.Signal()
}

// run runs jobs until close.
func (w *worker) run() {
	for {
		j, ok := w.dequeue()
		if !ok {
			return
		}
		// Goroutines that are about to send go first, so that batches grow with
		// the load: the scheduler prefers a goroutine that was just woken, such
		// as this one, to those that have waited longer. On an idle processor
		// Gosched returns at once.
		runtime.Gosched()
		if runContained(j) {
			w.enqueue(j)
		}
	}
}

// runContained is j.run. A shard and a task contain their own panics as far as they can
// end what was concerned. Those that are left end no other job.
func runContained(j job) (more bool) {
	defer panics.Contain("delivery")
	return j.run()
}

func (w *worker) dequeue() (job, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) == 0 && !w.closed {
		w.ready.Wait()
	}
	if w.closed {
		return nil, false
	}
	j := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return j, true
}
