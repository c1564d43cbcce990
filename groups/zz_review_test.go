package groups_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/streams"
)

// A member that joins a group whose topic has ended, while an old member has
// not left yet, is told nothing, for ever.
func TestReviewJoinAfterEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		old := f.join(t, "c", "g", all())
		if err := f.net.Delete(t.Context(), f.out.Topic().ID()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		late := all()
		ms, err := f.registry.Join(f.out.Topic(), "c", "g", late)
		if err == nil {
			ms.Start()
			synctest.Wait()
			if len(late.other) == 0 {
				t.Error("joined a group that is over, and was not told")
			}
		}
		_ = old
		f.net.Close()
	})
}

// Nothing is to be told before Start.
func TestReviewEndBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{})
		m := all()
		ms, err := f.registry.Join(f.out.Topic(), "c", "g", m)
		if err != nil {
			t.Fatal(err)
		}
		f.net.Delete(t.Context(), f.out.Topic().ID())
		synctest.Wait()
		if len(m.other) > 0 {
			t.Errorf("told %v before Start", m.other)
		}
		ms.Start()
		f.net.Close()
	})
}

type panicky struct{ *member; left int }

func (p *panicky) Deliver(run []*streams.Message) (int, uint64) {
	if p.left > 0 {
		p.left--
		panic("boom")
	}
	return p.member.Deliver(run)
}

// A panic of one member silences the group for good, also for who joins later.
func TestReviewPanicSilencesTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{OnPanic: func(streams.Consumer, any) {}})
		p := &panicky{all(), 1}
		ms, _ := f.registry.Join(f.out.Topic(), "c", "g", p)
		ms.Start()
		healthy := f.join(t, "c", "g", all())
		f.send("1", "2")
		synctest.Wait()
		ms.Leave()
		late := f.join(t, "c", "g", all())
		f.send("3", "4", "5", "6")
		synctest.Wait()
		if len(healthy.got)+len(late.got) == 0 && len(healthy.other) == 0 {
			t.Errorf("healthy got %v %v, late got %v: nothing, and told nothing", healthy.got, healthy.other, late.got)
		}
		f.net.Close()
	})
}

// A panic outside a worker (Resume, Ack, Leave) is contained by nobody.
func TestReviewPanicOnPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.DefaultCredit(), streams.Options{OnPanic: func(streams.Consumer, any) {}})
		a := f.join(t, "c", "g", all())
		f.send("1", "2")
		synctest.Wait()
		p := &panicky{all(), 1}
		ms, _ := f.registry.Join(f.out.Topic(), "c", "g", p)
		ms.Start()
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("a's Leave panicked for what the other member did: %v", v)
			}
			f.net.Close()
		}()
		a.ms.Leave()
	})
}

type countingMember struct {
	member
	accepts int
	seen    map[*streams.Pass]int
}

func (c *countingMember) Accepts(p *streams.Pass, i int) bool {
	p.Memo("decoded", func() any { c.accepts += len(p.Messages); return 0 }) // what gateway/filters.go decodes
	return true
}

// Work per redelivered message grows with what is returned.
func TestReviewPumpIsQuadratic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Credit{Messages: 1000, Bytes: 1 << 30}, streams.Options{TailMessages: 1 << 20, TailBytes: 1 << 30})
		var hogs []*member
		for range 20 {
			hogs = append(hogs, f.join(t, "c", "g", all()))
		}
		for i := range 20_000 {
			f.send(fmt.Sprint(i))
		}
		synctest.Wait()
		c := &countingMember{member: member{room: -1}}
		ms, _ := f.registry.Join(f.out.Topic(), "c", "g", c)
		ms.Start()
		for _, h := range hogs {
			h.ms.Leave()
		}
		start := time.Now()
		for tag := uint64(10); tag <= 20_000; tag += 10 {
			ms.Ack(tag)
		}
		synctest.Wait()
		_ = start
		t.Logf("%d messages redelivered, %d decoded for the filter", len(c.got), c.accepts)
		if c.accepts > 10*20_000 {
			t.Error("quadratic")
		}
		f.net.Close()
	})
}

var _ = context.Background
