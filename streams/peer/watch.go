package peer

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A watch tells one watcher how many servers a service has.
//
// Locks are taken in the order watch.mu, then space.mu.
type watch struct {
	space   *space
	service string
	stopped atomic.Bool
	version uint64 // counts what changed; guarded by space.mu

	mu      sync.Mutex // held while changed is called, so that the last call has the last number
	told    uint64     // the version of the last call
	changed func(servers int)
}

// Watch implements Link.
func (l *link) Watch(service string, changed func(servers int)) (stop func()) {
	w := &watch{space: l.space, service: service, version: 1, changed: changed}
	w.space.addWatch(w) // first, so that no change falls between
	w.look()
	return w.stop
}

// look tells the watcher the number of servers if servers came or went.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n, version := w.space.servers(w); version != w.told && !w.stopped.Load() {
		w.told = version
		w.changed(n)
	}
}

func (w *watch) stop() {
	w.stopped.Store(true)
	w.space.removeWatch(w)
}

func (sp *space) addWatch(w *watch) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	of := sp.watchers[w.service]
	if of == nil {
		of = map[*watch]struct{}{}
		sp.watchers[w.service] = of
	}
	of[w] = struct{}{}
}

func (sp *space) removeWatch(w *watch) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	of := sp.watchers[w.service]
	delete(of, w)
	if len(of) == 0 {
		delete(sp.watchers, w.service)
	}
}

func (sp *space) servers(w *watch) (n int, version uint64) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if svc := sp.services[w.service]; svc != nil {
		n = len(svc.servers)
	}
	return n, w.version
}

// noteLocked notes that a server of a service came or went.
func (sp *space) noteLocked(service string) {
	for w := range sp.watchers[service] {
		w.version++
	}
}

// changed tells the watchers of a service.
func (sp *space) changed(service string) {
	sp.mu.Lock()
	watchers := slices.Collect(maps.Keys(sp.watchers[service]))
	sp.mu.Unlock()
	for _, w := range watchers {
		w.look()
	}
}

// WatchGone calls gone once when nobody is at an address any more, which may be
// at once. It must not block.
func WatchGone(l Link, a Address, gone func()) (stop func()) {
	var once sync.Once
	return l.Watch(string(a), func(servers int) {
		if servers == 0 {
			once.Do(gone)
		}
	})
}
