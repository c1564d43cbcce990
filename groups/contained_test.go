package groups

import (
	"errors"
	"sync"
	"testing"

	"seagate/internal/panics"
)

func wantPanics(t *testing.T, where string, do func()) {
	t.Helper()
	before := panics.Counts()[where]
	do()
	if got := panics.Counts()[where] - before; got != 1 {
		t.Errorf("%d panics counted of %s", got, where)
	}
}

func TestARecordWhoseWritePanicsFailsAlone(t *testing.T) {
	var failed []Key
	r := &Registry{opts: Options{OnError: func(k Key, _ error) { failed = append(failed, k) }}}
	bad, good := &group{key: Key{Group: "bad"}}, &group{key: Key{Group: "good"}}
	wrote := 0
	wantPanics(t, "alarms", func() {
		err := r.each([]*group{bad, good}, func(g *group) error {
			if g == bad {
				panic("injected")
			}
			wrote++
			return nil
		})
		if !errors.Is(err, errPanicked) {
			t.Error(err)
		}
	})
	if wrote != 1 || len(failed) != 1 || failed[0].Group != "bad" {
		t.Errorf("%d written, %v failed", wrote, failed)
	}
}

func TestADeadLetterThatPanicsEndsNoOther(t *testing.T) {
	var d deadLetters
	var running sync.WaitGroup
	sent := make(chan struct{})
	wantPanics(t, "dead letters", func() {
		d.add(&running, func() { panic("injected") })
		d.add(&running, func() { d.settled(); close(sent) })
		<-sent
		running.Wait()
	})
	if d.pending != 0 {
		t.Errorf("%d are pending", d.pending)
	}
}
