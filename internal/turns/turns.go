// Package turns lets few callers at a time do something, each when it is its turn.
package turns

import (
	"context"
	"slices"
	"sync"
)

// Turns is a lock that serves keys in turn, such as tenants: whoever waits for it waits for at
// most one holder of each other key, however many callers those keys have. Callers of one key are
// served in the order in which they came. The zero value is ready for use.
type Turns struct {
	// Places is how many may hold the lock at a time; 0 counts as 1. It must not change once
	// the lock is in use.
	Places int

	mu      sync.Mutex // guards what follows
	held    int
	waiting map[string][]chan struct{} // closed for whoever gets the lock
	order   []string                   // keys of waiting; the next one first
}

// Take waits for the lock. It gives up if ctx ends before.
func (t *Turns) Take(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !t.TakeUnless(ctx.Done(), key) {
		return ctx.Err()
	}
	return nil
}

// TakeUnless waits for the lock, and reports whether it got it. It gives up if gone is closed
// before; it may be nil.
func (t *Turns) TakeUnless(gone <-chan struct{}, key string) bool {
	granted := t.enter(key)
	if granted == nil {
		return true
	}
	select {
	case <-granted:
		return true
	case <-gone:
		t.leave(key, granted)
		return false
	}
}

// enter takes the lock and returns nil, or returns what to wait for.
func (t *Turns) enter(key string) (granted chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held < max(1, t.Places) {
		t.held++
		return nil
	}
	granted = make(chan struct{})
	if t.waiting == nil {
		t.waiting = map[string][]chan struct{}{}
	}
	if len(t.waiting[key]) == 0 {
		t.order = append(t.order, key)
	}
	t.waiting[key] = append(t.waiting[key], granted)
	return granted
}

// leave takes a caller out of the queue, or gives the lock back if it got it meanwhile.
func (t *Turns) leave(key string, granted chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting[key], granted)
	if i < 0 {
		t.giveLocked()
		return
	}
	if t.waiting[key] = slices.Delete(t.waiting[key], i, i+1); len(t.waiting[key]) == 0 {
		delete(t.waiting, key)
		t.order = slices.DeleteFunc(t.order, func(k string) bool { return k == key })
	}
}

// Give gives the lock back.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.giveLocked()
}

func (t *Turns) giveLocked() {
	if len(t.order) == 0 {
		t.held--
		return
	}
	key := t.order[0]
	t.order = t.order[1:]
	next := t.waiting[key][0]
	if t.waiting[key] = t.waiting[key][1:]; len(t.waiting[key]) > 0 {
		t.order = append(t.order, key)
	} else {
		delete(t.waiting, key)
	}
	close(next)
}
