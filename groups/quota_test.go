package groups_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/internal/quota"
	"seagate/streams"
)

// What groups store counts for their jail until they are deleted, and again after a restart.
func TestRecordsOfGroupsCount(t *testing.T) {
	book := quota.New(quota.Limits{})
	f := newFixture(t, groups.Options{Quotas: book}, streams.Options{})
	f.join(t, "c", "1", all())
	f.join(t, "c", "2", all())
	jail := book.Account("jail")
	used := jail.Used(quota.Records)
	if want := int64(2 * (512 + len("jail/boiler/c/1"))); used != want || jail.Used(quota.Disk) != used || jail.Used(quota.Memory) < used {
		t.Errorf("two groups use %d bytes, %d of the disk and %d of memory, want %d", used,
			jail.Used(quota.Disk), jail.Used(quota.Memory), want)
	}
	f.opts.Quotas = quota.New(quota.Limits{})
	f.restart(t)
	jail = f.opts.Quotas.Account("jail")
	if again := jail.Used(quota.Records); again != used || jail.Used(quota.Disk) != used {
		t.Errorf("after a restart they use %d bytes, %d of the disk, want %d", again, jail.Used(quota.Disk), used)
	}
	for _, group := range []string{"1", "2"} {
		if err := f.groups().Delete(nameOf("c", group)); err != nil {
			t.Fatal(err)
		}
	}
	if jail.Used(quota.Records) != 0 || jail.Used(quota.Disk) != 0 || jail.Used(quota.Memory) != 0 {
		t.Errorf("after the deletion %d bytes are used, %d of the disk and %d of memory",
			jail.Used(quota.Records), jail.Used(quota.Disk), jail.Used(quota.Memory))
	}
}

// A client whose jail may store no more gets no further group. One that nobody came back to gives way.
func TestGroupsBeyondTheRecordsOfTheJail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := quota.New(quota.Limits{quota.Records: 1300})
		f := newFixture(t, groups.Options{Quotas: book}, streams.Options{})
		first := f.join(t, "c", "1", all())
		f.join(t, "c", "2", all())
		_, err := f.tryJoin(t, "other", "1", all())
		if exceeded, ok := errors.AsType[*quota.Exceeded](err); !ok || exceeded.Resource != quota.Records {
			t.Fatalf("a group beyond the quota: %v", err)
		}
		if used := book.Account("jail").Used(quota.Groups); used != 2 {
			t.Errorf("%d groups count", used)
		}
		first.ms.Leave()
		synctest.Wait()
		f.join(t, "c", "3", all())
		if _, err := f.groups().Get(t.Context(), nameOf("c", "1")); err != groups.ErrNotFound {
			t.Errorf("the group that nobody came back to: %v", err)
		}
	})
}

// A group with many gaps in what it is done with takes nothing more once its jail may store no more.
// It goes on when its record fits, and after a restart it delivers nothing again that it is done with.
func TestGroupWhoseProgressCannotBeStoredWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused error
		book := quota.New(quota.Limits{quota.Records: 1200})
		f := newFixture(t, groups.Options{Quotas: book, OnError: func(_ groups.Key, err error) { refused = err }}, streams.Options{})
		m := f.joinExplicitly(t, &member{room: -1})
		tick := func() {
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		f.sendNumbers(1, 100)
		tick()
		odd := func(last uint64) {
			for seq := uint64(2); seq <= last; seq += 2 {
				_, _ = m.ms.AckSeqs([]uint64{seq}) // leaves the odd ones
			}
			tick()
		}
		odd(100)
		if !errors.Is(refused, quota.ErrExceeded) {
			t.Fatalf("a record of 50 spans: %v", refused)
		}
		if used := book.Account("jail").Used(quota.Records); used > 1200*7/8 {
			t.Errorf("%d bytes are used", used)
		}
		before := m.count()
		f.sendNumbers(101, 101)
		tick()
		if m.count() != before {
			t.Error("the group takes more than its jail may store")
		}
		if _, err := m.ms.AckUpTo(99); err != nil {
			t.Fatal(err)
		}
		tick()
		if m.count() != before+1 {
			t.Errorf("a group whose record has shrunk got %d messages, want 1", m.count()-before)
		}

		f.sendNumbers(102, 200)
		tick()
		odd(200)
		f.restart(t)
		again := f.joinExplicitly(t, &member{room: -1})
		tick()
		if got := again.count(); got != 50 {
			t.Errorf("after the restart %d messages are delivered again, want the 50 that are not acknowledged", got)
		}
	})
}

