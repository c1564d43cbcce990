package streams

import "sync/atomic"

// A Task is a function that the worker of an in topic runs, so never at the same
// time as the methods of a consumer with the same shard number, of any topic. It
// is for consumers that work together. Safe for concurrent use.
type Task struct {
	in     *InTopic
	fn     func()
	posted atomic.Bool
}

// Task returns a task for the worker that serves the in topic. fn must not
// block. The task is of use after the in topic has ended, too. If fn panics,
// Options.OnPanic is called with the consumer of the in topic.
func (in *InTopic) Task(fn func()) *Task { return &Task{in: in, fn: fn} }

// Post lets the worker run the task soon. A call before it begins to run adds
// nothing; a call while it runs lets it run again. If the network is closed,
// the task does not run.
func (t *Task) Post() {
	if t.posted.CompareAndSwap(false, true) {
		t.in.shard.worker.enqueue(t)
	}
}

// taskWork is what a task costs, in the unit of Batch.Spend.
const taskWork = 500

func (t *Task) lane() *lane { return t.in.shard.place }

func (t *Task) run() (work int, more bool) {
	defer func() {
		if v := recover(); v != nil {
			t.in.topic.net.opts.OnPanic(t.in.consumer, v)
		}
	}()
	t.posted.Store(false) // first: a call of Post from now on counts
	work = taskWork       // also if it panics
	t.fn()
	return work, false
}
