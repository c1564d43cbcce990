package jwks

import (
	"testing"
	"time"

	"seagate/internal/panics/panicstest"
)

// A round that panics holds no lock, and another one follows.
func TestARoundThatPanics(t *testing.T) {
	r := &Refresher{options: Options{Cooldown: time.Second}} // without a directory
	contained := panicstest.Begin(t, "jwks")
	for range 2 {
		if wait := r.roundContained(t.Context()); wait != time.Second {
			t.Errorf("the next one is in %v", wait)
		}
	}
	contained.Want(2)
}
