package streams

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A shard is the consumers of one topic that one worker serves. Most of them
// are live: they stand at the shard's own cursor and share its passes. The
// others catch up from cursors of their own, from the tail or, through the
// fetcher, from the log; or they are parked.
type shard struct {
	topic  *Topic
	worker *worker

	mu        sync.Mutex            // guards what follows
	fresh     map[*InTopic]struct{} // opened, and not yet started
	posted    []*InTopic            // started, resumed or closed since the last run
	fetched   []*fetch              // read since the last run
	stale     bool                  // the topic moved on since the last run began
	scheduled bool                  // a run is under way or to come
	used      bool                  // it has in topics

	// floor is the first message that somebody who reads the tail has not been
	// offered, or the largest number if nobody does. From there on the tail
	// drops nothing, whatever retention says of the log: those keep up. Whoever
	// is parked, or reads the log, is not waited for. Written under mu.
	floor atomic.Uint64

	// Owned by the worker.
	at       cursor
	live     []*InTopic
	catching []*InTopic
	fetches  map[cursor]*fetch // under way, with the in topics that wait for them
	parked   int
}

func newShard(t *Topic, w *worker) *shard {
	l := &shard{topic: t, worker: w}
	l.floor.Store(math.MaxUint64)
	return l
}

// open notes an in topic that will be started, so that nothing it is to read
// is dropped until then.
func (l *shard) open(in *InTopic) {
	first := l.topic.tailFirstLocked()
	l.mu.Lock()
	defer l.mu.Unlock()
	if in.at.seq < first {
		return // it begins in the log
	}
	if l.fresh == nil {
		l.fresh = map[*InTopic]struct{}{}
	}
	l.fresh[in] = struct{}{}
	l.floor.Store(min(l.floor.Load(), in.at.seq))
}

// post puts an in topic before the worker.
func (l *shard) post(in *InTopic) {
	l.wake(func() { l.posted = append(l.posted, in) })
}

// postFetched puts what was read before the worker.
func (l *shard) postFetched(f *fetch) {
	l.wake(func() { l.fetched = append(l.fetched, f) })
}

func (l *shard) wake(note func()) {
	l.mu.Lock()
	note()
	l.used = true
	enqueue := !l.scheduled
	l.scheduled = true
	l.mu.Unlock()
	if enqueue {
		l.worker.enqueue(l)
	}
}

// topicMoved asks for a run, if anybody listens here.
func (l *shard) topicMoved() {
	l.mu.Lock()
	l.stale = true
	enqueue := l.used && !l.scheduled
	l.scheduled = l.scheduled || enqueue
	l.mu.Unlock()
	if enqueue {
		l.worker.enqueue(l)
	}
}

// run does one bounded piece of the shard's work and returns whether there is
// more. Called by the worker.
func (l *shard) run() (more bool) {
	posted, fetched := l.take()
	l.admit(posted)
	for _, f := range fetched {
		l.offerFetched(f)
	}
	more = l.deliverLive()
	more = l.catchUp() || more
	l.setFloor()
	return more || !l.rest()
}

func (l *shard) take() ([]*InTopic, []*fetch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	posted, fetched := l.posted, l.fetched
	l.posted, l.fetched, l.stale = nil, nil, false
	for _, in := range posted {
		delete(l.fresh, in)
	}
	return posted, fetched
}

// rest lets the shard wait to be scheduled again, unless something came during
// the run.
func (l *shard) rest() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stale || len(l.posted)+len(l.fetched) > 0 {
		return false
	}
	l.scheduled = false
	l.used = len(l.live)+len(l.catching)+len(l.fetches)+l.parked > 0
	return true
}

