// Package fair serves tenants fairly, by the work that their jobs turn out to be.
//
// It is start-time fair queueing: next comes a job of the tenant whose jobs have had the
// least work. A tenant that had no jobs for a while gains nothing from that, except that it
// comes next. So however many jobs others have, a job of a tenant that has few waits only for the
// job that is being done.
package fair

import (
	"container/heap"
	"maps"
)

// A Queue holds the jobs of all tenants. It is not safe for concurrent use. The zero value is
// empty.
type Queue[J any] struct {
	active active[J]
	clock  uint64 // the time of the lane that was served last
	lanes  map[string]*Lane[J]
	left   map[string]uint64 // the times, after clock, of lanes that nobody uses
}

// A Lane is the jobs of one tenant, in the order in which they came.
type Lane[J any] struct {
	tenant string
	jobs   []J
	time   uint64 // grows with the work of the jobs
	place  int    // in Queue.active; -1 without jobs
	users  int    // of the lane
}

// Join returns the lane of a tenant for one more user, who must Leave.
func (q *Queue[J]) Join(tenant string) *Lane[J] {
	l := q.lanes[tenant]
	if l == nil {
		l = &Lane[J]{tenant: tenant, place: -1, time: q.left[tenant]}
		delete(q.left, tenant)
		if q.lanes == nil {
			q.lanes = map[string]*Lane[J]{}
		}
		q.lanes[tenant] = l
	}
	l.users++
	return l
}

// Leave ends the use of a lane. Its jobs stay, and more may be added. If the tenant comes back
// before the queue was empty, the work that it has had still counts.
func (q *Queue[J]) Leave(l *Lane[J]) {
	if l.users--; l.users > 0 || q.lanes[l.tenant] != l {
		return
	}
	delete(q.lanes, l.tenant)
	if q.IsEmpty() {
		clear(q.left)
		return
	}
	if l.time <= q.clock {
		return
	}
	if q.left == nil {
		q.left = map[string]uint64{}
	}
	q.left[l.tenant] = l.time
	if len(q.left) > 2*len(q.lanes)+64 {
		maps.DeleteFunc(q.left, func(_ string, time uint64) bool { return time <= q.clock })
	}
}

// Tenants returns how many lanes are in use.
func (q *Queue[J]) Tenants() int { return len(q.lanes) }

// IsEmpty reports whether there are no jobs.
func (q *Queue[J]) IsEmpty() bool { return len(q.active) == 0 }

// Push adds a job.
func (q *Queue[J]) Push(l *Lane[J], j J) {
	l.jobs = append(l.jobs, j)
	if len(l.jobs) == 1 {
		l.time = max(l.time, q.clock)
		heap.Push(&q.active, l)
	}
}

// Peek returns the job that Pop would return. There must be one.
func (q *Queue[J]) Peek() J { return q.active[0].jobs[0] }

// Pop takes the next job. There must be one. The caller Charges its lane when it knows how
// much work the job was.
func (q *Queue[J]) Pop() (J, *Lane[J]) {
	l := q.active[0]
	q.clock = l.time
	j := l.jobs[0]
	var none J
	l.jobs[0] = none
	if l.jobs = l.jobs[1:]; len(l.jobs) == 0 {
		l.jobs = nil
		heap.Pop(&q.active)
	}
	return j, l
}

// Charge accounts for the work of a job, at least 1.
func (q *Queue[J]) Charge(l *Lane[J], work int) {
	l.time += uint64(max(work, 1))
	if l.place >= 0 {
		heap.Fix(&q.active, l.place)
	}
}

// active is a heap of the lanes with jobs. On top is the one with the least work.
type active[J any] []*Lane[J]

func (h active[J]) Len() int           { return len(h) }
func (h active[J]) Less(i, j int) bool { return h[i].time < h[j].time }

func (h active[J]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *active[J]) Push(l any) {
	l.(*Lane[J]).place = len(*h)
	*h = append(*h, l.(*Lane[J]))
}

func (h *active[J]) Pop() any {
	n := len(*h) - 1
	l := (*h)[n]
	(*h)[n] = nil
	*h = (*h)[:n]
	l.place = -1
	return l
}
