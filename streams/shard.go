package streams

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/internal/panics"
)

// A shard is the in topics of one topic that one worker serves. Most are live:
// they stand at the shard's cursor and share its batches. The others catch up
// from cursors of their own, in the tail or in the log, or are parked.
type shard struct {
	topic  *Topic
	worker *worker
	place  *lane // at the worker

	mu         sync.Mutex            // guards what follows
	unstarted  map[*InTopic]struct{} // opened in the tail, not started yet
	posted     []*InTopic            // started, resumed or closed since the last run
	postedRead []*logRead            // read since the last run
	topicMoved bool                  // the topic changed since the last run began
	scheduled  bool                  // the shard runs or is in the worker's queue
	used       bool                  // it has in topics, or reads under way

	// floor is the lowest number that a reader of the tail still needs, or
	// math.MaxUint64 if there is no such reader. The tail keeps everything from
	// it on, whatever retention drops from the log. In topics that are parked
	// or read the log do not count. Written under mu.
	floor atomic.Uint64

	// taken is the number behind the newest message that the worker has begun to offer
	// to the live in topics, or math.MaxUint64 if there are none. See Topic.isAheadLocked.
	taken atomic.Uint64

	// Owned by the worker.
	at       cursor // of the live in topics
	live     liveSet
	catching []*InTopic
	reads    map[cursor]*logRead // under way
	parked   int                 // how many in topics are parked
	pass     livePass
	offering []*readOffer // reads that are not offered to all of their readers yet
	turn     uint64       // counts passes and runs; see Owner
	work     int          // of this run, in the unit of Batch.Spend
	batch    int          // messages of a batch: fewer while one offer costs more than passWork
}

// A readOffer is a segment of the log that is being offered to the in topics that wait for it.
type readOffer struct {
	read  *logRead
	seg   segment
	batch *Batch
	next  int // index in read.readers
}

const (
	// passWork is the work after which a run of a shard interrupts each of its three
	// parts, in the unit of Batch.Spend: some 2 ms.
	passWork = 200_000
	// ownerWork is how much of it the in topics of one owner may have.
	ownerWork = passWork / 4
	// offerWork is what a call of a consumer costs that does nothing.
	offerWork = 30
)

func newShard(t *Topic, w *worker) *shard {
	s := &shard{topic: t, worker: w, place: w.join(t.id.Space), batch: batchMessages}
	s.floor.Store(math.MaxUint64)
	s.taken.Store(math.MaxUint64)
	return s
}

// openLocked registers an in topic that is to be started, so that the tail keeps
// what it will read. The caller holds Topic.mu.
func (s *shard) openLocked(in *InTopic) {
	if in.at.seq < s.topic.tailFirstLocked() {
		return // it begins in the log
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unstarted == nil {
		s.unstarted = map[*InTopic]struct{}{}
	}
	s.unstarted[in] = struct{}{}
	s.floor.Store(min(s.floor.Load(), in.at.seq))
}

// post hands the worker an in topic that was started, resumed or closed.
func (s *shard) post(in *InTopic) {
	s.schedule(func() { s.posted, s.used = append(s.posted, in), true })
}

// postRead hands the worker the result of a read.
func (s *shard) postRead(r *logRead) {
	s.schedule(func() { s.postedRead, s.used = append(s.postedRead, r), true })
}

// wake asks for a run because the topic has changed.
func (s *shard) wake() {
	s.schedule(func() { s.topicMoved = true })
}

// schedule lets note record what is to be done and puts the shard into the
// worker's queue, unless it is there or has no in topics.
func (s *shard) schedule(note func()) {
	s.mu.Lock()
	note()
	enqueue := s.used && !s.scheduled
	s.scheduled = s.scheduled || enqueue
	s.mu.Unlock()
	if enqueue {
		s.worker.enqueue(s)
	}
}

func (s *shard) lane() *lane { return s.place }

// run does one bounded part of the shard's work. Called by the worker.
func (s *shard) run() (work int, more bool) {
	defer panics.Contain("delivery", func() { work, more = s.work, s.endAll() })
	s.work, s.turn = 0, s.turn+1
	posted, reads := s.takePosted()
	s.admit(posted)
	for _, r := range reads {
		s.beginOffer(r)
	}
	more = s.offerReads(passWork)
	more = s.deliverLive(s.work+passWork) || more
	more = s.catchUp(s.work+passWork) || more
	s.setFloor()
	return s.work, more || !s.rest()
}

// endAll ends the in topics of the shard after a panic, apart from those that are parked
// or wait for the log. It reports whether there is more to do.
func (s *shard) endAll() (more bool) {
	all := append(s.live.all(), s.catching...)
	s.live, s.catching, s.pass = liveSet{}, nil, livePass{}
	for _, in := range all {
		in.fail()
	}
	s.setFloor()
	return !s.rest()
}

func (s *shard) takePosted() ([]*InTopic, []*logRead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	posted, reads := s.posted, s.postedRead
	s.posted, s.postedRead, s.topicMoved = nil, nil, false
	for _, in := range posted {
		delete(s.unstarted, in)
	}
	return posted, reads
}

// rest marks the shard as not scheduled, unless something was posted during the
// run. It reports whether it did.
func (s *shard) rest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topicMoved || len(s.posted)+len(s.postedRead) > 0 {
		return false
	}
	s.scheduled = false
	s.used = s.live.count+len(s.catching)+len(s.reads)+len(s.offering)+s.parked > 0
	return true
}

