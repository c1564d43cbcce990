// Package panics keeps a panic in a goroutine of its own from ending the process, counts
// it, and logs it with its stack.
package panics

import (
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
)

var (
	mu     sync.Mutex
	counts = map[string]uint64{}
)

// Contain is to be deferred. If the goroutine panics, it reports that and calls each of
// then, which end what cannot go on. where is one of a few words, a label of metrics.
func Contain(where string, then ...func()) {
	v := recover()
	if v == nil {
		return
	}
	Report(where, v)
	for _, f := range then {
		f()
	}
}

// Report counts a panic that was recovered, and logs it.
func Report(where string, v any) {
	Count(where)
	slog.Error("a panic was contained", "where", where, "panic", v, "stack", string(debug.Stack()))
}

// Count counts a panic that was recovered and logged.
func Count(where string) {
	mu.Lock()
	defer mu.Unlock()
	counts[where]++
}

// Counts returns how many panics there were since the start, by where.
func Counts() map[string]uint64 {
	mu.Lock()
	defer mu.Unlock()
	return maps.Clone(counts)
}
