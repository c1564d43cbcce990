package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// A gate holds up syncs of the write-ahead log.
type gate struct {
	mu     sync.Mutex
	syncs  int
	closed chan struct{} // nil while open
}

func (g *gate) String() string { return "gate" }

func (g *gate) MaybeError(op errorfs.Op) error {
	if isLogSync(op) {
		g.mu.Lock()
		g.syncs++
		closed := g.closed
		g.mu.Unlock()
		if closed != nil {
			<-closed
		}
	}
	return nil
}

func isLogSync(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		return strings.HasSuffix(op.Path, ".log")
	}
	return false
}

// shut holds up syncs from now on, and releases those held up so far.
func (g *gate) shut() {
	g.open()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.syncs
}

// withGate runs a test in a bubble of synctest, whose Wait returns when nothing
// more can happen before the gate opens.
func withGate(t *testing.T, test func(t *testing.T, e *pebble.Engine, g *gate)) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		e := mustOpen(t, "data", on(errorfs.Wrap(vfs.NewMem(), g)))
		defer mustClose(t, e)
		defer g.open()
		test(t, e, g)
	})
}

// TestReadersSeeOnlyWhatIsDurable reads during the sync of a write. Pebble alone
// would already show the write.
func TestReadersSeeOnlyWhatIsDurable(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		mustPut(t, e, "key", "before")
		g.shut()
		result := put(t.Context(), e, "key", "after", storage.Always())
		synctest.Wait()
		wantWaiting(t, "Put", result)
		wantValue(t, e, "key", "before")
		g.open()
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		wantValue(t, e, "key", "after")
	})
}

// TestWaitingWritersShareOneSync counts the syncs of many waiting writers.
func TestWaitingWritersShareOneSync(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		results := []<-chan error{put(t.Context(), e, "first", "", storage.Always())}
		synctest.Wait()
		for i := range 1000 {
			results = append(results, put(t.Context(), e, fmt.Sprint(i), "", storage.Always()))
		}
		synctest.Wait()
		before := g.count()
		g.open()
		for _, result := range results {
			if err := <-result; err != nil {
				t.Fatal(err)
			}
		}
		if syncs := g.count() - before; syncs != 1 {
			t.Errorf("1000 waiting writes took %d syncs, want 1", syncs)
		}
	})
}

// TestConflictWaitsForDurability has two writers create one key in one batch. The
// second has not lost before the record of the first is durable.
func TestConflictWaitsForDurability(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		blocker := put(t.Context(), e, "blocker", "", storage.Always())
		synctest.Wait()
		first := put(t.Context(), e, "key", "first", storage.IfAbsent())
		synctest.Wait()
		second := put(t.Context(), e, "key", "second", storage.IfAbsent())
		synctest.Wait()

		g.shut()
		synctest.Wait()
		if err := <-blocker; err != nil {
			t.Fatal(err)
		}
		wantWaiting(t, "the first writer", first)
		wantWaiting(t, "the second writer", second)

		g.open()
		if err := <-first; err != nil {
			t.Errorf("the first writer: %v", err)
		}
		if err := <-second; !errors.Is(err, storage.ErrConflict) {
			t.Errorf("the second writer: %v, want ErrConflict", err)
		}
		wantValue(t, e, "key", "first")
	})
}

// TestWritesOfOneBatchSeeEachOther puts, replaces, deletes and creates one key
// within one batch.
func TestWritesOfOneBatchSeeEachOther(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		revision := mustPut(t, e, "key", "zero")
		g.shut()
		blocker := put(t.Context(), e, "blocker", "", storage.Always())
		synctest.Wait()
		one := put(t.Context(), e, "key", "one", storage.IfRevision(revision))
		synctest.Wait()
		stale := put(t.Context(), e, "key", "stale", storage.IfRevision(revision))
		synctest.Wait()
		deleted := make(chan error, 1)
		go func() { deleted <- e.Delete(t.Context(), "table", "key", storage.Always()) }()
		synctest.Wait()
		two := put(t.Context(), e, "key", "two", storage.IfAbsent())
		synctest.Wait()
		before := g.count()
		g.open()

		for name, result := range map[string]<-chan error{"blocker": blocker, "one": one, "delete": deleted, "two": two} {
			if err := <-result; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := <-stale; !errors.Is(err, storage.ErrConflict) {
			t.Errorf("stale: %v, want ErrConflict", err)
		}
		wantValue(t, e, "key", "two")
		if syncs := g.count() - before; syncs != 1 {
			t.Errorf("they took %d syncs, so they were not one batch", syncs)
		}
	})
}

