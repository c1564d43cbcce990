package peer

import (
	"maps"
	"slices"
	"sync"

	"seagate/internal/latest"
)

// A watch tells one watcher the number of servers of a service. The lock of the space is
// taken with that of the teller held.
type watch struct {
	link    *link
	service string
	teller  *latest.Teller[serving]
	version uint64 // counts what changed; guarded by space.mu
}

// serving is the servers of a service.
type serving struct {
	servers int
	version uint64 // of the watch: the same number of servers may be other ones
}

// Watch implements Link.
func (l *link) Watch(service string, changed func(servers int)) (stop func()) {
	w := &watch{link: l, service: service}
	w.teller = latest.New(
		func() serving { return l.space.serving(w) },
		func(told, now serving) bool { return told.version == now.version },
		func(now serving) { changed(now.servers) })
	if l.addWatch(w) { // first, so that no change falls between
		w.teller.News()
	}
	return w.stop
}

func (w *watch) stop() {
	sp := w.link.space
	sp.mu.Lock()
	defer sp.mu.Unlock()
	w.stopLocked()
}

// stopLocked needs the mutex of the space.
func (w *watch) stopLocked() {
	w.teller.Stop()
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

func (sp *space) serving(w *watch) serving {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	now := serving{version: w.version}
	if svc := sp.services[w.service]; svc != nil {
		now.servers = len(svc.servers)
	}
	return now
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
		w.teller.News()
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
