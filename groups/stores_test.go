package groups_test

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"

	"seagate/storage"
	"seagate/storage/memory"
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

// hold lets writes wait until release is called.
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

// copyOf is the records as a crash would leave them.
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

// crash leaves the registry as it is, and opens another one on what it has
// written so far. The old one's members are not served any more.
func (f *fixture) crash(t testing.TB) {
	t.Helper()
	left := copyOf(t, f.records)
	_ = f.registry.Close(context.Background()) // what it writes now is lost
	f.records = left
	f.open(t)
}
