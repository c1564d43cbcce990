package groups

import "seagate/streams"

// ReaderOf returns the group as its topic sees it now.
func (r *Registry) ReaderOf(key Key) streams.Consumer {
	g := r.lookup(key)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reader
}

func (r *Registry) LateOf(key Key) int {
	g := r.lookup(key)
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.late)
}

const MaxLosses = maxLosses