// admit lets what was posted read on, and drops what was closed.
func (l *shard) admit(posted []*InTopic) {
	dropped := false
	for _, in := range posted {
		if in.phase == parked {
			l.parked--
			in.phase = waiting
		}
		before := in.phase
		if in.resumed.Swap(false) && in.phase != over && !in.closed.Load() {
			in.resume()
		}
		if in.closed.Load() {
			in.phase = over
		}
		switch in.phase {
		case over:
			dropped = dropped || before != waiting
		case waiting:
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

// deliverLive makes one pass over all live in topics. It returns whether there
// was anything to pass on.
func (l *shard) deliverLive() bool {
	if len(l.live) == 0 {
		return false
	}
	s := l.topic.peek(l.at, math.MaxUint64, batchBytes)
	switch s.kind {
	case nothing:
		return false
	case before: // retention has emptied the tail
		l.demote()
		return true
	}
	p := &Batch{Messages: s.messages}
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
func (l *shard) leave(in *InTopic, next phase) bool {
	changed := in.phase != next
	in.phase = next
	if next == parked {
		l.parked++
	}
	return changed
}

// demote makes those who are live catch up.
func (l *shard) demote() {
	for _, in := range l.live {
		in.phase, in.at = catching, l.at
	}
	l.catching = append(l.catching, l.live...)
	l.live = nil
}

// catchUp lets everyone who is not live read one segment more, and makes those
// live who have arrived where the shard is. It returns whether there is more.
func (l *shard) catchUp() bool {
	var read reading
	waiting := l.catching
	l.catching = nil // offers add those who stay
	for _, in := range waiting {
		if len(l.live) == 0 && !l.lead(in) {
			continue
		}
		switch {
		case in.at == l.at:
			in.phase = live
			l.live = append(l.live, in)
		case in.at.before(l.at):
			l.readOn(in, &read)
		default: // ahead of the shard, which will come
			l.catching = append(l.catching, in)
		}
	}
	return len(l.catching) > 0 || len(l.live) > 0 && l.behind()
}

// lead takes the shard to where an in topic stands, if nobody is live and the
// tail reaches there. Otherwise the in topic waits for the log.
func (l *shard) lead(in *InTopic) bool {
	if s := l.topic.peek(in.at, math.MaxUint64, 1); s.kind == before {
		l.fetch(in, s.limit)
		return false
	}
	l.at = in.at
	return true
}

// A reading is a segment of the tail that several may be offered: many fall
// behind at the same message.
type reading struct {
	at cursor
	s  segment
	p  *Batch
}

// readOn offers what comes before the shard's own place.
func (l *shard) readOn(in *InTopic, r *reading) {
	if r.p == nil || r.at != in.at {
		s := l.topic.peek(in.at, l.at.seq, catchUpBytes)
		*r = reading{in.at, s, &Batch{Messages: s.messages}}
	}
	if r.s.kind == before {
		l.fetch(in, r.s.limit)
		return
	}
	l.offerCatching(in, r.s, r.p)
}

func (l *shard) offerCatching(in *InTopic, s segment, p *Batch) {
	if !l.leave(in, in.offer(s, p)) {
		l.catching = append(l.catching, in)
	}
}

// fetch lets an in topic wait for what the log has at its cursor.
func (l *shard) fetch(in *InTopic, limit uint64) {
	in.phase = fetching
	f := l.fetches[in.at]
	if f == nil {
		f = &fetch{shard: l, at: in.at, limit: limit, offered: make(chan struct{})}
		if l.fetches == nil {
			l.fetches = map[cursor]*fetch{}
		}
		l.fetches[in.at] = f
		l.topic.net.fetcher.add(f)
	}
	f.readers = append(f.readers, in)
}

// offerFetched hands out what was read from the log.
func (l *shard) offerFetched(f *fetch) {
	defer close(f.offered)
	delete(l.fetches, f.at)
	s := l.topic.upToChange(f.at, f.segment)
	p := &Batch{Messages: s.messages}
	for _, in := range f.readers {
		if in.phase != fetching { // closed meanwhile
			continue
		}
		in.phase = catching
		l.offerCatching(in, s, p)
	}
}

// behind says whether the topic has something that the live have not had.
func (l *shard) behind() bool {
	return l.topic.peek(l.at, math.MaxUint64, 1).kind != nothing
}

// setFloor publishes how far those have got who read the tail.
func (l *shard) setFloor() {
	first := l.topic.tailFirst()
	floor := uint64(math.MaxUint64)
	if len(l.live) > 0 {
		floor = l.at.seq
	}
	lower := func(in *InTopic) {
		if in.at.seq >= first {
			floor = min(floor, in.at.seq)
		}
	}
	for _, in := range l.catching {
		lower(in)
	}
	l.mu.Lock()
	for in := range l.fresh {
		lower(in)
	}
	l.floor.Store(floor)
	l.mu.Unlock()
	l.topic.shardMoved()
}
