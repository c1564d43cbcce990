package groups_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// slow is a member that blocks in Visible or Deliver until it is released.
type slow struct {
	*member
	inVisible, inDeliver chan struct{}                                // closed: go on; nil: do not stop
	deliver              func(b *streams.Batch, share []groups.Share) // called before Deliver returns
}

func (s *slow) Visible(b *streams.Batch) []int {
	if s.inVisible != nil {
		<-s.inVisible
	}
	return s.member.Visible(b)
}

func (s *slow) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	taken, tag := s.member.Deliver(b, share)
	if s.deliver != nil {
		s.deliver(b, share)
	}
	if s.inDeliver != nil {
		<-s.inDeliver
	}
	return taken, tag
}

func (f *fixture) joinSlow(t *testing.T, s *slow, explicit bool) *slow {
	t.Helper()
	ms, err := f.groups().Join(t.Context(), f.out.Topic(), theGroup, groups.JoinOptions{Explicit: explicit}, s)
	if err != nil {
		t.Fatal(err)
	}
	s.ms = ms
	ms.Start()
	synctest.Wait()
	return s
}

// A peer may answer before the call that wrote to it has returned.
func TestAnAcknowledgementThatArrivesBeforeDeliverReturns(t *testing.T) {
	acks := map[string]struct {
		explicit bool
		ack      func(*slow)
	}{
		"tag":              {false, func(s *slow) { s.ms.Ack(s.tag) }},
		"an older one too": {false, func(s *slow) { s.ms.Ack(s.tag); s.ms.Ack(0) }},
		"numbers":          {true, func(s *slow) { _, _ = s.ms.AckSeqs([]uint64{2, 1, 3}) }},
		"up to":            {true, func(s *slow) { _, _ = s.ms.AckUpTo(3) }},
	}
	for name, test := range acks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{Credit: groups.Credit{Messages: 3, Bytes: 100}}, streams.Options{})
				s := &slow{member: all()}
				s.deliver = func(*streams.Batch, []groups.Share) { test.ack(s) }
				f.joinSlow(t, s, test.explicit)
				f.send(numbers(1, 7)...)
				synctest.Wait()
				s.want(t, numbers(1, 7)[:s.count()]...)
				if test.explicit {
					f.wantAt(t, 4, 4) // it never acknowledges the others
					return
				}
				s.want(t, numbers(1, 7)...)
				f.wantAt(t, 8, 0)
			})
		})
	}
}

// An earlier acknowledgement does not cover messages that are handed over later,
// even under the same tag.
func TestAnAcknowledgementDoesNotReachWhatIsHandedOverLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		a.ms.Ack(7)
		f.sendNumbers(1, 3)
		synctest.Wait()
		f.wantAt(t, 1, 3)
		a.ms.Ack(3)
		f.wantAt(t, 4, 0)
	})
}

// Past bug: a member that acknowledged everything up to a high number, while it was
// being handed messages, thereby acknowledged those that it had no room for.
func TestAckUpToDoesNotCoverWhatIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		s := &slow{member: &member{room: 1}}
		s.deliver = func(*streams.Batch, []groups.Share) { _, _ = s.ms.AckUpTo(1000) }
		f.joinSlow(t, s, true)
		f.send(numbers(1, 3)...)
		synctest.Wait()
		s.want(t, "1")
		f.wantAt(t, 2, 2)
		s.giveRoom(2)
		synctest.Wait()
		s.want(t, numbers(1, 3)...)
		f.wantAt(t, 4, 0)
	})
}

// A member that has room again before its Deliver returns is served.
func TestResumeBeforeDeliverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		s := &slow{member: &member{room: 1}}
		s.deliver = func(*streams.Batch, []groups.Share) { s.giveRoom(1) }
		f.joinSlow(t, s, false)
		f.send(numbers(1, 5)...)
		synctest.Wait()
		s.want(t, numbers(1, 5)...)
	})
}