// The operator raises the quota, and the group goes on although nothing else happens.
func TestGroupGoesOnWhenItsJailMayStoreMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := quota.New(quota.Limits{quota.Records: 1200})
		f := newFixture(t, groups.Options{Quotas: book, AckTimeout: time.Hour, OnError: func(groups.Key, error) {}}, streams.Options{})
		m := f.joinExplicitly(t, &member{room: -1})
		f.sendNumbers(1, 100)
		synctest.Wait()
		for seq := uint64(2); seq <= 100; seq += 2 {
			_, _ = m.ms.AckSeqs([]uint64{seq})
		}
		time.Sleep(2 * time.Second)
		f.sendNumbers(101, 101)
		before := m.count()
		book.Set("jail", quota.Own{quota.Records: 0})
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if m.count() != before+1 {
			t.Errorf("%d messages came, want 1", m.count()-before)
		}
	})
}

// Groups at different places of a log hold no more in memory together than their jail may. They go on
// as messages are acknowledged, and groups of another jail do not wait.
func TestGroupsHoldNoMoreThanTheirJailMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, each, many = 1000, 40, 20
		book := quota.New(quota.Limits{})
		f := newFixture(t, groups.Options{Quotas: book, AckTimeout: time.Hour}, streams.Options{})
		var members []*member
		for i := range many {
			members = append(members, f.joinWith(t, "c", fmt.Sprint(i), &member{room: -1}, groups.JoinOptions{Explicit: true, Credit: each}))
		}
		most := book.Account("jail").Used(quota.Memory) + 100_000
		book.Set("jail", quota.Own{quota.Memory: most})
		tick := func() {
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		got := func() (n int) {
			for _, m := range members {
				n += m.count()
			}
			return n
		}
		payload := strings.Repeat("x", size)
		for range 2 * each { // in 80 checkpoints
			f.send(payload)
			tick()
		}
		if held := got() * size; int64(held) > most+many*size || held < 100_000/2 {
			t.Errorf("the groups hold %d bytes, of %d and what comes between two checkpoints", held, most)
		}
		for end := 0; got() < many*2*each; end++ { // each is delivered to each group in the end
			if end == 10*each {
				t.Fatalf("%d messages were delivered, want %d", got(), many*2*each)
			}
			for _, m := range members {
				if n := m.count(); n > 0 {
					if _, err := m.ms.AckUpTo(uint64(n)); err != nil {
						t.Fatal(err)
					}
				}
			}
			tick()
		}
	})
}

// A group that holds nothing any more counts nothing, however it has come to that.
func TestWhatGroupsHoldIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, groups.Options{Quotas: quota.New(quota.Limits{})}, streams.Options{})
		held := func(what string, want int64) {
			t.Helper()
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if got := f.registry.Held("jail"); got != want {
				t.Errorf("%s: %d bytes are held, want %d", what, got, want)
			}
		}
		first := f.joinWith(t, "c", "1", &member{room: -1}, groups.JoinOptions{Explicit: true})
		f.joinWith(t, "c", "2", &member{room: -1}, groups.JoinOptions{Explicit: true})
		f.send("12345", "12345")
		held("two messages of two groups", 20)
		if _, err := first.ms.Nack([]uint64{1}, "", time.Minute); err != nil {
			t.Fatal(err)
		}
		held("one of them waits for its delay", 20)
		if _, err := first.ms.AckSeqs([]uint64{2}); err != nil {
			t.Fatal(err)
		}
		held("one is acknowledged", 15)
		first.ms.Leave()
		held("the member has left", 10)
		if err := f.groups().Delete(nameOf("c", "2")); err != nil {
			t.Fatal(err)
		}
		held("the other group is deleted", 0)
	})
}
