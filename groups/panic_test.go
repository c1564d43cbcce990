package groups_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/groups"
	"seagate/streams"
)

// panicky is a member that panics at one message, in Visible or in Deliver.
type panicky struct {
	*member
	onVisible, onDeliver string
}

func (p *panicky) Visible(b *streams.Batch) []int {
	for _, m := range b.Messages {
		if string(m.Payload) == p.onVisible {
			panic("visible " + p.onVisible)
		}
	}
	return p.member.Visible(b)
}

func (p *panicky) Deliver(b *streams.Batch, share []groups.Share) (int, uint64) {
	for _, s := range share {
		if string(b.Messages[s.Index].Payload) == p.onDeliver {
			panic("deliver " + p.onDeliver)
		}
	}
	return p.member.Deliver(b, share)
}

// watch records which members panicked.
func watch(t *testing.T) (opts groups.Options, panics func() []string) {
	var mu sync.Mutex
	var all []string
	opts.OnPanic = func(m groups.Member, value any) {
		mu.Lock()
		defer mu.Unlock()
		if _, ok := m.(*panicky); !ok {
			t.Errorf("told that %T panicked", m)
		}
		all = append(all, fmt.Sprint(value))
	}
	return opts, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// Past bug: a member that panicked ended its group's reader. Other members, and those
// that joined later, received nothing and were told nothing. What the member had
// been assigned was lost.
func TestAMemberThatPanicsLosesNothingAndSilencesNobody(t *testing.T) {
	for name, bad := range map[string]*panicky{
		"visible":        {onVisible: "3"},
		"visible first":  {onVisible: "1"},
		"deliver":        {onDeliver: "3"},
		"deliver first":  {onDeliver: "1"},
		"visible always": {onVisible: "1", onDeliver: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts, panics := watch(t)
				f := newFixture(t, opts, streams.Options{})
				bad.member = all()
				ms, err := f.tryJoin(t, "c", "g", bad)
				if err != nil {
					t.Fatal(err)
				}
				ms.Start()
				healthy := f.join(t, "c", "g", all())
				f.send("1", "2", "3", "4", "5")
				synctest.Wait()
				if got := panics(); len(got) != 1 {
					t.Errorf("told of the panics %q, want one", got)
				}
				taken := len(bad.got)
				f.send("6")
				synctest.Wait()
				if len(bad.got) > taken {
					t.Errorf("a member that panicked was handed %q", bad.got[taken:])
				}
				ms.Leave()
				late := f.join(t, "c", "g", all())
				f.send("7", "8")
				synctest.Wait()
				got := slices.Sorted(slices.Values(slices.Concat(healthy.got, late.got)))
				if want := []string{"1", "2", "3", "4", "5", "6", "7", "8"}; !slices.Equal(got, want) {
					t.Errorf("the others received %q, want %q", got, want)
				}
				if len(late.got) == 0 {
					t.Error("who joined later received nothing")
				}
			})
		})
	}
}

// After a member has panicked, nobody can ask whether it accepts a message. Messages
// that nobody else accepts wait until it leaves.
func TestWhatOnlyAPanickedMemberMightHaveAcceptedWaitsForItToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, _ := watch(t)
		f := newFixture(t, opts, streams.Options{})
		ms, err := f.tryJoin(t, "c", "g", &panicky{member: all(), onVisible: "a1"})
		if err != nil {
			t.Fatal(err)
		}
		ms.Start()
		noA := f.join(t, "c", "g", &member{room: -1, refuses: "a"})
		f.send("a1", "b1")
		synctest.Wait()
		noA.want(t)
		fresh := f.join(t, "c", "g", &member{room: -1, refuses: "b"})
		ms.Leave()
		synctest.Wait()
		fresh.want(t, "a1")
		noA.want(t, "b1")
	})
}

// Past bug: the panic of a member, while another one left or while it started itself,
// reached that goroutine and ended the process.
func TestAPanicIsContainedWhoeverSharesOut(t *testing.T) {
	for name, first := range map[string]*member{"leave": all(), "start": {room: 0}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts, panics := watch(t)
				f := newFixture(t, opts, streams.Options{})
				f.join(t, "c", "g", first)
				f.send("1")
				synctest.Wait()
				ms, err := f.tryJoin(t, "c", "g", &panicky{member: all(), onDeliver: "1"})
				if err != nil {
					t.Fatal(err)
				}
				ms.Start() // is handed what the first had no room for, or nothing
				synctest.Wait()
				first.ms.Leave() // or now what the first did not acknowledge
				synctest.Wait()
				if got := panics(); len(got) != 1 {
					t.Errorf("told of the panics %q, want one", got)
				}
				ms.Leave()
			})
		})
	}
}

// Past bug: a member that panicked at a message was still handed the earlier ones of
// the batch.
func TestAPanickedMemberIsHandedNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts, _ := watch(t)
		f := newFixture(t, opts, streams.Options{})
		bad := &panicky{member: all(), onVisible: "3"}
		f.send("0")
		first := f.join(t, "c", "g", &member{room: 0})
		f.send("1", "2", "3") // wait in the group
		synctest.Wait()
		ms, _ := f.tryJoin(t, "c", "g", bad)
		ms.Start()
		synctest.Wait()
		if len(bad.got) > 0 {
			t.Errorf("handed %q after it had panicked", bad.got)
		}
		first.ms.Leave()
		ms.Leave()
	})
}
