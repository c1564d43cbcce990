// Package latest tells somebody the latest value of something that changes.
package latest

import (
	"sync"
	"sync/atomic"
)

// A Teller tells the latest value, one call at a time and without a lock. One goroutine at a
// time tells. A goroutine that calls News meanwhile does not wait: the first one tells its
// change too. So changes that follow each other quickly are told together, and the function
// that is told may call News itself. It is safe for concurrent use.
type Teller[V any] struct {
	look func() V
	same func(told, now V) bool
	tell func(V)

	stopped atomic.Bool

	mu      sync.Mutex // guards what follows, and is held while look and same are called
	telling bool       // a goroutine is in News, and looks again before it leaves
	began   bool       // told has a value
	told    V
}

// New returns a Teller that has told nothing yet. look returns the value at the moment.
// same reports whether a value need not be told, since it is what was told before.
// Both must not call the Teller.
func New[V any](look func() V, same func(told, now V) bool, tell func(V)) *Teller[V] {
	return &Teller[V]{look: look, same: same, tell: tell}
}

// News tells the value, if it is not the same as what was told before. Call it after each
// change. If another goroutine is telling, News returns at once, and that one tells it.
func (t *Teller[V]) News() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.telling {
		return
	}
	t.telling = true
	defer func() { t.telling = false }()
	for !t.stopped.Load() {
		now := t.look()
		if t.began && t.same(t.told, now) {
			return
		}
		t.began, t.told = true, now
		t.tellUnlocked(now)
	}
}

// tellUnlocked calls tell without the lock, which it takes again.
func (t *Teller[V]) tellUnlocked(v V) {
	t.mu.Unlock()
	defer t.mu.Lock()
	t.tell(v)
}

// Stop lets nothing more be told. A call that is under way in another goroutine still
// comes.
func (t *Teller[V]) Stop() { t.stopped.Store(true) }
