package auth

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/panics"
)

// A timer of the gate that panics holds no lock.
func TestAGateWhoseTimerPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{closed: true, waiting: []*ticket{nil}}
		before := panics.Counts()["timer"]
		g.leave(time.Second)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := panics.Counts()["timer"] - before; n != 1 {
			t.Errorf("%d panics were counted", n)
		}
		if !g.mu.TryLock() {
			t.Error("the gate is locked")
		}
	})
}