// During a Deliver, a member may leave or nack, and the group may be moved or
// deleted. Nothing of that waits for the call or is undone when it returns.
func TestWhatHappensDuringDeliver(t *testing.T) {
	tests := []struct {
		name   string
		happen func(*testing.T, *fixture, *slow)
		// what the other member has in the end, and the attempts before
		got      []string
		attempts []int
		at, lag  uint64 // 0: the group is gone
		told     string
	}{
		{"it leaves", func(_ *testing.T, _ *fixture, s *slow) { s.ms.Leave() },
			[]string{"2", "4", "1", "3"}, []int{0, 0, 1, 1}, 1, 4, ""},
		{"it gives back", func(t *testing.T, _ *fixture, s *slow) {
			wantCount(t, 1)(s.ms.Nack([]uint64{3}, "no", 0))
			wantCount(t, 1)(s.ms.AckSeqs([]uint64{1}))
		}, []string{"2", "4", "3"}, []int{0, 0, 2}, 2, 3, ""}, // in between, it had 3 again
		{"the group moves", func(t *testing.T, f *fixture, s *slow) {
			if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.At(4), false); err != nil {
				t.Error(err)
			}
			wantCount(t, 0)(s.ms.AckSeqs([]uint64{1, 3}))
		}, []string{"2", "4", "4"}, []int{0, 0, 1}, 4, 1, ""}, // it had 4 first
		{"the group is deleted", func(t *testing.T, f *fixture, _ *slow) {
			if err := f.groups().Delete(theGroup); err != nil {
				t.Error(err)
			}
		}, []string{"2", "4"}, []int{0, 0}, 0, 0, "deleted"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, streams.Options{})
				s := f.joinSlow(t, &slow{member: all(), inDeliver: make(chan struct{})}, true)
				healthy := f.joinExplicitly(t, all())
				synctest.Wait()
				f.send(numbers(1, 4)...)
				synctest.Wait() // it has 1 and 3
				if s := f.stat(t); s.InFlight != 4 || s.Lag != 4 {
					t.Errorf("while it is handed them: %+v", s)
				}
				test.happen(t, f, s)
				close(s.inDeliver)
				synctest.Wait()
				s.ms.Leave()
				synctest.Wait()
				if got, attempts := healthy.take(); !slices.Equal(got, test.got) || !slices.Equal(attempts, test.attempts) {
					t.Errorf("the other was handed %q for the %d time, want %q, %d", got, attempts, test.got, test.attempts)
				}
				if s.told() != test.told {
					t.Errorf("told %q, want %q", s.told(), test.told)
				}
				if test.at == 0 {
					if _, err := f.groups().Get(t.Context(), theGroup); err != groups.ErrNotFound {
						t.Errorf("the group is there: %v", err)
					}
					return
				}
				f.wantAt(t, test.at, test.lag)
				_, _ = healthy.ms.AckUpTo(4)
				f.wantAt(t, 5, 0)
			})
		})
	}
}

// The last member leaves during its Deliver. The next member gets those messages
// again, once.
func TestTheNextMemberJoinsDuringDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		s := f.joinSlow(t, &slow{member: all(), inDeliver: make(chan struct{})}, false)
		f.send(numbers(1, 3)...)
		synctest.Wait()
		s.ms.Leave()
		next := f.join(t, "c", "g", all())
		synctest.Wait()
		next.want(t)
		close(s.inDeliver)
		synctest.Wait()
		next.want(t, numbers(1, 3)...)
		next.wantAttempts(t, 1, 1, 1)
		s.ms.Ack(s.tag)
		f.wantAt(t, 1, 3)
		next.ms.Ack(next.tag)
		f.wantAt(t, 4, 0)
	})
}

// A message that no member accepts is passed over. A member that joins while the
// others are asked is asked too.
func TestMembersThatJoinWhileAnotherIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		noX := f.joinSlow(t, &slow{member: &member{room: -1, refuses: "x"}, inVisible: make(chan struct{})}, false)
		f.send("x1", "2", "x3")
		synctest.Wait()
		var joined []*member
		for range 3 {
			joined = append(joined, f.join(t, "c", "g", &member{room: -1, refuses: "2"}))
		}
		joined[0].ms.Leave()
		f.wantAt(t, 1, 3)
		close(noX.inVisible)
		synctest.Wait()
		noX.want(t, "2")
		got := slices.Sorted(slices.Values(slices.Concat(joined[1].got, joined[2].got)))
		if joined[0].want(t); !slices.Equal(got, []string{"x1", "x3"}) {
			t.Errorf("who joined meanwhile was handed %q", got)
		}
	})
}

// No method of Membership waits for a Deliver of any member.
func TestNobodyWaitsForAMemberThatIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		s := f.joinSlow(t, &slow{member: all(), inDeliver: make(chan struct{})}, true)
		other := f.joinExplicitly(t, all())
		synctest.Wait()
		f.send(numbers(1, 4)...)
		synctest.Wait()
		third := f.joinExplicitly(t, all())
		other.ms.Resume()
		other.ms.Ack(1)
		_, _ = other.ms.AckUpTo(4)
		_, _ = other.ms.Nack([]uint64{2}, "", 0)
		other.ms.Leave()
		third.ms.Leave()
		time.Sleep(31 * time.Second) // checkpoints; and what is being handed over is not overdue
		if st := f.stat(t); st.InFlight != 2 || st.Members != 1 {
			t.Errorf("%+v", st)
		}
		close(s.inDeliver)
		synctest.Wait()
		if got := strings.Join(s.got, ""); !strings.HasPrefix(got, "13") {
			t.Errorf("handed %q", s.got)
		}
		_, _ = s.ms.AckUpTo(4)
		f.wantAt(t, 5, 0)
	})
}

