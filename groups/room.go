package groups

import "time"

// makeRoom deletes the group of a client that is idle for the longest time, of
// those that nobody came back to. It returns false if there is none.
func (r *Registry) makeRoom(c client) bool {
	g := r.leastMissed(c)
	if g == nil {
		return false
	}
	if err := g.giveWay(); err != nil {
		r.opts.OnError(g.key, err)
		return false
	}
	return true // or somebody has just come back to it, and the next one is looked for
}

func (r *Registry) leastMissed(c client) (least *group) {
	r.mu.Lock()
	all := make([]*group, 0, len(r.clients[c]))
	for g := range r.clients[c] {
		all = append(all, g)
	}
	r.mu.Unlock()
	var since time.Time
	for _, g := range all {
		g.mu.Lock()
		if g.isForsakenLocked() && (least == nil || g.lastActive.Before(since)) {
			least, since = g, g.lastActive
		}
		g.mu.Unlock()
	}
	return least
}

// isForsakenLocked says whether the group has had one member, and has none.
func (g *group) isForsakenLocked() bool {
	return g.restsLocked() && !g.returnedTo
}

func (g *group) giveWay() error { return g.eraseIf(g.isForsakenLocked) }
