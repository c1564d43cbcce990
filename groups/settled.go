package groups

import (
	"time"

	"seagate/groups/progress"
)

// A Settlement is how a group became done with a message.
type Settlement uint8

// The settlements.
const (
	UnknownSettlement Settlement = iota // it was too long ago, or before a restart
	Acknowledged                        // a member acknowledged it
	Skipped                             // no member that was there accepts it
	DeadLettered                        // it failed too often
	Lost                                // retention removed it first
	Moved                               // the group was moved behind it
	NotBegun                            // the group began behind it
)

// A settledRun is consecutive messages that a group became done with alike, within a second.
type settledRun struct {
	first      uint64
	at         time.Duration // of the first of them, in terms of Registry.tick
	count      uint64
	member     uint32 // Membership.id of who acknowledged them
	deliveries uint32 // of each
	how        Settlement
}

// maxSettled bounds the runs that a group remembers. With it they take 1,280 bytes.
const maxSettled = 32

// runTime is how long a run of acknowledged messages goes on, and so how exact its time is.
const runTime = time.Second

// settledRuns are the latest runs that a group became done with, for Topic.Trace. They are only
// in memory. Once there are maxSettled, noting one takes some nanoseconds and no allocation. The
// group's mu guards them.
type settledRuns struct {
	list   []settledRun
	newest int // index in list
}

// note remembers a run.
func (s *settledRuns) note(r settledRun) {
	if len(s.list) > 0 {
		last := &s.list[s.newest]
		if last.first+last.count == r.first && last.how == r.how && last.member == r.member && last.deliveries == r.deliveries &&
			(r.how != Acknowledged || r.at-last.at < runTime) {
			last.count += r.count
			return
		}
	}
	if len(s.list) < maxSettled {
		s.list = append(s.list, r)
		s.newest = len(s.list) - 1
		return
	}
	s.newest = (s.newest + 1) % maxSettled
	s.list[s.newest] = r
}

// find returns the newest run with a message.
func (s *settledRuns) find(seq uint64) (r settledRun, ok bool) {
	for i := range s.list {
		r := s.list[(s.newest-i+len(s.list))%len(s.list)]
		if r.first <= seq && seq-r.first < r.count {
			return r, true
		}
	}
	return settledRun{}, false
}

// cut forgets the messages from next on, with which the group is not done any more.
func (s *settledRuns) cut(next uint64) {
	var kept []settledRun
	for i := range s.list {
		if r := s.list[(s.newest+1+i)%len(s.list)]; r.first < next {
			r.count = min(r.count, next-r.first)
			kept = append(kept, r)
		}
	}
	*s = settledRuns{kept, max(0, len(kept)-1)}
}

// settleRunLocked makes the group done with consecutive messages, none if the span is zero.
func (g *group) settleRunLocked(s progress.Span, how Settlement, by *Membership, deliveries uint32) {
	if s.First == 0 {
		return
	}
	g.progress.Add(s.First, s.Last)
	r := settledRun{first: s.First, at: time.Duration(g.registry.tick.Load()), count: s.Size(), deliveries: deliveries, how: how}
	if by != nil {
		r.member = by.id
	}
	g.settled.note(r)
}

// settleOneLocked is settleRunLocked for one message.
func (g *group) settleOneLocked(seq uint64, how Settlement, by *Membership, deliveries uint32) {
	g.settleRunLocked(progress.Span{First: seq, Last: seq}, how, by, deliveries)
}
