package streams

import "math"

// A livePass is a batch on its way to the live in topics that it concerns. Runs interrupt
// it. The cursor of the shard stays where it is until the pass is through.
type livePass struct {
	batch  *Batch // nil: there is none
	seg    segment
	groups []*liveGroup // that it concerns; some may be empty or removed by now
	group  int          // index in groups of the one under way
	visit  groupVisit   // of the one under way
}

// A groupVisit is how far a pass is in a group.
type groupVisit struct {
	next  int  // index of the next in topic
	kept  int  // how many before it stay live: these are moved to the front
	asked bool // the filter may pass messages of the batch
}

// underWay returns the group that is visited, or nil.
func (p *livePass) underWay() *liveGroup {
	if p.visit.next == 0 {
		return nil
	}
	return p.groups[p.group]
}

// deliverLive offers one batch to the live in topics that it concerns, or goes on with it,
// until the work of the run is as much as limit. It reports whether there was anything to
// offer.
func (s *shard) deliverLive(limit int) bool {
	if s.pass.batch == nil && !s.beginPass() {
		return false
	}
	p := &s.pass
	for p.group < len(p.groups) && s.work < limit {
		if g := p.groups[p.group]; s.visitGroup(g, limit) {
			s.endVisit(g)
			p.group++
		}
	}
	if p.group == len(p.groups) {
		s.endPass()
	}
	return true
}

// beginPass reports whether there is something for the live in topics.
func (s *shard) beginPass() bool {
	if s.live.count == 0 {
		return false
	}
	seg := s.cut(s.topic.peek(s.at, math.MaxUint64, batchBytes), s.at)
	switch seg.kind {
	case nothing:
		return false
	case inLog: // retention has emptied the tail
		s.demote()
		return false
	}
	b := &Batch{Messages: seg.messages, Live: true, Writer: s.worker.writer}
	s.pass = livePass{batch: b, seg: seg, groups: s.live.concerned(seg.kind, b, s.pass.groups[:0])}
	s.work += b.work
	s.chooseBatch(b.work)
	s.turn++
	s.taken.Store(seg.then.seq)
	s.topic.floorMoved()
	return true
}

// cut returns the segment at c, shortened to the batch size of the shard, which is small while
// each message costs a lot of work.
func (s *shard) cut(seg segment, c cursor) segment {
	if seg.kind != someMessages || s.batch == batchMessages || len(seg.messages) <= s.batch {
		return seg
	}
	return segmentOf(seg.messages[:s.batch], c)
}

func (s *shard) endPass() {
	s.at = s.pass.seg.then
	clear(s.pass.groups)
	s.pass = livePass{groups: s.pass.groups[:0]}
}

// askWork is what it costs to look at a group.
const askWork = offerWork / 10

// visitGroup offers the batch of the pass to the in topics of a group, unless the filter
// hides it all, until the work of the run is as much as limit. It reports whether it is
// through.
func (s *shard) visitGroup(g *liveGroup, limit int) (through bool) {
	p := &s.pass
	v := &p.visit
	s.work += askWork
	for v.next < len(g.inTopics) {
		if s.work >= limit {
			return false
		}
		in := g.inTopics[v.next]
		switch {
		case in.phase != live: // it ended since the pass began
			v.next++
			continue
		case in.at == p.seg.then && in.at != s.at: // it became live since, with the batch
			v.next++
			v.keep(g, in)
			continue
		case s.hadShare(in):
			v.next++
			in.moveOn(s.at)
			in.phase = catching
			s.catching = append(s.catching, in)
			continue
		}
		if !v.asked && !s.mayPass(g, in) {
			return true
		}
		v.asked = true
		v.next++
		in.moveOn(s.at)
		if s.offer(in, &p.seg, p.batch) {
			v.keep(g, in)
		}
	}
	return true
}

func (v *groupVisit) keep(g *liveGroup, in *InTopic) {
	g.inTopics[v.kept] = in
	v.kept++
}

// mayPass reports whether the segment of the pass concerns a group. in, the first in topic of
// the group that is visited, is charged for the work of the filter.
func (s *shard) mayPass(g *liveGroup, in *InTopic) bool {
	p := &s.pass
	if g.filter == nil || p.seg.kind != someMessages {
		return true
	}
	spent := p.batch.work
	passes := g.mayPass(p.batch)
	if cost := p.batch.work - spent; cost > 0 {
		s.charge(in, cost)
	}
	return passes
}

// endVisit leaves in a group those that stay, and those that were not visited.
func (s *shard) endVisit(g *liveGroup) {
	v := s.pass.visit
	s.pass.visit = groupVisit{}
	if v.kept < v.next {
		n := v.kept + copy(g.inTopics[v.kept:], g.inTopics[v.next:])
		s.live.keep(g, n)
	}
	if g.isChanged {
		s.live.removeEnded(nil)
	}
}

// goLive adds an in topic at the cursor of the shard to those that are live. If a pass is
// under way, the in topic is offered its batch first.
func (s *shard) goLive(in *InTopic) {
	in.phase = live
	if s.pass.batch == nil || s.offer(in, &s.pass.seg, s.pass.batch) {
		s.live.add(in)
	}
}

// demote lets all live in topics catch up.
func (s *shard) demote() {
	all := s.live.all()
	for _, in := range all {
		in.moveOn(s.at)
		in.phase = catching
	}
	s.catching = append(s.catching, all...)
	s.live = liveSet{}
}

// position returns the number of the message that an in topic is offered next.
func (s *shard) position(in *InTopic) uint64 {
	if in.phase == live {
		return max(in.at.seq, s.at.seq)
	}
	return in.at.seq
}
