package groups_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"seagate/groups"
	"seagate/storage/memory"
	"seagate/streams"
)

// member writes down what it was handed; it takes room messages, or all if
// room is negative, and accepts what does not contain its taboo.
type member struct {
	mu    sync.Mutex
	ms    *groups.Membership
	room  int
	taboo string
	got   []string
	tag   uint64
	other []string
}

func (m *member) Accepts(p *streams.Pass, i int) bool {
	return m.taboo == "" || !strings.Contains(string(p.Messages[i].Payload), m.taboo)
}

func (m *member) Deliver(run []*streams.Message) (int, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(run)
	if m.room >= 0 {
		n = min(n, m.room)
		m.room -= n
	}
	for _, msg := range run[:n] {
		m.got = append(m.got, string(msg.Payload))
		m.tag++
	}
	return n, m.tag
}

func (m *member) Gap(first, last uint64) {
	m.other = append(m.other, fmt.Sprint("gap ", first, "-", last))
}
func (m *member) End() { m.other = append(m.other, "end") }

func (m *member) want(t *testing.T, got ...string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Equal(m.got, got) {
		t.Errorf("member got %q, want %q", m.got, got)
	}
}

type fixture struct {
	net      *streams.Network
	out      *streams.OutTopic
	registry *groups.Registry
}

func newFixture(t testing.TB, credit groups.Credit, opts streams.Options) *fixture {
	t.Helper()
	net, err := streams.Open(context.Background(), memory.New(), opts)
	if err != nil {
		t.Fatal(err)
	}
	topic, err := net.Topic(streams.ID{Space: "jail", Name: "boiler"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := topic.Out()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(net.Close)
	return &fixture{net, out, groups.NewRegistry(credit, func(groups.Member, any) {})}
}

func (f *fixture) join(t testing.TB, client, group string, m *member) *member {
	t.Helper()
	ms, err := f.registry.Join(f.out.Topic(), client, group, m)
	if err != nil {
		t.Fatal(err)
	}
	m.ms = ms
	ms.Start()
	return m
}

func (f *fixture) send(payloads ...string) {
	raw := make([][]byte, len(payloads))
	for i, p := range payloads {
		raw[i] = []byte(p)
	}
	f.out.Send(raw, func(uint64, error) {})
}

func all() *member { return &member{room: -1} }

func TestEachMessageGoesToOneMemberInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		a, b := f.join(t, "c", "g", all()), f.join(t, "c", "g", all())
		other := f.join(t, "c", "h", all())
		stranger := f.join(t, "d", "g", all())
		f.send("1", "2", "3", "4")
		synctest.Wait()
		a.want(t, "1", "3")
		b.want(t, "2", "4")
		other.want(t, "1", "2", "3", "4")
		stranger.want(t, "1", "2", "3", "4")
		f.net.Close()
	})
}

func TestWhatALeaverDidNotAcknowledgeGoesToTheOthersOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		a, b := f.join(t, "c", "g", all()), f.join(t, "c", "g", all())
		f.send("1", "2", "3", "4", "5", "6")
		synctest.Wait()
		a.ms.Ack(1) // 1, 3 and 5 were handed over in one run: all carry tag 3
		a.ms.Leave()
		a.ms.Leave()
		b.want(t, "2", "4", "6", "1", "3", "5")
		b.ms.Leave()
		if f.registry.Len() != 0 {
			t.Errorf("%d groups are left after the last member", f.registry.Len())
		}
		if f.out.Topic().Requested() {
			t.Error("the topic is still read")
		}
		f.net.Close()
	})
}

func TestAcknowledgedIsNotRedelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		a := f.join(t, "c", "g", all())
		f.send("1", "2")
		synctest.Wait()
		a.ms.Ack(2)
		f.send("3")
		synctest.Wait()
		b := f.join(t, "c", "g", all())
		a.ms.Leave()
		b.want(t, "3")
		f.net.Close()
	})
}

