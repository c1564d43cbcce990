package groups_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// wantGroup checks how many members the group has, and what they have in flight.
func (f *fixture) wantGroup(t *testing.T, members, inFlight int) {
	t.Helper()
	synctest.Wait()
	if s := f.stat(t); s.Members != members || s.InFlight != inFlight {
		t.Errorf("the group has %d members with %d messages in flight, want %d with %d", s.Members, s.InFlight, members, inFlight)
	}
}

// A member that drains keeps what it has, gets nothing new, and leaves with the last
// acknowledgement. Nothing is handed out twice.
func TestDrainingRepeatsNothing(t *testing.T) {
	settle := map[string]struct {
		explicit bool
		some     func(*member)
		rest     func(*member)
	}{
		"tags":    {false, func(m *member) { m.ms.Ack(1) }, func(m *member) { m.ms.Ack(3) }},
		"numbers": {true, func(m *member) { m.ms.AckSeqs([]uint64{3}) }, func(m *member) { m.ms.AckSeqs([]uint64{1, 5}) }},
		"up to":   {true, func(m *member) { m.ms.AckUpTo(1) }, func(m *member) { m.ms.AckUpTo(5) }},
	}
	for name, tt := range settle {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{})
				one := groups.JoinOptions{Explicit: tt.explicit}
				a, b := f.joinWith(t, "c", "g", all(), one), f.joinWith(t, "c", "g", all(), one)
				for n := range 6 { // each with a tag of its own
					f.sendNumbers(n+1, n+1)
					synctest.Wait()
				}
				a.want(t, "1", "3", "5")
				a.ms.Drain()
				f.sendNumbers(7, 9)
				f.wantGroup(t, 2, 9)
				tt.some(a)
				a.ms.Drain() // again
				f.wantGroup(t, 2, 8)
				if told := a.told(); told != "" {
					t.Errorf("the member was told %q with messages in flight", told)
				}
				tt.rest(a)
				f.wantGroup(t, 1, 6)
				if told := a.told(); told != "drained" {
					t.Errorf("the member was told %q", told)
				}
				a.want(t, "1", "3", "5")
				b.want(t, "2", "4", "6", "7", "8", "9")
				b.wantAttempts(t, 0, 0, 0, 0, 0, 0)
				a.ms.Drain()
				a.ms.Leave()
				if n, err := a.ms.AckUpTo(9); n != 0 && err == nil {
					t.Errorf("a member that has left acknowledged %d messages", n)
				}
				f.wantGroup(t, 1, 6)
			})
		})
	}
}

func TestAMemberWithNothingInFlightLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		a.ms.Drain()
		f.wantGroup(t, 0, 0)
		if told := a.told(); told != "drained" {
			t.Errorf("the member was told %q", told)
		}
	})
}

// What a leaving member returns, or does not acknowledge in time, goes to another.
func TestALeavingMemberThatAcknowledgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		a.ms.Drain()
		b := f.joinExplicitly(t, all())
		wantCount(t, 1)(a.ms.Nack([]uint64{2}, "no", 0))
		synctest.Wait()
		b.want(t, "2")
		time.Sleep(30*time.Second - time.Nanosecond)
		f.wantGroup(t, 2, 3)
		wantCount(t, 1)(b.ms.AckUpTo(2))
		time.Sleep(time.Nanosecond)
		f.wantGroup(t, 1, 2)
		if told := a.told(); told != "drained" {
			t.Errorf("the member was told %q", told)
		}
		b.want(t, "2", "1", "3")
		b.wantAttempts(t, 1, 1, 1)
	})
}

// A group all of whose members leave skips nothing and hands out nothing: the next member
// gets what is left.
func TestAGroupWhoseMembersAllLeaveWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 2)
		synctest.Wait()
		a.ms.Drain()
		f.sendNumbers(3, 4)
		wantCount(t, 1)(a.ms.Nack([]uint64{1}, "no", 0))
		f.wantGroup(t, 1, 1)
		trace, err := f.groups().Trace(t.Context(), theGroup, 3)
		if err != nil || trace.State != groups.Ahead || trace.Leaving != 1 || trace.Able != 0 {
			t.Errorf("%+v, %v", trace, err)
		}
		wantCount(t, 1)(a.ms.AckUpTo(4))
		f.wantGroup(t, 0, 0)
		b := f.joinExplicitly(t, all())
		synctest.Wait()
		b.want(t, "1", "3", "4")
	})
}

// A member may drain, and acknowledge, while it is being handed messages.
func TestDrainingDuringADelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		s := &slow{member: all(), inDeliver: make(chan struct{})}
		f.joinSlow(t, s, true)
		f.sendNumbers(1, 1)
		synctest.Wait()
		f.sendNumbers(2, 2)
		s.ms.Drain()
		wantCount(t, 1)(s.ms.AckSeqs([]uint64{1}))
		synctest.Wait()
		if told := s.told(); told != "" {
			t.Errorf("the member was told %q while it was handed a message", told)
		}
		close(s.inDeliver)
		f.wantGroup(t, 0, 0)
		if told := s.told(); told != "drained" {
			t.Errorf("the member was told %q", told)
		}
		s.want(t, "1")
	})
}

// The acknowledgement of a gap is awaited, too, so that others need not be told of it.
func TestDrainingAwaitsTheAcknowledgementOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		a := f.joinWith(t, "c", "g", &member{room: 0, mayMiss: true}, groups.JoinOptions{})
		f.sendNumbers(1, 9)
		synctest.Wait()
		f.trim(t, 2)
		a.giveRoom(-1)
		synctest.Wait()
		if told := a.told(); !strings.HasPrefix(told, "gap ") {
			t.Fatalf("the member was told %q", told)
		}
		a.ms.Drain()
		f.wantGroup(t, 1, f.stat(t).InFlight)
		a.ms.Ack(a.tag)
		f.wantGroup(t, 0, 0)
		b := f.join(t, "c", "g", all())
		synctest.Wait()
		if told := b.told(); told != "" {
			t.Errorf("the next member was told %q", told)
		}
	})
}

// A group that is moved forgets what is in flight, so a leaving member has left.
func TestAMoveEndsDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a, b := f.joinExplicitly(t, all()), f.joinExplicitly(t, all())
		f.sendNumbers(1, 2)
		synctest.Wait()
		a.ms.Drain()
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(1), false); err != nil {
			t.Fatal(err)
		}
		f.wantGroup(t, 1, 2)
		if told := a.told(); told != "drained" {
			t.Errorf("the member was told %q", told)
		}
		b.want(t, "2", "1", "2")
	})
}

// A leaving member whose group is deleted is told that.
func TestADeletionEndsDraining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 2)
		synctest.Wait()
		a.ms.Drain()
		if err := f.groups().Delete(theGroup); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if told := a.told(); told != "deleted" {
			t.Errorf("the member was told %q", told)
		}
	})
}
