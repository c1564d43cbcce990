package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"seagate/storage"
)

const contenders = 16

// together runs f in several goroutines that start at the same moment.
func together(f func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(contenders)
	for i := range contenders {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			f(i)
		})
	}
	done.Wait()
}

func testConcurrentCreate(t *testing.T, e storage.Engine) {
	for round := range 20 {
		key := fmt.Sprint(round)
		var winner atomic.Int64
		together(func(i int) {
			_, err := e.Put(t.Context(), "table", key, []byte(fmt.Sprint(i)), storage.IfAbsent())
			switch {
			case err == nil && !winner.CompareAndSwap(0, int64(i)+1):
				t.Error("two writers created the same record")
			case err != nil && !errors.Is(err, storage.ErrConflict):
				t.Errorf("Put: %v", err)
			}
		})
		r, err := e.Get(t.Context(), "table", key)
		wantError(t, "Get", err, nil)
		if want := fmt.Sprint(winner.Load() - 1); string(r.Value) != want {
			t.Fatalf("the record has the value of writer %s, but writer %s succeeded", r.Value, want)
		}
	}
}

func testConcurrentDelete(t *testing.T, e storage.Engine) {
	for round := range 20 {
		key := fmt.Sprint(round)
		revision := MustPut(t, e, key, "")
		var deleted atomic.Int64
		together(func(int) {
			err := e.Delete(t.Context(), "table", key, storage.IfRevision(revision))
			switch {
			case err == nil:
				deleted.Add(1)
			case !errors.Is(err, storage.ErrConflict):
				t.Errorf("Delete: %v", err)
			}
		})
		if deleted.Load() != 1 {
			t.Fatalf("%d writers deleted the same record", deleted.Load())
		}
		wantAbsent(t, e, "table", key)
	}
}

// testConcurrentIncrement loses a count if two writers replace the same
// revision.
func testConcurrentIncrement(t *testing.T, e storage.Engine) {
	const each = 10
	var revisions sync.Map
	mustPut(t, e, "table", "counter", "0", storage.IfAbsent())
	together(func(int) {
		for range each {
			revision, err := increment(t.Context(), e)
			if err != nil {
				t.Errorf("increment: %v", err)
				return
			}
			if _, seen := revisions.LoadOrStore(revision, true); seen {
				t.Errorf("revision %d was given to two values", revision)
			}
		}
	})
	r, err := e.Get(t.Context(), "table", "counter")
	wantError(t, "Get", err, nil)
	if want := fmt.Sprint(contenders * each); string(r.Value) != want {
		t.Fatalf("counter is at %s, want %s", r.Value, want)
	}
}

func increment(ctx context.Context, e storage.Engine) (revision uint64, err error) {
	for {
		r, err := e.Get(ctx, "table", "counter")
		if err != nil {
			return 0, err
		}
		count, err := strconv.Atoi(string(r.Value))
		if err != nil {
			return 0, err
		}
		revision, err := e.Put(ctx, "table", "counter", []byte(strconv.Itoa(count+1)), storage.IfRevision(r.Revision))
		if !errors.Is(err, storage.ErrConflict) {
			return revision, err
		}
	}
}

// testConcurrentReaders checks that readers of a key that is being written never
// see it go backwards, or a revision with the value of another one.
func testConcurrentReaders(t *testing.T, e storage.Engine) {
	MustPut(t, e, "key", "0")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() { watchForward(t, ctx, e) })
	}
	for i := 1; i <= 60; i++ {
		MustPut(t, e, "key", fmt.Sprint(i))
	}
	stop()
	readers.Wait()
}

func watchForward(t *testing.T, ctx context.Context, e storage.Engine) {
	var count int
	var revision uint64
	check := func(r storage.Record, err error) bool {
		now, _ := strconv.Atoi(string(r.Value))
		switch {
		case errors.Is(err, context.Canceled):
		case err != nil:
			t.Errorf("read: %v", err)
		case r.Revision < revision, now < count, (r.Revision == revision) != (now == count) && revision != 0:
			t.Errorf("value %d at revision %d was read after value %d at revision %d", now, r.Revision, count, revision)
		}
		count, revision = now, r.Revision
		return err == nil && !t.Failed()
	}
	for check(e.Get(ctx, "table", "key")) {
		for r, err := range e.List(ctx, "table", "k") {
			if !check(r, err) {
				return
			}
		}
	}
}

func testCloseDuringList(t *testing.T, e storage.Engine) {
	for i := range 10 {
		MustPut(t, e, fmt.Sprint(i), "")
	}
	var errs []error
	for _, err := range e.List(t.Context(), "table", "") {
		errs = append(errs, err)
		MustClose(t, e)
	}
	if len(errs) != 2 || errs[0] != nil {
		t.Fatalf("List yielded %v, want one record and one error", errs)
	}
	wantError(t, "List after Close", errs[1], storage.ErrClosed)
}

func testCloseDuringWrites(t *testing.T, e storage.Engine) { writeUntilClosed(t, e) }

// writeUntilClosed closes the engine in the middle of many writes. It returns
// the revisions of those that succeeded, by key.
func writeUntilClosed(t *testing.T, e storage.Engine) map[string]uint64 {
	var mu sync.Mutex
	acknowledged := make(map[string]uint64)
	together(func(i int) {
		for n := 0; ; n++ {
			key := fmt.Sprintf("%d/%d", i, n)
			revision, err := e.Put(t.Context(), "table", key, []byte("value"), storage.IfAbsent())
			if err != nil {
				if !errors.Is(err, storage.ErrClosed) {
					t.Errorf("Put: %v", err)
				}
				return
			}
			mu.Lock()
			acknowledged[key] = revision
			closeNow := len(acknowledged) == 100
			mu.Unlock()
			if closeNow {
				if err := e.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		}
	})
	return acknowledged
}
