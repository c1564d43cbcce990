package groups_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

func TestGapsAreCountedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		a := f.joinExplicitly(t, all())
		f.sendNumbers(1, 4)
		synctest.Wait()
		wantCount(t, 1)(a.ms.AckSeqs([]uint64{3}))
		a.ms.Leave()
		f.sendNumbers(5, 9)
		f.trim(t, 3)
		if s := f.stat(t); s.Lost != 0 || s.Lag != 8 {
			t.Errorf("before anybody noticed: %+v", s)
		}
		first := all()
		ms, err := f.tryJoin(t, "c", "g", first)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.wantTrace(t, 1, groups.Done, groups.Lost, 0)
		f.wantTrace(t, 2, groups.Done, groups.Lost, 0)
		f.wantTrace(t, 3, groups.Done, groups.Acknowledged, 1) // it was, before it was removed
		f.wantTrace(t, 4, groups.Done, groups.Lost, 0)
		if first.told() != "" {
			t.Errorf("told %q before Start", first.told())
		}
		second := f.join(t, "c", "g", all())
		synctest.Wait()
		ms.Start()
		synctest.Wait()
		if first.told() != "" || second.told() != "gap 1-2, gap 4-6" {
			t.Errorf("told %q and %q", first.told(), second.told())
		}
		if got := slices.Sorted(slices.Values(slices.Concat(first.got, second.got))); !slices.Equal(got, numbers(7, 9)) {
			t.Errorf("handed out %q", got)
		}
		if s := f.stat(t); s.Lost != 5 || s.Position != 7 || s.Lag != 3 || f.registry.Overview(0).Lost != 5 {
			t.Errorf("%+v", s)
		}
		f.restart(t)
		if s := f.stat(t); s.Lost != 5 {
			t.Errorf("after a restart: %+v", s)
		}
	})
}

// A member that was told of a gap may be gone already. So other members are told,
// until one confirms the notice.
func TestAGapIsToldUntilSomebodyHeard(t *testing.T) {
	for _, explicit := range []bool{false, true} {
		t.Run(fmt.Sprintf("explicit %t", explicit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, groups.Options{}, smallTail)
				join := func() *member {
					return f.joinWith(t, "c", "g", &member{room: -1, mayMiss: true}, groups.JoinOptions{Explicit: explicit})
				}
				wantTold := func(m *member, want string) {
					t.Helper()
					synctest.Wait()
					if m.told() != want {
						t.Errorf("told %q, want %q", m.told(), want)
					}
				}
				join().ms.Leave()
				f.sendNumbers(1, 6)
				f.trim(t, 2)
				a := join()
				wantTold(a, "gap 1-4")
				b := join() // somebody is about to hear
				wantTold(b, "")
				a.ms.Ack(0)
				a.ms.Leave() // unheard
				wantTold(b, "gap 1-4")
				b.ms.Leave()
				f.restart(t)
				c := join()
				wantTold(c, "gap 1-4")
				time.Sleep(time.Minute)
				f.crash(t) // with what was written
				d := join()
				wantTold(d, "gap 1-4")
				d.ms.Ack(1)
				d.ms.Leave()
				f.restart(t)
				e := join()
				wantTold(e, "")
				if s := f.stat(t); s.Lost != 4 {
					t.Errorf("%d messages are lost", s.Lost)
				}
			})
		})
	}
}

// A member that cannot be told of a gap does not confirm it.
func TestAGapWaitsForSomebodyWhoCanBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		f.join(t, "c", "g", all()).ms.Leave()
		f.sendNumbers(1, 6)
		f.trim(t, 2)
		f.join(t, "c", "g", &member{room: -1, skips: true})
		synctest.Wait()
		b := f.join(t, "c", "g", all())
		synctest.Wait()
		c := f.join(t, "c", "g", all())
		synctest.Wait()
		if b.told() != "gap 1-4" || c.told() != "" {
			t.Errorf("told %q and %q", b.told(), c.told())
		}
	})
}

// If a log comes back shorter, the group continues at its end. A gap before that
// end still has to be told.
func TestAGapAcrossTheEndOfALogThatCameBackShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, streams.Options{})
		f.sendNumbers(1, 5)
		synctest.Wait()
		if err := f.registry.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		stored := fmt.Sprintf(`{"log":%q,"position":21,"untold":[[3,20],[22,23]],"createdAt":"2000-01-01T00:00:00Z","lastActive":"2000-01-01T00:00:00Z"}`, f.out.Topic().Bounds().ID)
		if _, err := f.records.Put(t.Context(), "groups", "jail/boiler/c/g", []byte(stored), storage.Always()); err != nil {
			t.Fatal(err)
		}
		f.open(t)
		a := f.join(t, "c", "g", all())
		f.sendNumbers(6, 6)
		synctest.Wait()
		a.want(t, "6")
		if a.told() != "gap 3-5" {
			t.Errorf("told %q", a.told())
		}
	})
}

