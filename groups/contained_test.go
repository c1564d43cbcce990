package groups

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/panics/panicstest"
	"seagate/streams"
)

func TestARecordWhoseWritePanicsFailsAlone(t *testing.T) {
	var failed []Key
	r := &Registry{opts: Options{OnError: func(k Key, _ error) { failed = append(failed, k) }}}
	bad, good := &group{key: Key{Group: "bad"}}, &group{key: Key{Group: "good"}}
	wrote := 0
	panicstest.Want(t, "group records", 1, func() {
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
	d := newDeadLetters()
	sent := make(chan struct{})
	panicstest.Want(t, "dead letters", 1, func() {
		d.add(func() { panic("injected") }) // as Options.DeadLetter could
		d.add(func() { d.settled(); close(sent) })
		<-sent
		d.close()
	})
	if d.pending != 0 {
		t.Errorf("%d are pending", d.pending)
	}
}

// A timer of a group that panics holds no lock, and comes again.
func TestATimerThatPanicsComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &group{registry: &Registry{began: time.Now()}, in: &streams.InTopic{}, members: []*Membership{nil}}
		for range 2 {
			panicstest.Want(t, "timer", 1, g.onTime)
			if !g.mu.TryLock() {
				t.Fatal("the lock is held")
			}
			if g.timerAt == 0 || g.timer == nil {
				t.Error("the timer is not set")
			}
			g.timer.Stop()
			g.mu.Unlock()
		}
	})
}

// What the keeper of the records does at its times goes on after a panic.
func TestAKeeperThatPanicsGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Registry{
			opts:   Options{Checkpoint: time.Hour, IdleTimeout: time.Hour, AbandonedTimeout: time.Hour},
			began:  time.Now(),
			topics: map[streams.ID]*Topic{{}: nil}, // sweeping and sampling meet it
		}
		contained := panicstest.Begin(t, "group records")
		life, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { r.keep(life); close(ended) }()
		time.Sleep(3*sweepInterval + time.Second)
		end()
		<-ended
		want := uint64(3 + (3*sweepInterval+time.Second)/TrendInterval)
		contained.Want(want)
	})
}
