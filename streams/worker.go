package streams

import (
	"runtime"
	"sync"

	"seagate/internal/fair"
	"seagate/internal/panics"
)

// A job is what a worker runs: a shard, a Task, or a request for positions.
type job interface {
	// run does one bounded part of the work. It returns how much that was, in the
	// unit of Batch.Spend, and whether there is more.
	run() (work int, more bool)

	// lane returns the lane of the job's space at its worker.
	lane() *lane
}

// A worker runs jobs, one at a time. Owned by the Network.
//
// It serves spaces fairly, by the work that their jobs turn out to be: see package fair. The
// jobs of one space run in the order in which they asked for it.
type worker struct {
	writer Writer // of Batch.Writer; nil if there is none; set before run

	mu     sync.Mutex // guards what follows
	ready  sync.Cond  // jobs or closed changed
	jobs   fair.Queue[job]
	closed bool
}

// A lane is the jobs of one space that wait for one worker. Guarded by worker.mu.
type lane = fair.Lane[job]

func newWorker() *worker {
	w := &worker{}
	w.ready.L = &w.mu
	return w
}

// join returns the lane of a space for one more shard, which must leave.
func (w *worker) join(space string) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.jobs.Join(space)
}

// leave undoes join when the topic of the shard is gone. If the shard still has to run,
// it runs in the lane that it had.
func (w *worker) leave(l *lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs.Leave(l)
}

// enqueue adds a job, which must not be in a queue already. So each shard and each
// Task is in the queue at most once. Each call of Positions adds one job per worker.
func (w *worker) enqueue(j job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jobs.Push(j.lane(), j)
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
	if w.writer != nil {
		defer w.writer.Close()
	}
	var last done
	for {
		j, ok := w.next(last)
		if !ok {
			return
		}
		// Goroutines that are about to send go first, so that batches grow with
		// the load: the scheduler prefers a goroutine that was just woken, such
		// as this one, to those that have waited longer. On an idle processor
		// Gosched returns at once.
		runtime.Gosched()
		last.job = j
		last.work, last.more = runContained(j)
		if w.writer != nil {
			w.writer.Flush()
		}
	}
}

// runContained calls j.run and contains a panic that the job did not contain itself, so
// that the worker goes on with the other jobs.
func runContained(j job) (work int, more bool) {
	defer panics.Contain("delivery")
	return j.run()
}

// done is what a job did.
type done struct {
	job  job // nil: none ran yet
	work int
	more bool
}

// next accounts for the job that ran, and returns the one to run.
func (w *worker) next(last done) (job, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last.job != nil {
		w.accountLocked(last)
	}
	for w.jobs.IsEmpty() && !w.closed {
		w.ready.Wait()
	}
	if w.closed {
		return nil, false
	}
	j, _ := w.jobs.Pop()
	return j, true
}

func (w *worker) accountLocked(last done) {
	w.jobs.Charge(last.job.lane(), last.work)
	if last.more {
		w.jobs.Push(last.job.lane(), last.job)
	}
}
