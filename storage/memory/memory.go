package memory

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"seagate/storage"
)

// An Engine is a storage.Engine in memory. Safe for concurrent use.
type Engine struct {
	mu       sync.RWMutex // guards what follows
	tables   map[string]table
	revision uint64 // of the newest write to any record
	logs     map[string]*log
	keys     int // of appends that are remembered, in all logs
	closed   bool

	maxKeys int
}

// Options of an engine. The zero value is good for use.
type Options struct {
	// AppendKeys is how many keys of appends are remembered at the most, in
	// all logs together, each with some 150 bytes. An append with a key that is
	// one too many is refused. Default: 1,000,000.
	AppendKeys int
}

var _ storage.Engine = (*Engine)(nil)

// A table holds records whose values are never changed in place, so that a
// listing may go on reading them without the lock.
type table map[string]storage.Record

// New returns an empty engine with the default options.
func New() *Engine { return NewWith(Options{}) }

// NewWith returns an empty engine.
func NewWith(opts Options) *Engine {
	return &Engine{
		tables:  make(map[string]table),
		logs:    make(map[string]*log),
		maxKeys: cmp.Or(opts.AppendKeys, 1_000_000),
	}
}

// Get implements storage.Records.
func (e *Engine) Get(ctx context.Context, table, key string) (storage.Record, error) {
	if err := storage.CheckKey(table, key); err != nil {
		return storage.Record{}, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usableLocked(ctx); err != nil {
		return storage.Record{}, err
	}
	r, found := e.tables[table][key]
	if !found {
		return storage.Record{}, storage.ErrNotFound
	}
	return copied(r), nil
}

// List implements storage.Records.
func (e *Engine) List(ctx context.Context, table, prefix string) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		records, err := e.snapshot(ctx, table, prefix)
		if err != nil {
			yield(storage.Record{}, err)
			return
		}
		for _, r := range records {
			if err := e.usable(ctx); err != nil {
				yield(storage.Record{}, err)
				return
			}
			if !yield(copied(r), nil) {
				return
			}
		}
	}
}

func (e *Engine) snapshot(ctx context.Context, table, prefix string) ([]storage.Record, error) {
	if err := storage.CheckTable(table); err != nil {
		return nil, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usableLocked(ctx); err != nil {
		return nil, err
	}
	var records []storage.Record
	for key, r := range e.tables[table] {
		if strings.HasPrefix(key, prefix) {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b storage.Record) int { return strings.Compare(a.Key, b.Key) })
	return records, nil
}

// Put implements storage.Records.
func (e *Engine) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	if err := storage.CheckRecord(table, key, value); err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usableLocked(ctx); err != nil {
		return 0, err
	}
	if !e.holdsLocked(table, key, cond) {
		return 0, storage.ErrConflict
	}
	e.revision++
	e.tableLocked(table)[key] = storage.Record{Key: key, Value: bytes.Clone(value), Revision: e.revision}
	return e.revision, nil
}

// Delete implements storage.Records.
func (e *Engine) Delete(ctx context.Context, table, key string, cond storage.Condition) error {
	if err := storage.CheckKey(table, key); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usableLocked(ctx); err != nil {
		return err
	}
	if !e.holdsLocked(table, key, cond) {
		return storage.ErrConflict
	}
	delete(e.tables[table], key)
	if len(e.tables[table]) == 0 {
		delete(e.tables, table)
	}
	return nil
}

// Close implements storage.Engine. What the engine held is gone.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	e.tables = nil
	return nil
}

func (e *Engine) usable(ctx context.Context) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.usableLocked(ctx)
}

func (e *Engine) usableLocked(ctx context.Context) error {
	if e.closed {
		return storage.ErrClosed
	}
	return ctx.Err()
}

func (e *Engine) holdsLocked(table, key string, cond storage.Condition) bool {
	r, found := e.tables[table][key]
	return cond.Holds(found, r.Revision)
}

func (e *Engine) tableLocked(name string) table {
	t, found := e.tables[name]
	if !found {
		t = make(table)
		e.tables[name] = t
	}
	return t
}

func copied(r storage.Record) storage.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}
