package groups_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/storage/memory"
	"seagate/streams"
)

// wantCount checks what AckSeqs, AckUpTo or Nack returned.
func wantCount(t *testing.T, want int) func(int, error) {
	return func(n int, err error) {
		t.Helper()
		if n != want || err != nil {
			t.Errorf("%d messages, %v; want %d", n, err, want)
		}
	}
}

func TestAcknowledgingByNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a, b := f.joinExplicitly(t, all()), f.joinExplicitly(t, all())
		f.sendNumbers(1, 8)
		synctest.Wait()
		a.want(t, "1", "3", "5", "7")
		a.ms.Ack(a.tag) // tags do not acknowledge
		f.wantAt(t, 1, 8)
		wantCount(t, 2)(a.ms.AckSeqs([]uint64{7, 1, 2, 99, 0, 7}))
		f.wantAt(t, 2, 6)
		wantCount(t, 0)(a.ms.AckSeqs([]uint64{1, 7}))
		wantCount(t, 0)(a.ms.AckSeqs(nil))
		wantCount(t, 2)(b.ms.AckUpTo(5))
		f.wantAt(t, 3, 4)
		wantCount(t, 2)(a.ms.AckUpTo(1 << 63))
		wantCount(t, 2)(b.ms.AckUpTo(8))
		f.wantAt(t, 9, 0)
		if s := f.stat(t); s.InFlight != 0 || s.Explicit != 2 || s.Members != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestOnlyExplicitMembersAcknowledgeByNumbers(t *testing.T) {
	f := newFixture(t, groups.Options{}, streams.Options{})
	a := f.join(t, "c", "g", all())
	_, ack := a.ms.AckSeqs([]uint64{1})
	_, upTo := a.ms.AckUpTo(1)
	_, nack := a.ms.Nack([]uint64{1}, "", 0)
	for _, err := range []error{ack, upTo, nack} {
		if err != groups.ErrNotExplicit {
			t.Errorf("got %v", err)
		}
	}
}

func TestBothKindsOfMembersInOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a, b := f.joinExplicitly(t, all()), f.join(t, "c", "g", all())
		f.sendNumbers(1, 4)
		synctest.Wait()
		b.ms.Ack(b.tag)
		f.wantAt(t, 1, 2)
		time.Sleep(time.Hour) // times out again and again, and b gets it in the end
		synctest.Wait()
		b.ms.Ack(b.tag)
		wantCount(t, f.stat(t).InFlight)(a.ms.AckUpTo(4))
		f.wantAt(t, 5, 0)
	})
}

func TestCreditOfExplicitMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Credit: groups.Credit{Messages: 2, Bytes: 1000}}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 5)
		synctest.Wait()
		a.want(t, "1", "2")
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{2}))
		synctest.Wait()
		a.want(t, "1", "2", "3")
		wantCount(t, 1)(a.ms.Nack([]uint64{1}, "", time.Minute))
		synctest.Wait()
		a.want(t, "1", "2", "3", "4")
	})
}

// A member may ask for less credit than Options allow. By default, an explicit
// member gets 100 messages.
func TestMembersAskForTheirCredit(t *testing.T) {
	for name, test := range map[string]struct {
		opts groups.JoinOptions
		want int
	}{
		"as much as there is":          {groups.JoinOptions{}, 1024},
		"less":                         {groups.JoinOptions{Credit: 7}, 7},
		"more than there is":           {groups.JoinOptions{Credit: 2000}, 1024},
		"explicit":                     {groups.JoinOptions{Explicit: true}, 100},
		"explicit, one":                {groups.JoinOptions{Explicit: true, Credit: 1}, 1},
		"explicit, as much as it gets": {groups.JoinOptions{Explicit: true, Credit: 1024}, 1024},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{})
				m := f.joinWith(t, "c", "g", all(), test.opts)
				f.sendNumbers(1, 1200)
				synctest.Wait()
				if n := m.count(); n != test.want {
					t.Errorf("it was handed %d messages, want %d", n, test.want)
				}
			})
		})
	}
}

