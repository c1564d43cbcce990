package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// A gate is in front of the syncs of the log.
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

// shut holds up the syncs that come from now on, and lets go those that it
// held up so far.
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

// withGate runs test in a bubble, in which synctest.Wait waits until all that
// can happen before the gate opens has happened.
func withGate(t *testing.T, test func(t *testing.T, e *pebble.Engine, g *gate)) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		e := mustOpen(t, "data", pebble.Options{FS: errorfs.Wrap(vfs.NewMem(), g), Logger: quiet})
		defer mustClose(t, e)
		defer g.open()
		test(t, e, g)
	})
}

// put writes in the background.
func put(ctx context.Context, e *pebble.Engine, key, value string, cond storage.Condition) <-chan error {
	answer := make(chan error, 1)
	go func() {
		_, err := e.Put(ctx, "table", key, []byte(value), cond)
		answer <- err
	}()
	return answer
}

func wantUnanswered(t *testing.T, what string, answer <-chan error) {
	t.Helper()
	select {
	case err := <-answer:
		t.Errorf("%s was answered (%v) before it was durable", what, err)
	default:
	}
}

func wantValue(t *testing.T, e *pebble.Engine, key, value string) {
	t.Helper()
	r, err := e.Get(t.Context(), "table", key)
	if err != nil || string(r.Value) != value {
		t.Errorf("Get(%q) = %q, %v, want %q", key, r.Value, err, value)
	}
	for r, err := range e.List(t.Context(), "table", key) {
		if err != nil || string(r.Value) != value {
			t.Errorf("List(%q) yields %q, %v, want %q", key, r.Value, err, value)
		}
	}
}

// TestReadersSeeOnlyWhatIsDurable reads while the sync of a write takes its
// time. Pebble itself would show the write already.
func TestReadersSeeOnlyWhatIsDurable(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		mustPut(t, e, "key", "before")
		g.shut()
		answer := put(t.Context(), e, "key", "after", storage.Always())
		synctest.Wait()
		wantUnanswered(t, "Put", answer)
		wantValue(t, e, "key", "before")
		g.open()
		if err := <-answer; err != nil {
			t.Fatal(err)
		}
		wantValue(t, e, "key", "after")
	})
}

// TestGroupCommit counts the syncs that many waiting writers cost.
func TestGroupCommit(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		answers := []<-chan error{put(t.Context(), e, "first", "", storage.Always())}
		synctest.Wait()
		for i := range 1000 {
			answers = append(answers, put(t.Context(), e, fmt.Sprint(i), "", storage.Always()))
		}
		synctest.Wait()
		before := g.count()
		g.open()
		for _, answer := range answers {
			if err := <-answer; err != nil {
				t.Fatal(err)
			}
		}
		if syncs := g.count() - before; syncs != 1 {
			t.Errorf("1000 waiting writes cost %d syncs, want 1", syncs)
		}
	})
}

// TestRefusedWriterWaits has two writers of one group want the same key. That
// the second one lost is not true before the first one's record is durable.
func TestRefusedWriterWaits(t *testing.T) {
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
		wantUnanswered(t, "the first writer", first)
		wantUnanswered(t, "the second writer", second)

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

// TestWritesOfOneGroupSeeEachOther puts, replaces, deletes and creates one key
// within one batch.
func TestWritesOfOneGroupSeeEachOther(t *testing.T) {
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

		for name, answer := range map[string]<-chan error{"blocker": blocker, "one": one, "delete": deleted, "two": two} {
			if err := <-answer; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := <-stale; !errors.Is(err, storage.ErrConflict) {
			t.Errorf("stale: %v, want ErrConflict", err)
		}
		wantValue(t, e, "key", "two")
		if syncs := g.count() - before; syncs != 1 {
			t.Errorf("they took %d syncs, so they were not one group", syncs)
		}
	})
}

// TestNothingToWriteCostsNoSync has writes that change nothing.
func TestNothingToWriteCostsNoSync(t *testing.T) {
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
			t.Errorf("they cost %d syncs", syncs)
		}
	})
}

// TestWaitEndsWithContext leaves writes behind that wait for the disk.
func TestWaitEndsWithContext(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		ctx, cancel := context.WithCancel(t.Context())
		inSync := put(ctx, e, "in sync", "value", storage.Always())
		synctest.Wait()
		queued := put(ctx, e, "queued", "value", storage.Always())
		synctest.Wait()
		cancel()
		for name, answer := range map[string]<-chan error{"in sync": inSync, "queued": queued} {
			if err := <-answer; !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want context.Canceled", name, err)
			}
		}
		g.open()
		synctest.Wait()
		wantValue(t, e, "in sync", "value")
	})
}

// TestFullQueueWaits has more writers than the queue and one group hold.
func TestFullQueueWaits(t *testing.T) {
	withGate(t, func(t *testing.T, e *pebble.Engine, g *gate) {
		g.shut()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var answers []<-chan error
		for i := range 3000 {
			answers = append(answers, put(t.Context(), e, fmt.Sprint(i), "", storage.IfAbsent()))
		}
		synctest.Wait()
		late := put(ctx, e, "late", "", storage.Always())
		synctest.Wait()
		wantUnanswered(t, "a writer behind a full queue", late)
		cancel()
		if err := <-late; !errors.Is(err, context.Canceled) {
			t.Errorf("a writer behind a full queue: %v, want context.Canceled", err)
		}
		g.open()
		for _, answer := range answers {
			if err := <-answer; err != nil {
				t.Fatal(err)
			}
		}
		if _, err := e.Get(t.Context(), "table", "late"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("a write that was never queued is there: %v", err)
		}
	})
}
