package groups

import "seagate/streams"

// ReaderOf returns the group as its topic sees it now.
func (t *Topic) ReaderOf(name Name) streams.Consumer {
	g := t.find(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reader
}

// OverdueOf is how many late acknowledgements would count.
func (t *Topic) OverdueOf(name Name) int {
	g := t.find(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.overdue)
}

const MaxLosses = maxLosses