// The group takes a message back after AckTimeout, which is 30 s here, and not
// before. The next member in turn gets it.
func TestWhatIsNotAcknowledgedInTimeGoesToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.send("1")
		synctest.Wait()
		b := f.joinExplicitly(t, all())
		time.Sleep(10 * time.Second)
		f.sendNumbers(2, 2)
		time.Sleep(20*time.Second - 1)
		synctest.Wait()
		b.want(t, "2")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		a.want(t, "1", "1") // its turn comes after that of b
		a.wantAttempts(t, 0, 1)
		wantCount(t, 1)(b.ms.AckSeqs([]uint64{2}))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		b.want(t, "2", "1")
		b.wantAttempts(t, 0, 2)
		wantCount(t, 0)(a.ms.AckSeqs([]uint64{1})) // handed to another by now
		wantCount(t, 1)(b.ms.AckSeqs([]uint64{1}))
		f.wantAt(t, 3, 0)
		if s := f.stat(t); s.Redelivered != 2 {
			t.Errorf("%d redelivered, want 2", s.Redelivered)
		}
	})
}

// A message that timed out is not handed to a member without room. Until a member
// gets it, the late acknowledgement counts.
func TestALateAcknowledgementCountsUntilSomebodyElseHasTheMessage(t *testing.T) {
	for name, ack := range map[string]func(*member) (int, error){
		"seqs":  func(m *member) (int, error) { return m.ms.AckSeqs([]uint64{1, 2}) },
		"up to": func(m *member) (int, error) { return m.ms.AckUpTo(2) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{})
				a := f.joinExplicitly(t, &member{room: 3})
				f.sendNumbers(1, 4)
				synctest.Wait()
				time.Sleep(31 * time.Second)
				synctest.Wait()
				wantCount(t, 2)(ack(a))
				wantCount(t, 0)(ack(a))
				f.wantAt(t, 3, 2)
				a.giveRoom(-1)
				synctest.Wait()
				a.want(t, "1", "2", "3", "3", "4")
				wantCount(t, 2)(a.ms.AckUpTo(4))
				f.wantAt(t, 5, 0)
			})
		})
	}
}

func TestNackGivesBackAtOnceOrLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		wantCount(t, 1)(a.ms.Nack([]uint64{2, 2, 7}, "no", 0))
		synctest.Wait()
		a.want(t, "1", "2", "3", "2")
		a.wantAttempts(t, 0, 0, 0, 1)
		wantCount(t, 2)(a.ms.Nack([]uint64{1, 2}, "not yet", 5*time.Second))
		wantCount(t, 0)(a.ms.AckSeqs([]uint64{1, 2})) // it gave them back
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{3}))
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		a.want(t, "1", "2", "3", "2")
		f.send("4")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		a.want(t, "1", "2", "3", "2", "4", "1", "2")
		a.wantAttempts(t, 0, 0, 0, 1, 0, 1, 2)
		wantCount(t, 3)(a.ms.AckUpTo(4))
		f.wantAt(t, 5, 0)
	})
}

func TestADelayIsForgottenWithTheLastMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{SetAsideBytes: 1}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.send("1")
		synctest.Wait()
		wantCount(t, 1)(a.ms.Nack([]uint64{1}, "", time.Hour))
		a.ms.Leave()
		b := f.joinExplicitly(t, all())
		f.send("2")
		synctest.Wait()
		b.want(t, "1", "2") // nothing is set aside any more
		b.wantAttempts(t, 1, 0)
	})
}

// While too much is set aside, nothing new is handed out. What is in flight
// continues.
func TestWhatIsSetAsideIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{SetAsideBytes: 3}, streams.Options{})
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		wantCount(t, 2)(a.ms.Nack([]uint64{1, 2}, "", time.Hour)) // two bytes
		f.send("4")
		synctest.Wait()
		a.want(t, "1", "2", "3", "4")
		wantCount(t, 1)(a.ms.Nack([]uint64{3}, "", time.Minute)) // three
		f.send("5")
		synctest.Wait()
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{4}))
		synctest.Wait()
		a.want(t, "1", "2", "3", "4")
		time.Sleep(time.Minute)
		synctest.Wait()
		a.want(t, "1", "2", "3", "4", "3", "5")
	})
}

