// Package budget bounds what several parties hold of one thing, such as memory, each
// alone and all together.
package budget

import "sync"

// A Budget counts what is held under each key. Safe for concurrent use.
type Budget[K comparable] struct {
	each, all int64

	mu   sync.Mutex // guards what follows
	held map[K]int64
	sum  int64
}

// New returns a Budget. each is how much a key may hold, and all is how much all keys may hold
// together.
func New[K comparable](each, all int64) *Budget[K] {
	return &Budget[K]{each: each, all: all, held: map[K]int64{}}
}

// Take takes n for a key, or returns false and takes nothing. A key that holds nothing may
// exceed its own bound, so that nothing is too large for ever. Whoever has taken n must
// Give it back.
func (b *Budget[K]) Take(key K, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.held[key]
	if b.sum+int64(n) > b.all || own > 0 && own+int64(n) > b.each {
		return false
	}
	b.held[key] = own + int64(n)
	b.sum += int64(n)
	return true
}

// Give gives back n of what a key holds.
func (b *Budget[K]) Give(key K, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum -= int64(n)
	if b.held[key] -= int64(n); b.held[key] <= 0 {
		delete(b.held, key)
	}
}

// Held returns what all keys hold together.
func (b *Budget[K]) Held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sum
}
