package auth

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/panics/panicstest"
)

// A timer of the gate that panics holds no lock.
func TestAGateWhoseTimerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{closed: true, waiting: []*ticket{nil}}
		contained := panicstest.Begin(t, "timer")
		g.leave(time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		contained.Want(1)
		if !g.mu.TryLock() {
			t.Error("the gate is locked")
		}
	})
}
