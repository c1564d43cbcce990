package turns

import (
	"context"
	"sync"
)

// Each is a lock for each of many keys. A key that nobody holds takes no memory. Callers of one key
// are served in the order in which they came. The zero value is ready for use.
type Each[K comparable] struct {
	mu    sync.Mutex // guards what follows
	locks map[K]*each
}

// An each is the lock of a key that somebody holds or waits for.
type each struct {
	lock  Turns
	users int // those that hold it, or wait
}

// Take waits for the lock of a key. The caller must call give, once. Take returns an error only if
// somebody else holds the lock when ctx ends.
func (e *Each[K]) Take(ctx context.Context, key K) (give func(), err error) {
	e.mu.Lock()
	one := e.useLocked(key)
	e.mu.Unlock()
	if !one.lock.TakeUnless(ctx.Done(), "") {
		e.leave(key, one)
		return nil, ctx.Err()
	}
	return e.giver(key, one), nil
}

// Try takes the lock of a key, or returns nil if somebody holds it. Otherwise the caller must call
// give, once.
func (e *Each[K]) Try(key K) (give func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.locks[key] != nil {
		return nil
	}
	one := e.useLocked(key)
	one.lock.TakeUnless(nil, "") // at once
	return e.giver(key, one)
}

func (e *Each[K]) giver(key K, one *each) (give func()) {
	return func() {
		one.lock.Give()
		e.leave(key, one)
	}
}

func (e *Each[K]) useLocked(key K) *each {
	one := e.locks[key]
	if one == nil {
		one = &each{}
		if e.locks == nil {
			e.locks = map[K]*each{}
		}
		e.locks[key] = one
	}
	one.users++
	return one
}

// leave removes a user, and the lock with the last one.
func (e *Each[K]) leave(key K, one *each) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if one.users--; one.users == 0 {
		delete(e.locks, key)
	}
}
