package groups_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/internal/clock"
	"seagate/internal/clock/clocktest"
	"seagate/streams"
)

// The sweep runs every minute.
func TestAnIdleGroupIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{IdleTimeout: time.Hour}, streams.Options{})
		f.join(t, "c", "g", all()).ms.Leave()
		f.join(t, "c", "h", all())
		time.Sleep(time.Hour - time.Second)
		f.stat(t)
		time.Sleep(time.Minute + 2*time.Second)
		synctest.Wait()
		if _, err := f.groups().Get(t.Context(), theGroup); err != groups.ErrNotFound {
			t.Errorf("still there: %v", err)
		}
		if keys := keysOf(t, f.records); !slices.Equal(keys, []string{"jail/boiler/c/h"}) {
			t.Errorf("records %q", keys)
		}
	})
}

// A group that had members when the process died is idle since the restart. One
// without members is idle since the last one left.
func TestIdlenessIsRememberedOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{IdleTimeout: time.Hour}, streams.Options{})
		f.join(t, "c", "idle", all()).ms.Leave()
		f.join(t, "c", "used", all())
		time.Sleep(50 * time.Minute)
		f.crash(t)
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		if keys := keysOf(t, f.records); !slices.Equal(keys, []string{"jail/boiler/c/used"}) {
			t.Errorf("after 62 minutes: records %q", keys)
		}
		f.crash(t)
		time.Sleep(50 * time.Minute)
		synctest.Wait()
		if keys := keysOf(t, f.records); len(keys) != 0 {
			t.Errorf("after 112 minutes: records %q", keys)
		}
	})
}

// A step of the clock forward deleted the groups without members.
func TestAGroupDoesNotBelieveAJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var jumped atomic.Int64
		began, o := time.Now(), clocktest.Options()
		o.Read = func() (wall, monotonic time.Duration) {
			monotonic = time.Since(began)
			return monotonic + time.Duration(jumped.Load()), monotonic
		}
		f := newFixture(t, groups.Options{IdleTimeout: 7 * 24 * time.Hour, Clock: clock.New(o)}, streams.Options{})
		f.join(t, "c", "g", all()).ms.Leave()
		time.Sleep(20 * time.Minute)
		jumped.Store(int64(8 * 24 * time.Hour))
		time.Sleep(5 * time.Minute)
		jumped.Store(0)
		time.Sleep(time.Hour)
		f.stat(t)
		jumped.Store(int64(8 * 24 * time.Hour))
		time.Sleep(o.Patience + 2*time.Minute)
		synctest.Wait()
		if _, err := f.groups().Get(t.Context(), theGroup); err != groups.ErrNotFound {
			t.Errorf("a jump that lasted: %v", err)
		}
	})
}

func TestFreshGroupsLeaveNothingBehind(t *testing.T) {
	const many = 50_000
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{IdleTimeout: 2 * time.Minute, PerClient: many}, streams.Options{})
		before := heap()
		for i := range many {
			ms, err := f.tryJoin(t, "c", fmt.Sprint("fresh-", i), all())
			if err != nil {
				t.Fatal(err)
			}
			ms.Leave()
		}
		time.Sleep(time.Minute) // written, and at rest
		synctest.Wait()
		resting := heap()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if n := len(keysOf(t, f.records)); n != 0 {
			t.Errorf("%d records are left", n)
		}
		if o := f.registry.Overview(0); o.Groups != 0 {
			t.Errorf("%d groups are left", o.Groups)
		}
		after := heap()
		t.Logf("%d bytes for each at rest, its record included, and %d after", (resting-before)/many, (after-before)/many)
		if each := (after - before) / many; each > 64 {
			t.Errorf("%d bytes for each are left", each)
		}
	})
}

// Records are counted apart: they stay when the registry is closed.
func TestAGroupAtRestIsSmall(t *testing.T) {
	const many, limit = 20_000, 1024
	f := newFixture(t, groups.Options{PerClient: many}, streams.Options{})
	f.sendNumbers(1, 100)
	for i := range many {
		ms, err := f.tryJoin(t, "c", fmt.Sprintf("%08d-0000-0000-0000-000000000000", i), all())
		if err != nil {
			t.Fatal(err)
		}
		ms.Leave()
	}
	if err := f.registry.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.registry = nil
	before := heap()
	f.open(t)
	each := (heap() - before) / many
	t.Logf("%d bytes for each group at rest", each)
	if each > limit {
		t.Errorf("%d bytes for each group at rest, at most %d are allowed", each, limit)
	}
	f.send("more")
	if o := f.registry.Overview(3); o.Groups != many || len(o.Worst) != 3 {
		t.Errorf("%+v", o)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