// admit lets in topics that were started or resumed catch up, and removes those
// that were closed.
func (s *shard) admit(posted []*InTopic) {
	removed := false // from catching
	for _, in := range posted {
		s.work += offerWork
		before, hasRoom := in.phase, false
		if in.resumed.Swap(false) && before != ended && !in.closed.Load() {
			hasRoom = in.confirmResume()
		}
		if in.closed.Load() {
			in.phase = ended
		}
		switch {
		case in.phase == ended && before == live:
			s.live.noteEnd(in)
		case in.phase == ended:
			removed = removed || before == catching
		case in.phase == opened, in.phase == parked && hasRoom:
			in.phase = catching
			s.catching = append(s.catching, in)
		}
		if before == parked && in.phase != parked {
			s.parked--
		}
	}
	s.live.removeEnded(s.pass.underWay())
	if removed {
		s.catching = slices.DeleteFunc(s.catching, func(in *InTopic) bool { return in.phase == ended })
	}
}

// hadShare reports whether the owner of an in topic has had its share of this turn.
func (s *shard) hadShare(in *InTopic) bool {
	return in.owner != nil && in.owner.in(s).spent >= ownerWork
}

// offer offers a segment to an in topic and reports whether its phase stays as
// it is.
func (s *shard) offer(in *InTopic, seg *segment, b *Batch) (stays bool) {
	before, spent := in.phase, b.work
	in.phase = in.offer(seg, b)
	s.charge(in, offerWork+b.work-spent)
	if in.phase == parked {
		s.parked++
		if in.owner != nil {
			in.owner.in(s).full = true
		}
	}
	return in.phase == before
}

// charge counts the cost of an offer.
func (s *shard) charge(in *InTopic, cost int) {
	s.work += cost
	if in.owner != nil {
		in.owner.in(s).spent += cost
	}
	s.chooseBatch(cost)
}

// chooseBatch chooses the size of the next batches by what one step of a pass has cost.
func (s *shard) chooseBatch(cost int) {
	if cost > passWork {
		s.batch = max(1, s.batch/2)
	} else if s.batch < batchMessages && cost < passWork/4 {
		s.batch++
	}
}

// isFull reports whether a consumer of the same owner was full in this turn, and that of the
// in topic has no room now. Then isFull parks the in topic, and nothing is read for it.
func (s *shard) isFull(in *InTopic) bool {
	if in.owner == nil || !in.owner.in(s).full {
		return false
	}
	s.work += offerWork
	before := in.phase
	if in.confirmResume() || in.phase != before {
		return false
	}
	in.phase, in.whole = parked, 0
	s.parked++
	return true
}

// catchUp offers each in topic that is catching up one segment, until the work of the run
// is as much as limit, and makes those live that have arrived at the shard's cursor. It
// reports whether there is more to do.
func (s *shard) catchUp(limit int) bool {
	var last sharedSegment
	waiting := s.catching
	s.catching = nil // those that stay are added again
	for i, in := range waiting {
		if s.work >= limit {
			s.catching = append(slices.Clone(waiting[i:]), s.catching...) // these go first in the next run
			break
		}
		if s.hadShare(in) {
			s.catching = append(s.catching, in)
			continue
		}
		s.catchUpOne(in, &last)
	}
	return len(s.catching) > 0 || s.live.count > 0 && s.behind()
}

func (s *shard) catchUpOne(in *InTopic, last *sharedSegment) {
	if s.live.count == 0 && s.pass.batch == nil && !s.moveTo(in) {
		return
	}
	switch {
	case in.at == s.at:
		s.goLive(in)
	case !in.at.before(s.at): // ahead of the shard, which will get there
		s.catching = append(s.catching, in)
	case !s.isFull(in) && in.phase == catching:
		s.offerTail(in, last)
	}
}

// moveTo moves the shard, which has no live in topics, to the cursor of in. If
// the tail does not reach back to it, moveTo reads the log for in instead and
// returns false.
func (s *shard) moveTo(in *InTopic) bool {
	if seg := s.topic.peek(in.at, math.MaxUint64, 1); seg.kind == inLog {
		s.readLog(in, seg.limit)
		return false
	}
	s.at = in.at
	return true
}

