package link

import (
	"maps"

	"seagate/internal/latest"
)

// A watch tells one watcher how many servers a service has in all networks.
type watch struct {
	client *client
	what   thing
	teller *latest.Teller[serving]
}

// serving is the servers of a service.
type serving struct {
	by    map[string]standing // by node
	total int
}

// Watch implements peer.Link.
func (c *client) Watch(service string, changed func(servers int)) (stop func()) {
	w := &watch{client: c, what: thing{services, c.space, service}}
	w.teller = latest.New(
		func() serving { return c.home.serving(w.what) },
		func(told, now serving) bool { return maps.Equal(told.by, now.by) },
		func(now serving) { changed(now.total) })
	c.home.mu.Lock()
	c.home.watches[w] = struct{}{} // first, so that no change falls between
	c.home.mu.Unlock()
	if !c.hold(w) {
		w.withdraw()
		return func() {}
	}
	w.teller.News()
	return w.withdraw
}

// withdraw ends the watch. It can be called again.
func (w *watch) withdraw() {
	w.teller.Stop()
	w.client.release(w)
	w.client.home.mu.Lock()
	defer w.client.home.mu.Unlock()
	delete(w.client.home.watches, w)
}

// serving returns how many servers a service has, by node and in all.
func (s *Switch) serving(what thing) serving {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := serving{by: map[string]standing{}}
	for _, node := range s.nodesLocked(what) {
		n := s.offers[what]
		if node != s.node {
			n = s.known[node].offers[what]
		}
		now.by[node] = n
		now.total += n.count
	}
	return now
}