// A message that nobody acknowledges holds up the message one window later.
func TestAGroupReadsNoFurtherThanItsWindow(t *testing.T) {
	for _, explicit := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, groups.Options{Window: 4}, streams.Options{})
			stuck := f.joinWith(t, "c", "g", &member{room: 1}, groups.JoinOptions{Explicit: explicit})
			f.sendNumbers(1, 2)
			synctest.Wait() // it has no room for the second
			a := f.joinExplicitly(t, all())
			f.sendNumbers(3, 9)
			synctest.Wait()
			a.want(t, "2", "3", "4")
			wantCount(t, 3)(a.ms.AckUpTo(4))
			synctest.Wait()
			a.want(t, "2", "3", "4")
			f.wantAt(t, 1, 6)
			if explicit {
				wantCount(t, 1)(stuck.ms.AckSeqs([]uint64{1}))
			} else {
				stuck.ms.Ack(1)
			}
			synctest.Wait()
			a.want(t, "2", "3", "4", "5", "6", "7", "8")
			stuck.ms.Leave()
			wantCount(t, 4)(a.ms.AckUpTo(8))
			synctest.Wait()
			wantCount(t, 1)(a.ms.AckUpTo(9))
			f.wantAt(t, 10, 0)
		})
	}
}

// A message that no member may see is done. It does not hold up the others, and a
// member that joins later does not see it.
func TestSkippedMessagesAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Window: 2}, streams.Options{})
		a := f.join(t, "c", "g", &member{room: -1, refuses: "x"})
		f.send("x1", "x2", "x3", "1", "x4", "2", "3")
		synctest.Wait()
		a.want(t, "1")
		f.wantAt(t, 4, 3)
		a.ms.Ack(a.tag)
		synctest.Wait()
		a.ms.Ack(a.tag)
		f.wantAt(t, 8, 0)
		f.restart(t)
		b := f.join(t, "c", "g", all())
		synctest.Wait()
		b.want(t)
	})
}

// Each timer fires on time, whatever the order in which the groups are due.
func TestTimersOfManyGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		var members []*member
		for i := range 100 {
			members = append(members, f.joinWith(t, "c", fmt.Sprint(i), all(), groups.JoinOptions{Explicit: true}))
		}
		f.send("1")
		synctest.Wait()
		for i, m := range members {
			wantCount(t, 1)(m.ms.Nack([]uint64{1}, "", time.Duration(i*37%100+1)*time.Second))
		}
		for second := range 100 {
			time.Sleep(time.Second)
			synctest.Wait()
			for i, m := range members {
				if n := m.count(); (n > 1) != (i*37%100 <= second) {
					t.Fatalf("after %d seconds group %d: %d deliveries", second+1, i, n)
				}
				_, _ = m.ms.AckUpTo(1)
			}
		}
	})
}

// Messages of a member that panicked wait until it leaves or, if it is explicit,
// until they time out. That is not a failure.
func TestWhatAPanickedExplicitMemberHeldIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m deadLetterSink
		opts, _ := watch(t)
		opts.MaxDeliveries, opts.DeadLetter = 1, m.take
		f := newFixtureOn(t, memory.New(), memory.New(), opts, streams.Options{})
		bad := &panicky{member: all(), onVisible: "2"}
		ms, err := f.groups().Join(t.Context(), f.out.Topic(), theGroup, groups.JoinOptions{Explicit: true}, bad)
		if err != nil {
			t.Fatal(err)
		}
		ms.Start()
		f.send("1")
		synctest.Wait()
		f.send("2")
		synctest.Wait()
		a := f.joinExplicitly(t, all())
		time.Sleep(29 * time.Second)
		synctest.Wait()
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{2}))
		time.Sleep(time.Second)
		synctest.Wait()
		a.want(t, "2", "1")
		a.wantAttempts(t, 0, 1)
		m.want(t)
	})
}

// Messages that timed out and that no other member accepts do not keep members in
// memory that have left.
func TestMembersThatLeftAreNotHeldOnTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		f.join(t, "c", "g", &member{room: -1, refuses: "x"}) // stays
		for range 20 {
			m := f.joinExplicitly(t, &member{room: 1})
			f.send("x", "x")
			synctest.Wait()
			time.Sleep(40 * time.Second) // it is full, so nothing is handed out again
			m.ms.Leave()
			synctest.Wait()
		}
		if n := f.groups().OverdueOf(theGroup); n > 0 {
			t.Errorf("%d entries of members that left, position %d", n, f.stat(t).Position)
		}
	})
}
