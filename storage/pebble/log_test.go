package pebble_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/storagetest"
)

func wantNotDone(t testing.TB, what string, results <-chan storagetest.Result) {
	t.Helper()
	select {
	case got := <-results:
		t.Errorf("%s has a result (%+v) before it is durable", what, got)
	default:
	}
}

// TestAppendIsNotVisibleBeforeItIsDurable looks at a log during the sync of an
// append.
func TestAppendIsNotVisibleBeforeItIsDurable(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		l := mustOpenLog(t, e, "log")
		mustAppend(t, l, "before")
		g.shut()
		appended := startAppend(l, storage.Append{Payloads: payloads("after"), Key: "key", Window: time.Hour})
		synctest.Wait()
		repeat := startAppend(l, storage.Append{Payloads: payloads("after"), Key: "key", Window: time.Hour})
		refused := startAppend(l, storage.Append{Payloads: payloads("other"), Key: "key", Window: time.Hour})
		synctest.Wait()
		wantNotDone(t, "Append", appended)
		wantNotDone(t, "a repeat", repeat)
		wantNotDone(t, "a refusal", refused)
		if b := l.Bounds(); b.Next != 2 {
			t.Errorf("Bounds show an entry that is not durable: %+v", b)
		}
		if got, err := l.Read(t.Context(), 2, 1, 1); len(got) != 0 || err != nil {
			t.Errorf("Read returns an entry that is not durable: %v, %v", got, err)
		}
		g.open()
		first, again, other := <-appended, <-repeat, <-refused
		if first.Err != nil || first.First != 2 || first.Repeat || again.First != 2 || !again.Repeat || !errors.Is(other.Err, storage.ErrKeyReused) {
			t.Errorf("results: %+v, %+v, %+v", first, again, other)
		}
	})
}

// TestWaitingOperationsShareOneSync counts the syncs of many appends to many
// logs, a trim, a deletion and a record that wait together.
func TestWaitingOperationsShareOneSync(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		mustAppend(t, mustOpenLog(t, e, "trimmed"), "a", "b", "c")
		mustAppend(t, mustOpenLog(t, e, "deleted"), "a")
		g.shut()
		blocker := put(t.Context(), e, "blocker", "", storage.Always())
		synctest.Wait()
		var results []<-chan storagetest.Result
		for i := range 900 {
			results = append(results, startAppend(mustOpenLog(t, e, fmt.Sprint(i%100)), storage.Append{Payloads: payloads("text")}))
		}
		others := make(chan error, 2)
		go func() { others <- mustOpenLog(t, e, "trimmed").Trim(t.Context(), storage.Retention{Messages: 1}) }()
		go func() { others <- e.DeleteLog(t.Context(), "deleted") }()
		record := put(t.Context(), e, "record", "", storage.Always())
		synctest.Wait()
		before := g.count()
		g.open()
		for _, result := range results {
			if got := <-result; got.Err != nil {
				t.Fatal(got.Err)
			}
		}
		if err := errors.Join(<-blocker, <-record, <-others, <-others); err != nil {
			t.Fatal(err)
		}
		if syncs := g.count() - before; syncs != 1 {
			t.Errorf("they took %d syncs, want 1", syncs)
		}
	})
}

// TestFullQueueBlocksAppends fills the queue by number and by bytes.
func TestFullQueueBlocksAppends(t *testing.T) {
	for _, test := range []struct{ size, appends, most int }{
		{1, 6000, 1 + 4096 + 1024}, // one in Append, the queue, and a batch at the disk
		{1 << 20, 15, 1 + 8 + 1},
	} {
		withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
			l := mustOpenLog(t, e, "log")
			g.shut()
			var begun, done atomic.Int64
			go func() {
				for range test.appends {
					begun.Add(1)
					l.Append(storage.Append{Payloads: [][]byte{make([]byte, test.size)}, Done: func(storage.Appended, error) { done.Add(1) }})
				}
			}()
			synctest.Wait()
			if n := begun.Load(); n > int64(test.most) {
				t.Errorf("with %d bytes each, %d appends were accepted, want at most %d", test.size, n, test.most)
			}
			g.open()
			synctest.Wait()
			if n := done.Load(); n != int64(test.appends) {
				t.Errorf("%d of %d appends got a result", n, test.appends)
			}
		})
	}
}

// TestSlowDoneBoundsBatches blocks a Done. The next batch becomes durable
// meanwhile, but only a bounded number of them.
func TestSlowDoneBoundsBatches(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		l := mustOpenLog(t, e, "log")
		proceed := make(chan struct{})
		l.Append(storage.Append{Payloads: payloads("slow"), Done: func(storage.Appended, error) { <-proceed }})
		synctest.Wait()
		var results []<-chan storagetest.Result
		for range 10 {
			results = append(results, startAppend(l, storage.Append{Payloads: payloads("text")}))
			synctest.Wait()
		}
		if b := l.Bounds(); b.Next < 3 || b.Next > 5 {
			t.Errorf("while Done is blocked the log grows to %d", b.Next)
		}
		close(proceed)
		for _, result := range results {
			if got := <-result; got.Err != nil {
				t.Fatal(got.Err)
			}
		}
	})
}

// TestCloseNotifiesInOrder closes the engine with one append at the disk, two in
// the queue and one that comes later.
func TestCloseNotifiesInOrder(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		l := mustOpenLog(t, e, "log")
		g.shut()
		var mu sync.Mutex
		var order []string
		add := func(name string) {
			l.Append(storage.Append{Payloads: payloads(name), Done: func(_ storage.Appended, err error) {
				mu.Lock()
				defer mu.Unlock()
				order = append(order, fmt.Sprint(name, " ", err))
			}})
		}
		add("at the disk")
		synctest.Wait()
		add("queued")
		add("queued too")
		closed := make(chan error, 1)
		go func() { closed <- e.Close() }()
		synctest.Wait()
		go add("late")
		synctest.Wait()
		g.open()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want := fmt.Sprint([]string{"at the disk <nil>", "queued " + storage.ErrClosed.Error(), "queued too " + storage.ErrClosed.Error(), "late " + storage.ErrClosed.Error()})
		mu.Lock()
		defer mu.Unlock()
		if got := fmt.Sprint(order); got != want {
			t.Errorf("results: %s, want %s", got, want)
		}
	})
}

// TestLogAheadOfTheClockKeepsOtherLogsKeys has a log whose newest entry is in the
// future, because the clock was set back. Adding a key to it makes no room by
// forgetting keys of other logs within their windows.
func TestLogAheadOfTheClockKeepsOtherLogsKeys(t *testing.T) {
	mem := vfs.NewMem()
	opts := pebble.Options{FS: mem, Logger: quiet, AppendKeys: 2}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(48 * time.Hour) // the clock is ahead
		e := mustOpen(t, "data", opts)
		mustAppend(t, mustOpenLog(t, e, "ahead"), "text")
		mustClose(t, e)
	})
	synctest.Test(t, func(t *testing.T) { // the clock is set back
		e := mustOpen(t, "data", opts)
		defer mustClose(t, e)
		l := mustOpenLog(t, e, "log")
		keyed := storage.Append{Payloads: payloads("once"), Key: "key", Window: time.Hour}
		first := appendTo(l, keyed)
		second := keyed
		second.Key = "key 2"
		appendTo(l, second)
		appendTo(mustOpenLog(t, e, "ahead"), storage.Append{Payloads: payloads("x"), Key: "other", Window: time.Hour})
		again := appendTo(l, keyed)
		if !again.Repeat || again.First != first.First {
			t.Errorf("repeated within the window: %+v, first was %+v", again, first)
		}
	})
}
