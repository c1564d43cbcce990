package streams

import (
	"slices"

	"seagate/internal/panics"
)

// A liveSet is the live in topics of a shard. Those with the same filter are a group, so
// that the cost of a batch depends on the in topics that it concerns: if the filter of a
// group hides all of it, the group is not visited, and an index finds the groups that are
// concerned among any number of others. All move with the cursor of the shard. Owned by
// the worker.
type liveSet struct {
	count      int        // in topics, in all groups
	unfiltered *liveGroup // nil: there is none
	filtered   map[Filter]*liveGroup
	asked      []*liveGroup // those of filtered that no index has
	indexes    []liveIndex  // of the others: rarely more than one
	changed    []*liveGroup // those with in topics that have ended
}

// A liveGroup is the in topics that have one filter.
type liveGroup struct {
	filter    Filter // nil: there is none
	inTopics  []*InTopic
	place     int  // in liveSet.asked
	isChanged bool // it is in liveSet.changed
}

// A liveIndex is an index, and the number of groups whose filters it has.
type liveIndex struct {
	index  FilterIndex
	groups int
}

func (l *liveSet) add(in *InTopic) {
	g := l.group(in)
	if g == nil {
		g = l.newGroup(in.filter)
	}
	g.inTopics = append(g.inTopics, in)
	l.count++
}

// group returns the group of an in topic, or nil.
func (l *liveSet) group(in *InTopic) *liveGroup {
	if in.filter == nil {
		return l.unfiltered
	}
	return l.filtered[in.filter]
}

func (l *liveSet) newGroup(f Filter) *liveGroup {
	g := &liveGroup{filter: f}
	if f == nil {
		l.unfiltered = g
		return g
	}
	if l.filtered == nil {
		l.filtered = map[Filter]*liveGroup{}
	}
	l.filtered[f] = g
	index := f.Index()
	if index == nil {
		g.place = len(l.asked)
		l.asked = append(l.asked, g)
		return g
	}
	i := slices.IndexFunc(l.indexes, func(x liveIndex) bool { return x.index == index })
	if i < 0 {
		i = len(l.indexes)
		l.indexes = append(l.indexes, liveIndex{index: index})
	}
	l.indexes[i].groups++
	return g
}

// removeGroup removes a group that is empty.
func (l *liveSet) removeGroup(g *liveGroup) {
	if g.filter == nil {
		l.unfiltered = nil
		return
	}
	delete(l.filtered, g.filter)
	index := g.filter.Index()
	if index == nil {
		last := len(l.asked) - 1
		l.asked[g.place] = l.asked[last]
		l.asked[g.place].place = g.place
		l.asked[last] = nil
		l.asked = l.asked[:last]
		return
	}
	i := slices.IndexFunc(l.indexes, func(x liveIndex) bool { return x.index == index })
	if l.indexes[i].groups--; l.indexes[i].groups == 0 {
		l.indexes = slices.Delete(l.indexes, i, i+1)
	}
}

// keep leaves only the first n in topics in a group.
func (l *liveSet) keep(g *liveGroup, n int) {
	if n == len(g.inTopics) {
		return // it may have been removed before
	}
	l.count -= len(g.inTopics) - n
	clear(g.inTopics[n:])
	if g.inTopics = g.inTopics[:n]; n == 0 {
		l.removeGroup(g)
	}
}

// noteEnd notes that an in topic of the set has ended.
func (l *liveSet) noteEnd(in *InTopic) {
	if g := l.group(in); !g.isChanged {
		g.isChanged = true
		l.changed = append(l.changed, g)
	}
}

// removeEnded removes the in topics that have ended, apart from those of the group under way,
// which is nil if there is none.
func (l *liveSet) removeEnded(underWay *liveGroup) {
	left := l.changed[:0]
	for _, g := range l.changed {
		if g == underWay {
			left = append(left, g)
			continue
		}
		g.isChanged = false
		n := 0
		for _, in := range g.inTopics {
			if in.phase != ended {
				g.inTopics[n] = in
				n++
			}
		}
		l.keep(g, n)
	}
	clear(l.changed[len(left):])
	l.changed = left
}

// all returns the in topics.
func (l *liveSet) all() []*InTopic {
	var all []*InTopic
	if l.unfiltered != nil {
		all = append(all, l.unfiltered.inTopics...)
	}
	for _, g := range l.filtered {
		all = append(all, g.inTopics...)
	}
	return all
}

// concerned adds to list the groups that a segment may concern. b has the messages of the segment.
func (l *liveSet) concerned(kind segmentKind, b *Batch, list []*liveGroup) []*liveGroup {
	if l.unfiltered != nil {
		list = append(list, l.unfiltered)
	}
	if kind != someMessages {
		return l.every(list)
	}
	list = append(list, l.asked...)
	before := len(list)
	for _, x := range l.indexes {
		ok := find(x.index, b, func(f Filter) {
			if g := l.filtered[f]; g != nil {
				list = append(list, g)
			}
		})
		if !ok {
			return l.every(list[:before-len(l.asked)])
		}
	}
	return list
}

func (l *liveSet) every(list []*liveGroup) []*liveGroup {
	for _, g := range l.filtered {
		list = append(list, g)
	}
	return list
}

// find calls found for what the index finds, and reports whether it did not panic.
func find(x FilterIndex, b *Batch, found func(Filter)) (ok bool) {
	defer panics.Contain("delivery")
	for f := range x.Find(b) {
		found(f)
	}
	return true
}

// mayPass reports whether the group's filter may pass messages of the batch. If the filter
// panics, the group's consumers are offered the batch, so that the panic is contained where
// each of them is called.
func (g *liveGroup) mayPass(b *Batch) (passes bool) {
	defer panics.Contain("delivery", func() { passes = true })
	return g.filter.Passes(b)
}
