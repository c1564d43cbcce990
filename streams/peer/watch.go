package peer

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A watch tells one watcher how many servers a service has. One goroutine at a
// time tells; whoever brings news meanwhile leaves them to it.
//
// Locks are taken in the order watch.mu, then space.mu.
type watch struct {
	link    *link
	service string
	stopped atomic.Bool
	version uint64 // counts what changed; guarded by space.mu

	changed func(servers int) // called without locks: it may serve what it watches

	mu      sync.Mutex // guards what follows
	telling bool       // a goroutine is in look, and looks again before it leaves
	told    uint64     // the version of the last call
}

// Watch implements Link.
func (l *link) Watch(service string, changed func(servers int)) (stop func()) {
	w := &watch{link: l, service: service, version: 1, changed: changed}
	if l.addWatch(w) { // first, so that no change falls between
		w.look()
	}
	return w.stop
}

// look tells the watcher the number of servers if servers came or went.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.telling {
		return
	}
	w.telling = true
	defer func() { w.telling = false }()
	for {
		n, version := w.link.space.servers(w)
		if version == w.told || w.stopped.Load() {
			return
		}
		w.told = version
		w.tell(n)
	}
}

// tell calls the watcher without the lock, which it takes again.
func (w *watch) tell(n int) {
	w.mu.Unlock()
	defer w.mu.Lock()
	w.changed(n)
}

func (w *watch) stop() {
	sp := w.link.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	w.stopLocked()
}

// stopLocked needs the mutex of the space.
func (w *watch) stopLocked() {
	w.stopped.Store(true)
	delete(w.link.watches, w)
	watchers := w.link.space.watchers
	of := watchers[w.service]
	delete(of, w)
	if len(of) == 0 {
		delete(watchers, w.service)
	}
}

// addWatch returns false if the link is closed.
func (l *link) addWatch(w *watch) bool {
	sp := l.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if l.closed {
		return false
	}
	of := sp.watchers[w.service]
	if of == nil {
		of = map[*watch]struct{}{}
		sp.watchers[w.service] = of
	}
	of[w] = struct{}{}
	l.watches[w] = struct{}{}
	return true
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
