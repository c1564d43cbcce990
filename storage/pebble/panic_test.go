package pebble_test

import (
	"testing"

	"seagate/internal/panics/panicstest"
	"seagate/storage/pebble"
)

// A caller that panics when it is answered keeps no other from its answer.
func TestACallerThatPanicsIsContained(t *testing.T) {
	contained := panicstest.Begin(t, "notifier")
	pebble.NotifyPanicking()
	contained.Want(1)
}
