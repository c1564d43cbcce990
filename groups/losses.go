package groups

import (
	"slices"

	"seagate/groups/progress"
)

// A loss is a gap that no member has acknowledged. A member that was told may not
// have received it, for example because its connection broke.
type loss struct {
	progress.Span
	pending int // number of members that were told and have not acknowledged it yet
}

// A telling is a gap that a member was told of. Ack of the tag acknowledges it.
type telling struct {
	loss *loss
	tag  uint64
}

// maxLosses bounds how many gaps a group remembers. There are many only if members
// acknowledge the messages between the gaps, but never a gap.
const maxLosses = 1024

// loseLocked remembers a gap. If there are maxLosses already, it forgets the
// oldest.
func (g *group) loseLocked(s progress.Span) {
	if n := len(g.losses); n > 0 && g.losses[n-1].pending == 0 && g.losses[n-1].Last+1 == s.First {
		g.losses[n-1].Last = s.Last
		return
	}
	if len(g.losses) == maxLosses {
		g.losses = slices.Delete(g.losses, 0, 1)
	}
	g.losses = append(g.losses, &loss{Span: s})
}

// tellLosses makes starting members ready, and tells all ready or full members of
// the gaps for which no acknowledgement is pending.
func (rd *reader) tellLosses() {
	members, losses := rd.untold()
	for _, l := range losses {
		heard := false
		for _, ms := range members {
			heard = ms.tellLoss(l) || heard
		}
		if heard {
			rd.group.heard(l)
		}
	}
}

func (rd *reader) untold() (members []*Membership, losses []*loss) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return nil, nil
	}
	rd.members = g.members // so that members that left can be freed
	for _, ms := range g.members {
		if ms.state == starting {
			ms.state = ready
		}
		if len(g.losses) > 0 && ms.state != joined && ms.state != dead {
			members = append(members, ms)
		}
	}
	for _, l := range g.losses {
		if l.pending == 0 {
			losses = append(losses, l)
		}
	}
	return members, losses
}

// tellLoss tells a member of a gap, and reports whether it could be told.
func (ms *Membership) tellLoss(l *loss) bool {
	first, last, ok := ms.beginTelling(l)
	if !ok {
		return false
	}
	tag, told := ms.gap(first, last)
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	if !told || ms.state == left {
		return false
	}
	if tag > 0 {
		l.pending++
		ms.told = append(ms.told, telling{l, tag})
	}
	if ms.acked { // Ack may have been called before Member.Gap returned
		ms.heardLocked(ms.ackedTag)
	}
	return true
}

func (ms *Membership) beginTelling(l *loss) (first, last uint64, ok bool) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.acked, ms.ackedTag = false, 0
	return l.First, l.Last, ms.state == ready || ms.state == full
}

// heard forgets a gap that some member was told of, unless an acknowledgement is
// still pending.
func (g *group) heard(l *loss) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l.pending == 0 {
		g.heardLocked(l)
	}
}

// heardLocked forgets the gaps that the member acknowledges with the tag.
func (ms *Membership) heardLocked(tag uint64) {
	for len(ms.told) > 0 && ms.told[0].tag <= tag {
		ms.group.heardLocked(ms.told[0].loss)
		ms.told = ms.told[1:]
	}
}

func (g *group) heardLocked(l *loss) {
	if i := slices.Index(g.losses, l); i >= 0 {
		g.losses = slices.Delete(g.losses, i, i+1)
		g.markLocked()
	}
}

// forgetTold is called when a member leaves: its gaps are told to others again.
// The group's mu is held.
func (ms *Membership) forgetTold() {
	for _, t := range ms.told {
		t.loss.pending--
	}
	ms.told = nil
}

// cutLosses forgets the parts of gaps from next on. The group's mu is held.
func (g *group) cutLosses(next uint64) {
	g.losses = slices.DeleteFunc(g.losses, func(l *loss) bool { return l.First >= next })
	for _, l := range g.losses {
		l.Last = min(l.Last, next-1)
	}
}
