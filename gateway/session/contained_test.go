package session

import (
	"testing"

	"seagate/internal/panics/panicstest"
)

// The end of a session goes on after one of its parts has panicked.
func TestTheEndOfASessionGoesOn(t *testing.T) {
	s, _ := overPipe(t, bareGateway())
	s.provisions = map[int64]*provision{2: nil}
	s.subs = map[int64]*subscription{3: nil}
	s.merges = map[int64]*merged{4: nil}
	contained := panicstest.Begin(t, "connection")
	s.Close()
	contained.Want(3)
	if !s.mu.TryLock() {
		t.Error("the session is locked")
	}
}
