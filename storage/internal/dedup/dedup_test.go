package dedup_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"seagate/storage"
	"seagate/storage/internal/dedup"
)

func request(key string, window time.Duration, texts ...string) dedup.Request {
	a := storage.Append{Key: key, Window: window}
	for _, text := range texts {
		a.Payloads = append(a.Payloads, []byte(text))
	}
	return dedup.NewRequest(a)
}

func mustAdd(t *testing.T, table *dedup.Table[string], log string, r dedup.Request, first uint64, now time.Time) dedup.Entry {
	t.Helper()
	e, added, err := table.Add(log, r, first, now)
	if err != nil || !added {
		t.Fatalf("Add: %+v, %v, %v", e, added, err)
	}
	return e
}

func TestEntriesExpireInOrder(t *testing.T) {
	start := time.Now()
	table := dedup.NewTable[string](0, nil)
	for _, i := range []int{3, 1, 2} {
		mustAdd(t, table, "log", request(fmt.Sprint(i), time.Duration(i), "x"), uint64(i), start)
	}
	for elapsed := range 5 {
		now := start.Add(time.Duration(elapsed))
		for i := 1; i <= 3; i++ {
			first, repeat, err := table.Repeat("log", request(fmt.Sprint(i), 0, "x"), now)
			if repeat != (elapsed < i) || repeat && first.First != uint64(i) || err != nil {
				t.Errorf("after %d ns key %d gives %+v, %v, %v", elapsed, i, first, repeat, err)
			}
		}
		mustAdd(t, table, "log", request("brief", 1, "x"), 9, now)
		if want := max(0, 3-elapsed) + 1; table.Len() != want {
			t.Errorf("after %d ns the table holds %d entries, want %d", elapsed, table.Len(), want)
		}
	}
	mustAdd(t, table, "log", request("1", 1, "x"), 1, start.Add(time.Hour))
	if table.Len() != 1 {
		t.Error("an expired key cannot be remembered again")
	}
	table.Drop("log")
	if table.Len() != 0 {
		t.Errorf("after Drop the table holds %d entries", table.Len())
	}
}

func TestWithoutKeyOrWindowNothingIsRemembered(t *testing.T) {
	table := dedup.NewTable[string](0, nil)
	for _, r := range []dedup.Request{request("", time.Hour, "x"), request("key", 0, "x"), request("key", -1, "x")} {
		if e, added, err := table.Add("log", r, 1, time.Now()); added || err != nil {
			t.Errorf("Add(%+v): %+v, %v, %v", r, e, added, err)
		}
	}
	if _, repeat, err := table.Repeat("log", request("", time.Hour, "x"), time.Now()); repeat || err != nil {
		t.Errorf("Repeat without a key: %v, %v", repeat, err)
	}
}

// TestPayloadsThatJoinToTheSameBytes tells apart payloads that are the same
// bytes when they are put together.
func TestPayloadsThatJoinToTheSameBytes(t *testing.T) {
	lists := [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"b", "a"}}
	for i, made := range lists {
		table := dedup.NewTable[string](0, nil)
		mustAdd(t, table, "log", request("key", time.Hour, made...), 1, time.Now())
		for j, again := range lists {
			_, repeat, err := table.Repeat("log", request("key", time.Hour, again...), time.Now())
			if !repeat || errors.Is(err, storage.ErrKeyReused) != (i != j) {
				t.Errorf("%q after %q: repeat %v, %v", again, made, repeat, err)
			}
		}
	}
}

func TestLimitCountsAllLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := dedup.NewTable[string](2, nil)
		mustAdd(t, table, "one", request("a", time.Minute, "x"), 1, time.Now())
		mustAdd(t, table, "two", request("a", time.Hour, "x"), 1, time.Now())
		if _, _, err := table.Add("three", request("a", time.Hour, "x"), 1, time.Now()); !errors.Is(err, storage.ErrTooManyKeys) {
			t.Errorf("Add to a full table: %v", err)
		}
		time.Sleep(time.Minute)
		mustAdd(t, table, "three", request("a", time.Hour, "x"), 1, time.Now())
	})
}

// TestSweepUsesEachLogsClock adds to a log whose clock is ahead. Entries of
// other logs stay within their windows.
func TestSweepUsesEachLogsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := dedup.NewTable[string](2, nil)
		now := time.Now()
		mustAdd(t, table, "log", request("a", time.Hour, "x"), 1, now)
		mustAdd(t, table, "log", request("b", time.Hour, "x"), 2, now)
		if _, _, err := table.Add("ahead", request("a", time.Hour, "x"), 1, now.Add(48*time.Hour)); !errors.Is(err, storage.ErrTooManyKeys) {
			t.Errorf("Add to a full table: %v", err)
		}
		if _, repeat, _ := table.Repeat("log", request("a", time.Hour, "x"), now); !repeat {
			t.Error("an entry was forgotten within its window")
		}
	})
}

func TestExpiredYieldsEachLogOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := dedup.NewTable[string](0, nil)
		collect := func() map[string]time.Time {
			found := map[string]time.Time{}
			for log, until := range table.Expired() {
				found[log] = until
			}
			return found
		}
		loaded := mustAdd(t, dedup.NewTable[string](0, nil), "", request("old", time.Second, "x"), 1, time.Now())
		time.Sleep(time.Minute)
		table.Load("loaded", loaded, time.Now())
		mustAdd(t, table, "brief", request("a", time.Second, "x"), 1, time.Now())
		mustAdd(t, table, "lasting", request("a", time.Hour, "x"), 1, time.Now())
		if table.Len() != 2 {
			t.Errorf("the table holds %d entries, want 2", table.Len())
		}
		if found := collect(); len(found) != 1 || !found["loaded"].Equal(time.Now()) {
			t.Errorf("Expired yields %v, want what was loaded too late", found)
		}
		time.Sleep(time.Second)
		if found := collect(); len(found) != 0 {
			t.Errorf("Expired yields %v after one second", found)
		}
		time.Sleep(9 * time.Second)
		if found := collect(); len(found) != 1 || !found["brief"].Equal(time.Now()) {
			t.Errorf("Expired yields %v, want the log with a brief window", found)
		}
		time.Sleep(time.Minute)
		if found := collect(); len(found) != 0 {
			t.Errorf("Expired yields %v again", found)
		}
	})
}

func TestEntriesOfALogAreCounted(t *testing.T) {
	counts := map[string]int{}
	table := dedup.NewTable(0, func(log string, n int) { counts[log] = n })
	now := time.Now()
	mustAdd(t, table, "a", request("1", time.Second, "x"), 1, now)
	mustAdd(t, table, "a", request("2", time.Minute, "x"), 2, now)
	mustAdd(t, table, "b", request("1", time.Minute, "x"), 1, now)
	if counts["a"] != 2 || counts["b"] != 1 {
		t.Errorf("counted %v", counts)
	}
	mustAdd(t, table, "a", request("3", time.Minute, "x"), 3, now.Add(2*time.Second))
	table.Drop("b")
	if counts["a"] != 2 || counts["b"] != 0 {
		t.Errorf("after the first has expired and b was dropped: %v", counts)
	}
}
