package groups

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// alarms wakes groups when something of theirs is due: one goroutine and one
// timer for all of them. Its lock is taken last.
type alarms struct {
	mu    sync.Mutex // guards what follows
	heap  alarmHeap
	index map[*group]*alarm
	wake  chan struct{} // has room for one
}

type alarm struct {
	group *group
	at    time.Duration // by Registry.now
	place int           // in the heap
}

type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *alarmHeap) Push(a any) {
	a.(*alarm).place = len(*h)
	*h = append(*h, a.(*alarm))
}
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return a
}

// set has a group woken at a time, instead of any other.
func (as *alarms) set(g *group, at time.Duration) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if a := as.index[g]; a != nil {
		a.at = at
		heap.Fix(&as.heap, a.place)
	} else {
		a = &alarm{group: g, at: at}
		as.index[g] = a
		heap.Push(&as.heap, a)
	}
	if as.heap[0].group == g {
		signal(as.wake)
	}
}

// signal wakes whoever waits for c, now or next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// next returns a group that is due, or how long it is until one is. ok is
// false if none will be.
func (as *alarms) next(now time.Duration) (due *group, wait time.Duration, ok bool) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if len(as.heap) == 0 {
		return nil, 0, false
	}
	if a := as.heap[0]; a.at > now {
		return nil, a.at - now, true
	}
	a := heap.Pop(&as.heap).(*alarm)
	delete(as.index, a.group)
	return a.group, 0, true
}

// ringAlarms wakes groups until ctx ends.
func (r *Registry) ringAlarms(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		g, wait, ok := r.alarms.next(r.now())
		if g != nil {
			g.ring(r.now())
			continue
		}
		var due <-chan time.Time
		if ok {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-r.alarms.wake:
		case <-due:
		}
	}
}

// errands are calls that need a goroutine without locks. They are made one
// after the other, in order. There are never more of them than messages that
// are set aside. The lock is taken last.
type errands struct {
	mu      sync.Mutex // guards what follows
	waiting []func()
	closed  bool
	wake    chan struct{} // has room for one
}

func (e *errands) add(errand func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.waiting = append(e.waiting, errand)
	signal(e.wake)
}

func (e *errands) take() []func() {
	e.mu.Lock()
	defer e.mu.Unlock()
	waiting := e.waiting
	e.waiting = nil
	return waiting
}

func (e *errands) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed, e.waiting = true, nil
}

// run makes the calls until ctx ends.
func (e *errands) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		}
		for _, errand := range e.take() {
			if ctx.Err() != nil {
				return
			}
			errand()
		}
	}
}
