package merge_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/panics/panicstest"
	"seagate/streams"
	"seagate/streams/merge"
)

// A timer of a merge that panics ends nothing else.
func TestATimerThatPanicsIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := open(t, streams.Options{})
		m, err := merge.Open(t.Context(), []merge.Source{{Topic: topicOf(t, n, "a"), From: streams.Latest()}}, merge.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		contained := panicstest.Begin(t, "timer")
		m.SpoilTimer()
		time.Sleep(time.Second)
		synctest.Wait()
		contained.Want(1)
		m.Close()
		n.Close()
	})
}
