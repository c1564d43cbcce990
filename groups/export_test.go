package groups

import "seagate/streams"

// ReaderOf returns the group's present reader of the topic.
func (t *Topic) ReaderOf(name Name) streams.Consumer {
	g := t.find(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reader
}

// OverdueOf returns how many messages a late acknowledgement would still count for.
func (t *Topic) OverdueOf(name Name) int {
	g := t.find(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.overdue)
}

const MaxLosses = maxLosses

// Held returns what the groups of a space hold in memory, as of the last checkpoint.
func (r *Registry) Held(name string) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spaceLocked(name).held.Load()
}
