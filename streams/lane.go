package streams

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A lane is the consumers of one topic that one worker serves. Most of them
// are live: they stand at the lane's own cursor and share its passes. The
// others catch up from cursors of their own, or are parked.
type lane struct {
	topic  *Topic
	worker *worker

	mu        sync.Mutex            // guards what follows
	fresh     map[*InTopic]struct{} // opened, and not yet started
	posted    []*InTopic            // started, resumed or closed since the last run
	stale     bool                  // the topic moved on since the last run began
	scheduled bool                  // a run is under way or to come
	used      bool                  // it has in topics

	// floor is the first message that some reading consumer has not been
	// offered, or the largest number if nobody reads. From there on the
	// topic's tail drops nothing. Parked consumers are not waited for.
	// Written under mu.
	floor atomic.Uint64

	// Owned by the worker.
	at       cursor
	live     []*InTopic
	catching []*InTopic
	parked   int
}

func newLane(t *Topic, w *worker) *lane {
	l := &lane{topic: t, worker: w}
	l.floor.Store(math.MaxUint64)
	return l
}

// open notes an in topic that will be started, so that nothing it is to read
// is dropped until then.
func (l *lane) open(in *InTopic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh == nil {
		l.fresh = map[*InTopic]struct{}{}
	}
	l.fresh[in] = struct{}{}
	l.floor.Store(min(l.floor.Load(), in.at.seq))
}

// post puts an in topic before the worker.
func (l *lane) post(in *InTopic) {
	l.mu.Lock()
	l.posted = append(l.posted, in)
	l.used = true
	enqueue := !l.scheduled
	l.scheduled = true
	l.mu.Unlock()
	if enqueue {
		l.worker.enqueue(l)
	}
}

// topicMoved asks for a run, if anybody listens here.
func (l *lane) topicMoved() {
	l.mu.Lock()
	l.stale = true
	enqueue := l.used && !l.scheduled
	l.scheduled = l.scheduled || enqueue
	l.mu.Unlock()
	if enqueue {
		l.worker.enqueue(l)
	}
}

// run does one bounded piece of the lane's work and returns whether there is
// more. Called by the worker.
func (l *lane) run() (more bool) {
	l.admit(l.take())
	more = l.passLive()
	more = l.catchUp() || more
	l.setFloor()
	return more || !l.rest()
}

func (l *lane) take() []*InTopic {
	l.mu.Lock()
	defer l.mu.Unlock()
	posted := l.posted
	l.posted, l.stale = nil, false
	for _, in := range posted {
		delete(l.fresh, in)
	}
	return posted
}

// rest lets the lane wait to be scheduled again, unless something came during
// the run.
func (l *lane) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stale || len(l.posted) > 0 {
		return false
	}
	l.scheduled = false
	l.used = len(l.live)+len(l.catching)+l.parked > 0
	return true
}

// admit lets what was posted read on, and drops what was closed.
func (l *lane) admit(posted []*InTopic) {
	dropped := false
	for _, in := range posted {
		if in.phase == parked {
			l.parked--
			in.phase = waiting
		}
		switch {
		case in.closed.Load():
			dropped = dropped || in.phase != waiting
			in.phase = over
		case in.phase == waiting:
			in.phase = catching
			l.catching = append(l.catching, in)
		}
	}
	if dropped {
		isOver := func(in *InTopic) bool { return in.phase == over }
		l.live = slices.DeleteFunc(l.live, isOver)
		l.catching = slices.DeleteFunc(l.catching, isOver)
	}
}

// passLive makes one pass over all live in topics. It returns whether there
// was anything to pass on.
func (l *lane) passLive() bool {
	if len(l.live) == 0 {
		return false
	}
	s := l.topic.peek(l.at, math.MaxUint64, passBytes)
	if s.kind == nothing {
		return false
	}
	p := &Pass{Messages: s.messages}
	kept := l.live[:0]
	for _, in := range l.live {
		in.at = l.at
		if l.leave(in, in.offer(s, p)) {
			continue
		}
		kept = append(kept, in)
	}
	clear(l.live[len(kept):])
	l.live = kept
	l.at = s.then
	return true
}

// leave notes the phase that an offer left the in topic in, and returns
// whether it has left the list that it was in.
func (l *lane) leave(in *InTopic, next phase) bool {
	changed := in.phase != next
	in.phase = next
	if next == parked {
		l.parked++
	}
	return changed
}

// catchUp lets everyone who is not live read one segment more, and makes those
// live who have arrived where the lane is. It returns whether there is more.
func (l *lane) catchUp() bool {
	var shared struct {
		at cursor
		s  segment
		p  *Pass
	}
	kept := l.catching[:0]
	more := false
	for _, in := range l.catching {
		if len(l.live) == 0 {
			l.at = in.at
		}
		switch {
		case in.at == l.at:
			in.phase = live
			l.live = append(l.live, in)
			continue
		case in.at.before(l.at):
			// Many fall behind at the same message; they share their passes too.
			if shared.p == nil || shared.at != in.at {
				shared.at, shared.s = in.at, l.topic.peek(in.at, l.at.seq, catchUpBytes)
				shared.p = &Pass{Messages: shared.s.messages}
			}
			if l.leave(in, in.offer(shared.s, shared.p)) {
				continue
			}
		}
		more = true
		kept = append(kept, in)
	}
	clear(l.catching[len(kept):])
	l.catching = kept
	return more || len(l.live) > 0 && l.behind()
}

// behind says whether the topic has something that the live have not had.
func (l *lane) behind() bool {
	return l.topic.peek(l.at, math.MaxUint64, passBytes).kind != nothing
}

// setFloor publishes how far those have got who are reading.
func (l *lane) setFloor() {
	floor := uint64(math.MaxUint64)
	if len(l.live) > 0 {
		floor = l.at.seq
	}
	for _, in := range l.catching {
		floor = min(floor, in.at.seq)
	}
	l.mu.Lock()
	for in := range l.fresh {
		floor = min(floor, in.at.seq)
	}
	l.floor.Store(floor)
	l.mu.Unlock()
	l.topic.laneMoved()
}
