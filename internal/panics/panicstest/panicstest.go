// Package panicstest counts in tests the panics that were contained.
package panicstest

import (
	"testing"

	"seagate/internal/panics"
)

// A Watch counts the panics that are contained in one place.
type Watch struct {
	t      testing.TB
	where  string
	before uint64
}

// Begin begins to count.
func Begin(t testing.TB, where string) Watch {
	return Watch{t, where, panics.Counts()[where]}
}

// Want fails the test unless so many panics were contained since Begin.
func (w Watch) Want(n uint64) {
	w.t.Helper()
	if got := panics.Counts()[w.where] - w.before; got != n {
		w.t.Errorf("%d panics were contained in %s, want %d", got, w.where, n)
	}
}

// Want fails the test unless so many panics are contained while do runs.
func Want(t testing.TB, where string, n uint64, do func()) {
	t.Helper()
	w := Begin(t, where)
	do()
	w.Want(n)
}
