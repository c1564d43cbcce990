package groups_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seagate/groups"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
)

// records is a store that can be made to fail, or to wait.
type records struct {
	storage.Records

	mu      sync.Mutex
	failing error
	also    bool // what fails happens all the same
	gate    chan struct{}
	puts    map[string]int
}

func newRecords() *records { return &records{Records: memory.New(), puts: map[string]int{}} }

func (r *records) fail(err error, also bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing, r.also = err, also
}

// hold makes writes wait until release is called.
func (r *records) hold() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.gate = gate
	return func() { close(gate) }
}

func (r *records) enter(key string) (err error, also bool) {
	r.mu.Lock()
	gate := r.gate
	r.puts[key]++
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failing, r.also
}

func (r *records) writes() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.puts)
}

func (r *records) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	err, also := r.enter(key)
	if err != nil && !also {
		return 0, err
	}
	revision, putErr := r.Records.Put(ctx, table, key, value, cond)
	return revision, errors.Join(err, putErr)
}

func (r *records) Delete(ctx context.Context, table, key string, cond storage.Condition) error {
	err, also := r.enter(key)
	if err != nil && !also {
		return err
	}
	return errors.Join(err, r.Records.Delete(ctx, table, key, cond))
}

// keysOf returns the groups that have a record.
func keysOf(t testing.TB, r storage.Records) (keys []string) {
	t.Helper()
	for record, err := range r.List(context.Background(), "groups", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, record.Key)
	}
	return keys
}

// copyOf returns the records as a crash would leave them.
func copyOf(t testing.TB, r storage.Records) storage.Records {
	t.Helper()
	c := memory.New()
	for record, err := range r.List(context.Background(), "groups", "") {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Put(context.Background(), "groups", record.Key, record.Value, storage.Always()); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// crash opens a new registry on what the old one has written so far. The members of
// the old one are not served any more.
func (f *fixture) crash(t testing.TB) {
	t.Helper()
	left := copyOf(t, f.records)
	_ = f.registry.Close(context.Background()) // what it writes now is lost
	f.records = left
	f.open(t)
}

// A Join whose write failed, but may have happened, leaves no group behind, not even
// after a restart.
func TestAJoinThatFailsLeavesNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecords()
		f := newFixtureOn(t, memory.New(), r, groups.Options{}, streams.Options{})
		r.fail(context.Canceled, true)
		if _, err := f.tryJoin(t, "c", "g", all()); err == nil {
			t.Fatal("joined")
		}
		r.fail(nil, false)
		if err := f.groups().Delete(theGroup); err != nil {
			t.Logf("Delete: %v", err)
		}
		if err := f.groups().DeleteAll(); err != nil {
			t.Fatal(err)
		}
		f.restart(t)
		if s, err := f.groups().Get(t.Context(), theGroup); !errors.Is(err, groups.ErrNotFound) {
			t.Errorf("after a restart there is %+v, %v", s, err)
		}
	})
}

func TestCloseWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := groups.Options{OnError: func(groups.Key, error) {}}
		f := newFixtureOn(t, memory.New(), stuck{memory.New()}, opts, streams.Options{})
		f.join(t, "c", "g", all())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := f.registry.Close(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Close: %v", err)
		}
	})
}

// stuck is a store that writes each record once, and blocks the next write.
type stuck struct{ storage.Records }

func (s stuck) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	if _, err := s.Get(ctx, table, key); err == nil {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return s.Records.Put(ctx, table, key, value, cond)
}

func TestAJoinThatCloseOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := newRecords()
		f := newFixtureOn(t, memory.New(), stored, groups.Options{}, streams.Options{})
		release := stored.hold()
		joined := make(chan error)
		go func() {
			_, err := f.tryJoin(t, "c", "g", all())
			joined <- err
		}()
		synctest.Wait()
		if err := f.registry.Close(t.Context()); err != nil {
			t.Error(err)
		}
		release()
		if err := <-joined; err != groups.ErrClosed {
			t.Errorf("joined: %v", err)
		}
		if f.out.Topic().Info().Readers > 0 {
			t.Error("the topic is read")
		}
	})
}

// panickingRecords panics once in Put.
type panickingRecords struct {
	storage.Records
	armed atomic.Bool
}

func (r *panickingRecords) Put(ctx context.Context, table, key string, value []byte, c storage.Condition) (uint64, error) {
	if r.armed.CompareAndSwap(true, false) {
		panic("injected")
	}
	return r.Records.Put(ctx, table, key, value, c)
}

// A panic while a group is saved loses nothing: the next checkpoint saves it.
func TestAGroupWhoseSaveHasPanickedIsSavedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &panickingRecords{Records: memory.New()}
		failed := 0
		f := newFixtureOn(t, memory.New(), r, groups.Options{Checkpoint: time.Second, OnError: func(groups.Key, error) { failed++ }}, streams.Options{})
		m := f.join(t, "c", "g", all())
		f.send("1", "2")
		synctest.Wait()
		r.armed.Store(true)
		m.ms.Ack(m.tag)
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		if failed != 1 || r.armed.Load() {
			t.Errorf("it failed %d times", failed)
		}
		f.crash(t)
		f.join(t, "c", "g", all()).want(t)
	})
}