// TestWritesThatChangeNothingNeedNoSync refuses a Put, and deletes what does not
// exist.
func TestWritesThatChangeNothingNeedNoSync(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		mustPut(t, e, "key", "value")
		before := g.count()
		if _, err := e.Put(t.Context(), "table", "key", nil, storage.IfAbsent()); !errors.Is(err, storage.ErrConflict) {
			t.Error(err)
		}
		if err := e.Delete(t.Context(), "table", "other", storage.Always()); err != nil {
			t.Error(err)
		}
		if syncs := g.count() - before; syncs != 0 {
			t.Errorf("they took %d syncs", syncs)
		}
	})
}

// TestWaitEndsWithContext cancels the wait for writes that wait for the disk.
func TestWaitEndsWithContext(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		ctx, cancel := context.WithCancel(t.Context())
		inSync := put(ctx, e, "in sync", "value", storage.Always())
		synctest.Wait()
		queued := put(ctx, e, "queued", "value", storage.Always())
		synctest.Wait()
		cancel()
		for name, result := range map[string]<-chan error{"in sync": inSync, "queued": queued} {
			if err := <-result; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want context.Canceled", name, err)
			}
		}
		g.open()
		synctest.Wait()
		wantValue(t, e, "in sync", "value")
	})
}

// TestFullQueueBlocksWriters has more writers than fit in the queue and a batch.
func TestFullQueueBlocksWriters(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var results []<-chan error
		for i := range 6000 {
			results = append(results, put(t.Context(), e, fmt.Sprint(i), "", storage.IfAbsent()))
		}
		synctest.Wait()
		late := put(ctx, e, "late", "", storage.Always())
		synctest.Wait()
		wantWaiting(t, "a writer behind a full queue", late)
		cancel()
		if err := <-late; !errors.Is(err, context.Canceled) {
			t.Errorf("a writer behind a full queue: %v, want context.Canceled", err)
		}
		g.open()
		for _, result := range results {
			if err := <-result; err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.Get(t.Context(), "table", "late"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a write that was never queued was made: %v", err)
		}
	})
}

// TestTenantsShareTheQueue lets one tenant fill its share. What exceeds it waits, and
// another tenant gets in, and comes next.
func TestTenantsShareTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const share = 4
		g := &gate{}
		opts := on(errorfs.Wrap(vfs.NewMem(), g))
		opts.TenantQueue = share
		e := mustOpen(t, "data", opts)
		defer mustClose(t, e)
		defer g.open()
		g.shut()
		first := put(t.Context(), e, "first", "", storage.Always())
		synctest.Wait()

		var accepted atomic.Int64
		var order []string // of answers, which come one at a time
		var answers sync.WaitGroup
		send := func(name string, n int) {
			l := mustOpenLog(t, e, name)
			for range n {
				answers.Add(1)
				go func() {
					l.Append(storage.Append{Payloads: payloads(strings.Repeat("x", 1<<10)), Done: func(_ storage.Appended, err error) {
						defer answers.Done()
						if order = append(order, storage.Tenant(name)); err != nil {
							t.Error(err)
						}
					}})
					accepted.Add(1)
				}()
			}
			synctest.Wait()
		}
		send("busy/a", share-1)
		send("busy/b", 3)
		if n, waits := accepted.Load(), e.Stats().Waits; n != share || waits != 2 {
			t.Errorf("%d appends of a tenant were accepted and %d had to wait, want %d and 2", n, waits, share)
		}
		send("quiet/a", 2)
		if n, waits := accepted.Load(), e.Stats().Waits; n != share+2 || waits != 2 {
			t.Errorf("%d appends were accepted and %d had to wait once another tenant came, want %d and 2", n, waits, share+2)
		}
		g.open()
		answers.Wait()
		if err := <-first; err != nil {
			t.Error(err)
		}
		if n := slices.Index(order, "quiet"); n > 1 || order[3] == "quiet" && order[2] == "quiet" {
			t.Errorf("answered %q, want the two of the quiet tenant in turn with the others", order)
		}
		if s := e.Stats(); s.Commits > 3 || s.Changes != 9 {
			t.Errorf("%d changes took %d syncs, want 9 and at most 3", s.Changes, s.Commits)
		}
	})
}
