package pebble_test

import (
	"testing"

	"seagate/internal/panics"
	"seagate/storage/pebble"
)

// A caller that panics when it is answered keeps no other from its answer.
func TestACallerThatPanicsIsContained(t *testing.T) {
	before := panics.Counts()["answerer"]
	pebble.NotifyPanicking()
	if panics.Counts()["answerer"] != before+1 {
		t.Errorf("%v", panics.Counts())
	}
}