// Gaps that no member confirms take a bounded amount of memory.
func TestUnacknowledgedGapsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		f.join(t, "c", "g", all()).ms.Leave()
		for n := range groups.MaxLosses + 10 {
			f.sendNumbers(2*n+1, 2*n+2)
			f.trim(t, 1)
			a := f.joinWith(t, "c", "g", &member{room: -1, mayMiss: true}, groups.JoinOptions{Explicit: true})
			synctest.Wait()
			wantCount(t, 1)(a.ms.AckSeqs([]uint64{uint64(2*n + 2)}))
			a.ms.Leave()
			synctest.Wait() // for the tail to be let go
		}
		last := f.join(t, "c", "g", all())
		synctest.Wait()
		if n := strings.Count(last.told(), "gap"); n != groups.MaxLosses {
			t.Errorf("told of %d gaps", n)
		}
		if !strings.HasPrefix(last.told(), "gap 21-21, gap 23-23") {
			t.Errorf("told %.40q", last.told())
		}
	})
}

// A member can acknowledge a message that retention has dropped meanwhile. Messages
// that the group had not read are lost.
func TestAGapBehindAFullWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Window: 2}, smallTail)
		a := f.join(t, "c", "g", all())
		f.sendNumbers(1, 3)
		synctest.Wait()
		f.sendNumbers(4, 9)
		f.trim(t, 2)
		a.want(t, "1", "2")
		f.wantAt(t, 1, 9)
		a.ms.Ack(a.tag)
		synctest.Wait()
		if a.told() != "gap 3-7" {
			t.Errorf("told %q", a.told())
		}
		a.want(t, "1", "2", "8", "9")
		f.wantAt(t, 8, 2)
	})
}

// torn is a store whose logs sometimes cannot be read.
type torn struct {
	*memory.Engine
	broken atomic.Bool
}

func (l *torn) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	log, err := l.Engine.OpenLog(ctx, name)
	return tornLog{log, l}, err
}

type tornLog struct {
	storage.Log
	logs *torn
}

var errTorn = errors.New("torn")

func (l tornLog) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]storage.Entry, error) {
	if l.logs.broken.Load() {
		return nil, errTorn
	}
	return l.Log.Read(ctx, from, maxMessages, maxBytes)
}

func TestATopicThatCannotBeReadLetsTheMembersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := memory.New()
		logs := &torn{Engine: engine}
		net, err := streams.Open(t.Context(), streams.Stores{Records: engine, Disk: logs, Memory: memory.New()}, streamstest.Options(streams.Options{TailMessages: 1}))
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{engine: engine, records: engine, net: net}
		t.Cleanup(f.close)
		f.provide(t)
		f.open(t)
		a := f.join(t, "c", "g", &member{room: 1})
		for n := range 4 {
			f.sendNumbers(n+1, n+1)
			synctest.Wait()
		}
		a.ms.Ack(1)
		logs.broken.Store(true)
		a.giveRoom(-1)
		synctest.Wait()
		if !strings.HasPrefix(a.told(), "failed: ") || !strings.Contains(a.told(), errTorn.Error()) {
			t.Errorf("told %q", a.told())
		}
		if o := f.registry.Overview(0); o.Members != 0 || o.Groups != 1 {
			t.Errorf("%+v", o)
		}
		if _, err := f.groups().Get(t.Context(), theGroup); !errors.Is(err, errTorn) {
			t.Errorf("Get: %v", err)
		}
		logs.broken.Store(false)
		b := f.join(t, "c", "g", all())
		synctest.Wait()
		if got := slices.Concat(a.got, b.got); !slices.Equal(slices.Compact(slices.Sorted(slices.Values(got))), numbers(1, 4)) {
			t.Errorf("handed out %q and %q", a.got, b.got)
		}
	})
}

// Past bug: a gap that was found before the only member had started was told to
// nobody.
func TestAGapBeforeStartIsToldToTheNextMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{}, smallTail)
		m := f.join(t, "c", "g", &member{room: 0})
		f.sendNumbers(1, 10)
		synctest.Wait()
		m.ms.Leave()
		f.trim(t, 5)
		ms, err := f.tryJoin(t, "c", "g", all())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		ms.Leave() // its connection ended before Start
		next := f.join(t, "c", "g", all())
		synctest.Wait()
		if next.told() != "gap 1-5" {
			t.Errorf("the next member was told %q of the gap; stat %+v", next.told(), f.stat(t))
		}
	})
}
