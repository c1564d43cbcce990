// Package panicstest counts in tests the panics that were contained.
package panicstest

import (
	"testing"

	"seagate/internal/panics"
)

// Anywhere stands for all places in which panics are contained.
const Anywhere = ""

// A Watch counts the panics that are contained in one place, or Anywhere.
type Watch struct {
	t      testing.TB
	where  string
	before uint64
}

// Begin begins to count.
func Begin(t testing.TB, where string) Watch {
	return Watch{t, where, contained(where)}
}

func contained(where string) (n uint64) {
	for at, of := range panics.Counts() {
		if where == Anywhere || at == where {
			n += of
		}
	}
	return n
}

// Count returns how many panics were contained since Begin.
func (w Watch) Count() uint64 { return contained(w.where) - w.before }

// Want fails the test unless n panics were contained since Begin.
func (w Watch) Want(n uint64) {
	w.t.Helper()
	if got := w.Count(); got != n {
		w.t.Errorf("%d panics were contained in %q, want %d", got, w.where, n)
	}
}

// Want fails the test unless n panics are contained while do runs.
func Want(t testing.TB, where string, n uint64, do func()) {
	t.Helper()
	w := Begin(t, where)
	do()
	w.Want(n)
}
