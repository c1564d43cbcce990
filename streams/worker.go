package streams

import (
	"container/heap"
	"runtime"
	"sync"

	"seagate/internal/panics"
)

// A job is what a worker runs: a shard or a Task.
type job interface {
	// run does one bounded part of the work. It returns how much that was, in the
	// unit of Batch.Spend, and whether there is more.
	run() (work int, more bool)

	// lane returns the lane of the job's space at its worker.
	lane() *lane
}

// A worker runs jobs, one at a time. Owned by the Network.
//
// It serves spaces fairly, by the work that their jobs turn out to be (start-time fair
// queueing): next comes a job of the space whose jobs have had the least work. A space
// that had no jobs for a while gains nothing from that, except that it comes next. So
// however much there is to do for others, the jobs of a space that has little to do wait
// for the one that runs. The jobs of one space run in the order in which they asked for it.
type worker struct {
	mu     sync.Mutex // guards what follows
	ready  sync.Cond  // lanes or closed changed
	active activeLanes
	clock  uint64 // the time of the lane that was served last
	lanes  map[string]*lane
	closed bool
}

// A lane is the jobs of one space that wait for one worker. Guarded by worker.mu.
type lane struct {
	jobs   []job
	time   uint64 // grows with the work of the jobs
	place  int    // in worker.active; -1 without jobs
	shards int    // that use the lane
}

func newWorker() *worker {
	w := &worker{lanes: map[string]*lane{}}
	w.ready.L = &w.mu
	return w
}

// join returns the lane of a space for one more shard, which must leave.
func (w *worker) join(space string) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.lanes[space]
	if l == nil {
		l = &lane{place: -1}
		w.lanes[space] = l
	}
	l.shards++
	return l
}

// leave is for the shard of a topic that is gone. What it may still run, it runs in the
// lane that it has.
func (w *worker) leave(space string, l *lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l.shards--; l.shards == 0 && w.lanes[space] == l {
		delete(w.lanes, space)
	}
}

// enqueue adds a job, which must not be in a queue. So there are never more jobs
// than shards and tasks.
func (w *worker) enqueue(j job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.enqueueLocked(j)
	w.ready.Signal()
}

func (w *worker) enqueueLocked(j job) {
	l := j.lane()
	l.jobs = append(l.jobs, j)
	if len(l.jobs) == 1 {
		l.time = max(l.time, w.clock)
		heap.Push(&w.active, l)
	}
}

func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.ready.Signal()
}

// run runs jobs until close.
func (w *worker) run() {
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
	}
}

// runContained is j.run. A shard and a task contain their own panics as far as they can
// end what was concerned. Those that are left end no other job.
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
	for len(w.active) == 0 && !w.closed {
		w.ready.Wait()
	}
	if w.closed {
		return nil, false
	}
	l := w.active[0]
	w.clock = l.time
	j := l.jobs[0]
	l.jobs[0] = nil
	if l.jobs = l.jobs[1:]; len(l.jobs) == 0 {
		heap.Pop(&w.active)
	}
	return j, true
}

func (w *worker) accountLocked(last done) {
	l := last.job.lane()
	l.time += uint64(max(last.work, 1))
	if l.place >= 0 {
		heap.Fix(&w.active, l.place)
	}
	if last.more {
		w.enqueueLocked(last.job)
	}
}

// activeLanes is a heap of the lanes with jobs. On top is the one with the least work.
type activeLanes []*lane

func (h activeLanes) Len() int           { return len(h) }
func (h activeLanes) Less(i, j int) bool { return h[i].time < h[j].time }

func (h activeLanes) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *activeLanes) Push(l any) {
	l.(*lane).place = len(*h)
	*h = append(*h, l.(*lane))
}

func (h *activeLanes) Pop() any {
	n := len(*h) - 1
	l := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	l.place = -1
	return l
}
