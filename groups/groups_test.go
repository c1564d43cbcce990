package groups_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/groups"
	"seagate/streams"
)

func TestEachMessageGoesToOneMemberInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a, b := f.join(t, "c", "g", all()), f.join(t, "c", "g", all())
		other := f.join(t, "c", "h", all())
		stranger := f.join(t, "d", "g", all())
		f.send("1", "2", "3", "4")
		synctest.Wait()
		a.want(t, "1", "3")
		b.want(t, "2", "4")
		other.want(t, "1", "2", "3", "4")
		stranger.want(t, "1", "2", "3", "4")
	})
}

func TestWhatALeaverDidNotAcknowledgeGoesToTheOthersOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a, b := f.join(t, "c", "g", all()), f.join(t, "c", "g", all())
		f.send("1", "2", "3", "4", "5", "6")
		synctest.Wait()
		a.ms.Ack(1) // 1, 3 and 5 were handed over in one run: all carry tag 3
		a.ms.Leave()
		a.ms.Leave()
		synctest.Wait()
		b.want(t, "2", "4", "6", "1", "3", "5")
		b.ms.Leave()
		if o := f.registry.Overview(0); o.Groups != 1 || o.Members != 0 || o.InFlight != 0 {
			t.Errorf("after the last member: %+v", o)
		}
		if f.out.Topic().Info().Readers > 0 {
			t.Error("the topic is still read")
		}
	})
}

func TestAcknowledgedIsNotRedelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.send("1", "2")
		synctest.Wait()
		a.ms.Ack(2)
		f.send("3")
		synctest.Wait()
		b := f.join(t, "c", "g", all())
		a.ms.Leave()
		synctest.Wait()
		b.want(t, "3")
	})
}

func TestCreditHoldsBackUntilAcknowledged(t *testing.T) {
	for name, credit := range map[string]groups.Credit{
		"messages": {Messages: 2, Bytes: 1000},
		"bytes":    {Messages: 1000, Bytes: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{Credit: credit}, streams.Options{})
				a := f.join(t, "c", "g", all())
				f.send("1", "2", "3", "4", "5")
				synctest.Wait()
				a.want(t, "1", "2")
				a.ms.Ack(2)
				synctest.Wait()
				a.want(t, "1", "2", "3", "4")
				a.ms.Ack(4)
				synctest.Wait()
				a.want(t, "1", "2", "3", "4", "5")
			})
		})
	}
}

func TestAMessageLargerThanAllCreditIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Credit: groups.Credit{Messages: 10, Bytes: 4}}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.send("0123456789", "x")
		synctest.Wait()
		a.want(t, "0123456789")
		a.ms.Ack(1)
		synctest.Wait()
		a.want(t, "0123456789", "x")
	})
}

func TestAMemberWithoutRoomIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		full, free := f.join(t, "c", "g", &member{room: 1}), f.join(t, "c", "g", all())
		f.send("1", "2", "3", "4", "5")
		synctest.Wait()
		full.want(t, "1")
		free.want(t, "2", "4", "3", "5")
	})
}

func TestAMemberAloneGetsAllInOrderHoweverOftenItIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		a := f.join(t, "c", "g", &member{room: 0})
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprint(i))
			f.send(fmt.Sprint(i))
		}
		for range 60 {
			synctest.Wait()
			a.mu.Lock()
			a.room = 1
			a.mu.Unlock()
			a.ms.Resume()
		}
		synctest.Wait()
		a.want(t, want...)
	})
}

func TestFiltersDecideWhoMayBeHandedWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		noA := f.join(t, "c", "g", &member{room: -1, refuses: "a"})
		noB := f.join(t, "c", "g", &member{room: -1, refuses: "b"})
		f.send("a1", "b1", "ab", "a2", "b2")
		synctest.Wait()
		noA.want(t, "b1", "b2")
		noB.want(t, "a1", "a2")
	})
}

func TestGapAndEndReachTheMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		a := f.join(t, "c", "g", &member{room: 0})
		for i := range 6 {
			f.send(fmt.Sprint(i + 1))
			synctest.Wait()
		}
		f.trim(t, 2)
		a.giveRoom(-1)
		synctest.Wait()
		a.want(t, "1", "5", "6") // 1 had been taken from the topic and waited in the group
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := strings.Join(a.other, ", "); got != "gap 2-4, end" {
			t.Errorf("member was told %q", got)
		}
	})
}

func TestAGroupOfADeletedTopicIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		old := f.join(t, "c", "g", all())
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.tryJoin(t, "c", "new", all()); err != streams.ErrDeleted {
			t.Errorf("join on a deleted topic: %v", err)
		}
		topic, _ := f.net.Topic(f.out.Topic().ID())
		f.out, _, _ = topic.Out(nil)
		fresh := f.join(t, "c", "g", all())
		old.ms.Leave()
		f.send("1")
		synctest.Wait()
		fresh.want(t, "1")
		old.want(t)
		if o := f.registry.Overview(0); o.Groups != 1 {
			t.Errorf("%d groups, want 1", o.Groups)
		}
	})
}

// Members with random room acknowledge late, or leave without acknowledging. While
// one stays, every message is handed out.
func TestEveryMessageIsDeliveredWhileMembersComeAndGo(t *testing.T) {
	const total = 2000
	f := newFixture(t, groups.Options{Credit: groups.Credit{Messages: 8, Bytes: 1 << 20}}, streams.Options{})
	var mu sync.Mutex
	seen := map[string]int{}
	done := make(chan struct{})
	note := func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if seen[p]++; len(seen) == total && seen[p] == 1 {
			close(done)
		}
	}
	steady := &acker{note: note}
	steady.join(t, f)
	stop := make(chan struct{})
	var comers sync.WaitGroup
	for i := range 4 {
		comers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			for {
				select {
				case <-stop:
					return
				default:
				}
				a := &acker{note: note, lose: rng.IntN(2) == 0}
				a.join(t, f)
				for range rng.IntN(200) {
					f.registry.Overview(0)
				}
				a.ms.Leave()
			}
		})
	}
	for i := range total {
		f.send(fmt.Sprint(i))
	}
	<-done
	close(stop)
	comers.Wait()
	steady.ms.Leave()
}

// acker is a member that acknowledges everything from another goroutine, or nothing.
type acker struct {
	ms   *groups.Membership
	note func(string)
	lose bool
	tag  uint64
}

func (a *acker) join(t *testing.T, f *fixture) {
	ms, err := f.tryJoin(t, "c", "g", a)
	if err != nil {
		t.Error(err)
		return
	}
	a.ms = ms
	ms.Start()
}

func (a *acker) Visible(*streams.Batch) []int   { return nil }
func (a *acker) Gap(_, _ uint64) (uint64, bool) { return 0, true }
func (a *acker) End(error)                      {}

func (a *acker) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	a.tag += uint64(len(share))
	if a.lose {
		return len(share), a.tag
	}
	for _, s := range share {
		a.note(string(b.Messages[s.Index].Payload))
	}
	go a.ms.Ack(a.tag)
	return len(share), a.tag
}

// Past bug: a member that joined a group after its topic was deleted, and before the
// other members had left, was never told anything.
func TestNobodyJoinsAGroupWhoseTopicWasDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		f.join(t, "c", "g", all())
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := f.tryJoin(t, "c", "g", all()); err != streams.ErrDeleted {
			t.Errorf("joined a group whose topic was deleted: %v", err)
		}
	})
}

// Past bug: the end of a topic reached members that had not started. A transport then
// sent the end of a subscription before the answer to the subscribe.
func TestNothingIsToldBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		m := all()
		ms, err := f.tryJoin(t, "c", "g", m)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(m.other) > 0 {
			t.Errorf("told %q before Start", m.other)
		}
		ms.Start()
		synctest.Wait()
		if got := strings.Join(m.other, ", "); got != "end" {
			t.Errorf("told %q by Start, want the end", got)
		}
	})
}