// A sharedSegment is the segment of the tail that was offered last. Many in
// topics fall behind at the same message.
type sharedSegment struct {
	at    cursor
	seg   segment
	batch *Batch
}

// offerTail offers in what comes between its cursor and the shard's. It reads
// the log instead if the tail does not reach back that far.
func (s *shard) offerTail(in *InTopic, last *sharedSegment) {
	if last.batch == nil || last.at != in.at {
		seg := s.cut(s.topic.peek(in.at, s.at.seq, catchUpBytes), in.at)
		*last = sharedSegment{in.at, seg, &Batch{Messages: seg.messages, Writer: s.worker.writer}}
	}
	if last.seg.kind == inLog {
		s.readLog(in, last.seg.limit)
		return
	}
	s.offerCatching(in, &last.seg, last.batch)
}

func (s *shard) offerCatching(in *InTopic, seg *segment, b *Batch) {
	if s.offer(in, seg, b) {
		s.catching = append(s.catching, in)
	}
}

// readLog lets an in topic wait for what the log has at its cursor.
func (s *shard) readLog(in *InTopic, limit uint64) {
	in.phase = reading
	r := s.startRead(in.at, limit, false)
	r.readers = append(r.readers, in)
}

// startRead returns the read at a cursor that is under way, or begins it.
func (s *shard) startRead(at cursor, limit uint64, ahead bool) *logRead {
	r := s.reads[at]
	if r == nil {
		r = &logRead{shard: s, at: at, limit: limit, ahead: ahead, done: make(chan struct{})}
		if s.reads == nil {
			s.reads = map[cursor]*logRead{}
		}
		s.reads[at] = r
		s.topic.net.logReader.add(r)
	}
	return r
}

// beginOffer begins to offer what was read from the log to the in topics that wait for it.
func (s *shard) beginOffer(r *logRead) {
	delete(s.reads, r.at)
	r.readers = slices.DeleteFunc(r.readers, func(in *InTopic) bool { return in.phase != reading })
	if len(r.readers) == 0 { // closed meanwhile, or full when this was read ahead
		close(r.done)
		return
	}
	seg := s.cut(s.topic.upToChange(r.at, r.segment), r.at)
	s.readAhead(r, seg)
	s.offering = append(s.offering, &readOffer{read: r, seg: seg, batch: &Batch{
		Messages: seg.messages,
		Alone:    len(r.readers) == 1,
		Writer:   s.worker.writer,
	}})
}

// offerReads offers what was read until the work of the run is as much as limit, and
// reports whether there is more.
func (s *shard) offerReads(limit int) (more bool) {
	for len(s.offering) > 0 && s.work < limit {
		o := s.offering[0]
		if o.next == len(o.read.readers) {
			close(o.read.done)
			s.offering = slices.Delete(s.offering, 0, 1)
			continue
		}
		in := o.read.readers[o.next]
		o.next++
		if in.phase == reading { // not closed since
			in.phase = catching
			in.whole++
			s.offerCatching(in, &o.seg, o.batch)
		}
	}
	return len(s.offering) > 0
}

// aheadAfter is the number of segments of the log in a row that a consumer must
// have taken whole before the log is read ahead for it. A consumer that is full
// more often, such as a slow connection, would have too much read in vain.
const aheadAfter = 4

// readAhead begins to read what comes behind seg, the result of r, so that it is
// read while seg is delivered. In topics whose consumers take all of seg join
// the read. If none does, that one segment was read in vain.
func (s *shard) readAhead(r *logRead, seg segment) {
	isSteady := func(in *InTopic) bool { return in.whole >= aheadAfter }
	if seg.kind != someMessages || seg.then.seq >= r.limit || !slices.ContainsFunc(r.readers, isSteady) {
		return
	}
	if next := s.topic.peek(seg.then, r.limit, 1); next.kind == inLog {
		s.startRead(seg.then, next.limit, true)
	}
}

// behind reports whether the topic has something that the live in topics have
// not been offered.
func (s *shard) behind() bool {
	return s.topic.peek(s.at, math.MaxUint64, 1).kind != nothing
}

// setFloor computes floor and wakes the senders that wait for it to rise.
func (s *shard) setFloor() {
	first := s.topic.tailFirst()
	floor, taken := uint64(math.MaxUint64), uint64(math.MaxUint64)
	if s.live.count > 0 {
		floor, taken = s.at.seq, s.at.seq
	}
	if s.pass.batch != nil {
		taken = s.pass.seg.then.seq
	}
	s.taken.Store(taken)
	lower := func(in *InTopic) {
		if in.at.seq >= first {
			floor = min(floor, in.at.seq)
		}
	}
	for _, in := range s.catching {
		lower(in)
	}
	func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for in := range s.unstarted {
			lower(in)
		}
		s.floor.Store(floor)
	}()
	s.topic.floorMoved()
}