// A late acknowledgement counts until another member has taken the message, not
// only until it is offered to one.
func TestALateAcknowledgementOfWhatNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.joinExplicitly(t, &member{room: 1})
		f.send("1", "2")
		synctest.Wait()
		b := f.joinExplicitly(t, &member{room: 0})
		time.Sleep(31 * time.Second)
		synctest.Wait() // b was offered 1, or 2, and has no room
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{1}))
		f.wantAt(t, 2, 1)
		b.giveRoom(-1)
		synctest.Wait()
		b.want(t, "2")
	})
}

// The only member of a group gets the batches of its topic unchanged, so what is
// cached in them serves all such groups.
func TestGroupsOfOneShareTheBatchOfTheTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{Workers: 1})
		var batches []*streams.Batch
		for i := range 3 {
			s := &slow{member: all(), deliver: func(b *streams.Batch, share []groups.Share) {
				batches = append(batches, b)
				if want := []groups.Share{{Index: 0}, {Index: 1}}; !slices.Equal(share, want) {
					t.Errorf("share %v, want %v", share, want)
				}
			}}
			ms, err := f.tryJoin(t, "c", fmt.Sprint(i), s)
			if err != nil {
				t.Fatal(err)
			}
			ms.Start()
		}
		synctest.Wait()
		f.send("1", "2")
		synctest.Wait()
		if len(batches) != 3 || batches[0] != batches[1] || batches[1] != batches[2] {
			t.Errorf("%d batches: %p", len(batches), batches)
		}
	})
}

// decoder counts what filters decode: all messages of a batch, the first time that
// one of them is asked about.
type decoder struct {
	*member
	decoded int
}

func (d *decoder) Visible(b *streams.Batch) []int {
	b.Memo("decoded", func() any { d.decoded += len(b.Messages); return nil })
	return nil
}

// Past bug: each acknowledgement decoded everything that waited for redelivery, so
// the work was quadratic.
func TestRedeliveryDecodesEachMessageAFewTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total, credit = 4000, 200
		f := newFixture(t, groups.Options{Credit: groups.Credit{Messages: credit, Bytes: 1 << 30}}, streams.Options{TailMessages: total})
		var leavers []*member
		for range total / credit {
			leavers = append(leavers, f.join(t, "c", "g", all()))
		}
		for i := range total {
			f.send(fmt.Sprint(i))
		}
		synctest.Wait()
		d := &decoder{member: all()}
		ms, err := f.tryJoin(t, "c", "g", d)
		if err != nil {
			t.Fatal(err)
		}
		ms.Start()
		for _, m := range leavers {
			m.ms.Leave()
		}
		synctest.Wait()
		const step = credit / 2
		for tag := uint64(step); tag <= total; tag += step {
			ms.Ack(tag)
			synctest.Wait()
		}
		if len(d.got) != total {
			t.Errorf("%d messages were redelivered, want %d", len(d.got), total)
		}
		if d.decoded > 5*total {
			t.Errorf("%d messages were decoded to redeliver %d", d.decoded, total)
		}
	})
}

// With a full window, a message that one member refuses and another takes must not
// make the group forget that it waits for room.
func TestAFullWindowIsNotForgottenWhenARefusedMessageIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Window: 4}, streams.Options{})
		a := f.join(t, "c", "g", &member{room: 1})
		b := f.join(t, "c", "g", all())
		f.send(numbers(1, 8)...)
		synctest.Wait()
		a.want(t, "1")
		b.want(t, "2", "4", "3")
		a.ms.Ack(a.tag)
		b.ms.Ack(b.tag)
		synctest.Wait()
		b.want(t, "2", "4", "3", "5", "6", "7", "8")
	})
}

// A member that starts while the worker is busy waits to be told of a gap. A move
// at that moment must not leave it waiting for ever.
func TestAMemberThatStartsWhenTheGroupMovesIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		f.join(t, "c", "g", &member{room: -1, mayMiss: true}).ms.Leave()
		f.sendNumbers(1, 5)
		f.trim(t, 3)
		a := f.joinSlow(t, &slow{member: &member{room: -1, mayMiss: true}, inDeliver: make(chan struct{})}, false)
		if a.told() != "gap 1-2" {
			t.Fatalf("told %q", a.told())
		}
		b := f.join(t, "c", "g", &member{room: -1, mayMiss: true}) // the worker is with a
		if _, err := f.groups().Move(t.Context(), f.out.Topic(), theGroup, streams.Latest(), false); err != nil {
			t.Fatal(err)
		}
		close(a.inDeliver)
		synctest.Wait()
		f.sendNumbers(6, 9)
		synctest.Wait()
		if len(a.got) != 5 || b.count() != 2 {
			t.Errorf("handed out %q and %q", a.got, b.got)
		}
	})
}
