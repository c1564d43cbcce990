package groups_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

func (f *fixture) trace(t testing.TB, seq uint64) groups.Trace {
	t.Helper()
	trace, err := f.groups().Trace(t.Context(), theGroup, seq)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func (f *fixture) wantTrace(t testing.TB, seq uint64, state groups.TraceState, how groups.Settlement, deliveries int) groups.Trace {
	t.Helper()
	trace := f.trace(t, seq)
	if trace.State != state || trace.Settlement != how || trace.Deliveries != deliveries {
		t.Errorf("message %d is %d, %d, delivered %d times; want %d, %d, %d: %+v", seq, trace.State, trace.Settlement, trace.Deliveries, state, how, deliveries, trace)
	}
	return trace
}

func TestTraceOfAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{AckTimeout: time.Minute}, streams.Options{})
		f.sendNumbers(1, 2)
		synctest.Wait()
		a := f.joinExplicitly(t, all())
		f.wantTrace(t, 1, groups.Done, groups.NotBegun, 0)
		f.sendNumbers(3, 5)
		synctest.Wait()
		begun := time.Now()
		time.Sleep(time.Second)
		trace := f.wantTrace(t, 3, groups.InFlight, 0, 1)
		if trace.Member != groups.Member(a) || !trace.At.Equal(begun.Add(time.Minute)) || trace.Members != 1 || trace.Able != 1 {
			t.Errorf("%+v, want a deadline a minute after %v", trace, begun)
		}
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{4}))
		if trace := f.wantTrace(t, 4, groups.Done, groups.Acknowledged, 1); trace.Member != groups.Member(a) || time.Since(trace.At).Abs() > time.Second {
			t.Errorf("%+v at %v", trace, time.Now())
		}
		f.wantTrace(t, 6, groups.Ahead, 0, 0)

		wantCount(t, 1)(a.ms.Nack([]uint64{3}, "broken", time.Hour))
		if trace := f.wantTrace(t, 3, groups.Delayed, 0, 1); !trace.At.Equal(time.Now().Add(time.Hour)) || trace.Failures != 1 {
			t.Errorf("%+v", trace)
		}
		a.ms.Leave()
		f.wantTrace(t, 5, groups.Waiting, 0, 1)
		if trace := f.wantTrace(t, 4, groups.Done, groups.Acknowledged, 1); trace.Member != nil || trace.Members != 0 {
			t.Errorf("%+v", trace)
		}
		time.Sleep(time.Hour) // the group keeps only a summary of its progress
		f.wantTrace(t, 4, groups.Done, groups.Acknowledged, 1)
		f.wantTrace(t, 5, groups.Waiting, 0, 1)

		f.restart(t)
		f.wantTrace(t, 4, groups.Done, groups.UnknownSettlement, 0)
		f.wantTrace(t, 5, groups.Waiting, 0, 1)
		f.wantTrace(t, 2, groups.Done, groups.NotBegun, 0)
	})
}

func TestTraceOfTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", &member{room: 2})
		f.sendNumbers(1, 3)
		synctest.Wait()
		f.wantTrace(t, 2, groups.InFlight, 0, 1)
		if trace := f.wantTrace(t, 3, groups.Waiting, 0, 0); trace.Able != 0 {
			t.Errorf("%+v", trace)
		}
		a.ms.Ack(a.tag)
		f.wantTrace(t, 1, groups.Done, groups.Acknowledged, 1)
		f.wantTrace(t, 2, groups.Done, groups.Acknowledged, 1)
	})
}

func TestTraceOfWhatNobodyAccepts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", &member{room: -1, refuses: "x"})
		f.send("1", "x", "x", "4")
		synctest.Wait()
		a.ms.Ack(a.tag)
		f.wantTrace(t, 2, groups.Done, groups.Skipped, 0)
		f.wantTrace(t, 3, groups.Done, groups.Skipped, 0)
		f.wantTrace(t, 4, groups.Done, groups.Acknowledged, 1)
	})
}

func TestTraceOfDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer func(error)
		opts := groups.Options{MaxDeliveries: 2, DeadLetter: func(_ groups.DeadLetter, done func(error)) { answer = done }}
		f := newFixture(t, opts, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.send("1")
		synctest.Wait()
		for range 2 {
			wantCount(t, 1)(a.ms.Nack([]uint64{1}, "broken", 0))
			synctest.Wait()
		}
		if trace := f.wantTrace(t, 1, groups.DeadLettering, 0, 2); trace.Failures != 2 || trace.Reason != "broken" {
			t.Errorf("%+v", trace)
		}
		answer(errors.New("the disk is full"))
		f.wantTrace(t, 1, groups.DeadLettering, 0, 2)
		a.ms.Leave()
		if trace := f.wantTrace(t, 1, groups.DeadLettering, 0, 2); trace.Members != 0 {
			t.Errorf("%+v", trace)
		}
		f.joinExplicitly(t, all())
		synctest.Wait()
		answer(nil)
		f.wantTrace(t, 1, groups.Done, groups.DeadLettered, 2)
	})
}

func TestTraceOfGapsAndMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		f.join(t, "c", "g", all()).ms.Leave()
		f.sendNumbers(1, 9)
		synctest.Wait()
		f.trim(t, 6) // 4 to 9 are left
		f.wantTrace(t, 2, groups.Ahead, 0, 0)
		f.join(t, "c", "g", all())
		synctest.Wait()
		f.wantTrace(t, 2, groups.Done, groups.Lost, 0)
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(8), false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.wantTrace(t, 6, groups.Done, groups.Moved, 0)
		f.wantTrace(t, 8, groups.InFlight, 0, 1)
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(5), false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.wantTrace(t, 6, groups.InFlight, 0, 1)
	})
}

func TestTraceOfAFullWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Window: 2}, streams.Options{})
		f.joinExplicitly(t, all())
		f.sendNumbers(1, 4)
		synctest.Wait()
		if trace := f.wantTrace(t, 4, groups.Ahead, 0, 0); !trace.IsFull || trace.Position != 1 {
			t.Errorf("%+v", trace)
		}
	})
}

// What a group remembers of settled messages is bounded, and the newest stays.
func TestSettlementsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		for n := range uint64(100) {
			f.send("x")
			synctest.Wait()
			wantCount(t, 1)(a.ms.AckSeqs([]uint64{n + 1}))
			time.Sleep(2 * time.Second)
		}
		f.wantTrace(t, 1, groups.Done, groups.UnknownSettlement, 0)
		f.wantTrace(t, 69, groups.Done, groups.Acknowledged, 1)
		f.wantTrace(t, 68, groups.Done, groups.UnknownSettlement, 0)
		f.wantTrace(t, 100, groups.Done, groups.Acknowledged, 1)
	})
}

func TestTraceOfNoGroup(t *testing.T) {
	f := newFixture(t, groups.Options{}, streams.Options{})
	if _, err := f.groups().Trace(t.Context(), theGroup, 1); !errors.Is(err, groups.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// A message of a group whose log was made anew is ahead, whatever the old one had.
func TestTraceAfterAnotherLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		a.ms.Ack(a.tag)
		if err := f.registry.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.out.Close()
		if err := f.net.Delete(t.Context(), boiler); err != nil {
			t.Fatal(err)
		}
		f.provide(t)
		f.sendNumbers(1, 3)
		synctest.Wait()
		f.open(t)
		f.wantTrace(t, 2, groups.Ahead, 0, 0)
	})
}

// What was acknowledged before a move was not passed over by it, above the old position too, and stays
// known as far as the group is done with it afterwards.
func TestTraceOfAcknowledgedMessagesBehindAMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 9)
		synctest.Wait()
		wantCount(t, 3)(a.ms.AckSeqs([]uint64{1, 4, 5}))
		move := func(to uint64) {
			t.Helper()
			if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(to), false); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		move(7)
		for seq, how := range []groups.Settlement{
			1: groups.Acknowledged, 2: groups.Moved, 3: groups.Moved, 4: groups.Acknowledged, 5: groups.Acknowledged, 6: groups.Moved,
		} {
			if seq > 0 {
				f.wantTrace(t, uint64(seq), groups.Done, how, deliveriesOf(how))
			}
		}
		move(5)
		f.wantTrace(t, 4, groups.Done, groups.Acknowledged, 1)
		f.wantTrace(t, 3, groups.Done, groups.Moved, 0)
		f.wantTrace(t, 5, groups.InFlight, 0, 1)
		move(9)
		f.wantTrace(t, 5, groups.Done, groups.Moved, 0)
	})
}

// deliveriesOf returns how often a message was handed out that ended like this.
func deliveriesOf(how groups.Settlement) int {
	if how == groups.Acknowledged {
		return 1
	}
	return 0
}
