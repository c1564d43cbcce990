// Package turns lets callers do one thing at a time, each when it is its turn.
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
	mu      sync.Mutex // guards what follows
	held    bool
	waiting map[string][]chan struct{} // closed for whoever gets the lock
	order   []string                   // keys of waiting; the next one first
}

// Take waits for the lock. It gives up if ctx ends before.
func (t *Turns) Take(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	granted := t.enter(key)
	if granted == nil {
		return nil
	}
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
		t.leave(key, granted)
		return ctx.Err()
	}
}

// enter takes the lock and returns nil, or returns what to wait for.
func (t *Turns) enter(key string) (granted chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.held {
		t.held = true
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
	if t.held = len(t.order) > 0; !t.held {
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
