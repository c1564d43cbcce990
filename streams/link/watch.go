package link

import (
	"maps"
	"sync"
	"sync/atomic"
)

// A watch tells one watcher how many servers a service has in all networks.
type watch struct {
	home    *Switch
	what    thing
	stopped atomic.Bool

	mu      sync.Mutex          // held while changed is called, so that the last call has the last number
	told    map[string]standing // by node; nil before the first call
	changed func(servers int)
}

// Watch implements peer.Link.
func (c *client) Watch(service string, changed func(servers int)) (stop func()) {
	w := &watch{home: c.home, what: thing{services, c.space, service}, changed: changed}
	c.home.mu.Lock()
	c.home.watches[w] = struct{}{}
	c.home.mu.Unlock()
	w.look()
	return w.stop
}

func (w *watch) stop() {
	w.stopped.Store(true)
	w.home.mu.Lock()
	defer w.home.mu.Unlock()
	delete(w.home.watches, w)
}

// look tells the watcher how many servers there are, if that has changed.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, total := w.home.servers(w.what)
	if w.stopped.Load() || w.told != nil && maps.Equal(now, w.told) {
		return
	}
	w.told = now
	w.changed(total)
}

// servers returns how many servers a service has, by node and in all.
func (s *Switch) servers(what thing) (by map[string]standing, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by = map[string]standing{}
	for _, node := range s.nodesLocked(what) {
		n := s.offers[what]
		if node != s.node {
			n = s.known[node].offers[what]
		}
		by[node] = n
		total += n.count
	}
	return by, total
}