func TestCreditHoldsBackUntilAcknowledged(t *testing.T) {
	for name, credit := range map[string]groups.Credit{
		"messages": {Messages: 2, Bytes: 1000},
		"bytes":    {Messages: 1000, Bytes: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, credit, streams.Options{})
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
				f.net.Close()
			})
		})
	}
}

func TestAMessageLargerThanAllCreditIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Credit{Messages: 10, Bytes: 4}, streams.Options{})
		a := f.join(t, "c", "g", all())
		f.send("0123456789", "x")
		synctest.Wait()
		a.want(t, "0123456789")
		a.ms.Ack(1)
		synctest.Wait()
		a.want(t, "0123456789", "x")
		f.net.Close()
	})
}

func TestAMemberWithoutRoomIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		full, free := f.join(t, "c", "g", &member{room: 1}), f.join(t, "c", "g", all())
		f.send("1", "2", "3", "4", "5")
		synctest.Wait()
		full.want(t, "1")
		free.want(t, "2", "4", "3", "5")
		f.net.Close()
	})
}

func TestAMemberAloneGetsAllInOrderHoweverOftenItIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
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
		f.net.Close()
	})
}

func TestFiltersDecideWhoMayBeHandedWhat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		noA := f.join(t, "c", "g", &member{room: -1, taboo: "a"})
		noB := f.join(t, "c", "g", &member{room: -1, taboo: "b"})
		f.send("a1", "b1", "ab", "a2", "b2")
		synctest.Wait()
		noA.want(t, "b1", "b2")
		noB.want(t, "a1", "a2")
		f.net.Close()
	})
}

func TestGapAndEndReachTheMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{TailMessages: 2})
		a := f.join(t, "c", "g", &member{room: 0})
		for i := range 6 {
			f.send(fmt.Sprint(i + 1))
			synctest.Wait()
		}
		a.mu.Lock()
		a.room = -1
		a.mu.Unlock()
		a.ms.Resume()
		synctest.Wait()
		a.want(t, "1", "5", "6") // 1 had been taken from the topic and waited in the group
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := strings.Join(a.other, ", "); got != "gap 2-4, end" {
			t.Errorf("member was told %q", got)
		}
		f.net.Close()
	})
}

func TestAGroupOfADeletedTopicIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		old := f.join(t, "c", "g", all())
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.registry.Join(f.out.Topic(), "c", "new", all()); err != streams.ErrDeleted {
			t.Errorf("join on a deleted topic: %v", err)
		}
		topic, _ := f.net.Topic(f.out.Topic().ID())
		f.out, _ = topic.Out()
		fresh := f.join(t, "c", "g", all())
		old.ms.Leave()
		f.send("1")
		synctest.Wait()
		fresh.want(t, "1")
		old.want(t)
		if f.registry.Len() != 1 {
			t.Errorf("%d groups, want 1", f.registry.Len())
		}
		f.net.Close()
	})
}

// Members of random appetite that acknowledge late, or never and leave: while
// one stays, the union of what was handed out is everything.
func TestTheUnionIsCompleteWhileMembersComeAndGo(t *testing.T) {
	const total = 2000
	f := newFixture(t, groups.Credit{Messages: 8, Bytes: 1 << 20}, streams.Options{})
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
					f.registry.Len()
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

// acker acknowledges everything from another goroutine, or nothing.
type acker struct {
	ms   *groups.Membership
	note func(string)
	lose bool
	tag  uint64
}

func (a *acker) join(t *testing.T, f *fixture) {
	ms, err := f.registry.Join(f.out.Topic(), "c", "g", a)
	if err != nil {
		t.Error(err)
		return
	}
	a.ms = ms
	ms.Start()
}

func (a *acker) Accepts(*streams.Pass, int) bool { return true }
func (a *acker) Gap(uint64, uint64)              {}
func (a *acker) End()                            {}

func (a *acker) Deliver(run []*streams.Message) (int, uint64) {
	a.tag += uint64(len(run))
	if a.lose {
		return len(run), a.tag
	}
	for _, m := range run {
		a.note(string(m.Payload))
	}
	go a.ms.Ack(a.tag)
	return len(run), a.tag
}
