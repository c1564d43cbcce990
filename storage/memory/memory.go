package memory

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"seagate/storage"
	"seagate/storage/internal/dedup"
	"seagate/storage/internal/snapshot"
)

// An Engine is a storage.Engine in memory. It is safe for concurrent use.
type Engine struct {
	mu       sync.RWMutex // guards what follows
	tables   map[string]table
	revision uint64 // of the newest write to any record
	logs     map[string]*log
	dedup    *dedup.Table[*log]
	closed   bool
}

// Options configure an engine.
type Options struct {
	// AppendKeys limits how many keys of appends are remembered at a time, in
	// all logs together, at some 150 bytes each. An append with another key is
	// refused. 0 means no limit.
	AppendKeys int
}

var _ storage.Engine = (*Engine)(nil)

// A table maps keys to records. Their values are never changed in place, so a
// listing reads them without the lock.
type table map[string]storage.Record

// New returns an empty engine with the zero Options.
func New() *Engine { return NewWith(Options{}) }

// NewWith returns an empty engine.
func NewWith(opts Options) *Engine {
	return &Engine{
		tables: make(map[string]table),
		logs:   make(map[string]*log),
		dedup:  dedup.NewTable(opts.AppendKeys, func(l *log, n int) { l.keys = n }),
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
	return copyOf(r), nil
}

// List implements storage.Records.
func (e *Engine) List(ctx context.Context, table, prefix string) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		list := func(ctx context.Context) ([]storage.Record, error) { return e.list(ctx, table, prefix) }
		for r, err := range snapshot.Each(ctx, list, e.usable) {
			if !yield(copyOf(r), err) {
				return
			}
		}
	}
}

func (e *Engine) list(ctx context.Context, table, prefix string) ([]storage.Record, error) {
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
	if err := e.checkLocked(ctx, table, key, cond); err != nil {
		return 0, err
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
	if err := e.checkLocked(ctx, table, key, cond); err != nil {
		return err
	}
	delete(e.tables[table], key)
	if len(e.tables[table]) == 0 {
		delete(e.tables, table)
	}
	return nil
}

// Close implements storage.Engine. What the engine held is lost.
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

// checkLocked returns why a record may not be written.
func (e *Engine) checkLocked(ctx context.Context, table, key string, cond storage.Condition) error {
	if err := e.usableLocked(ctx); err != nil {
		return err
	}
	if r, found := e.tables[table][key]; !cond.Holds(found, r.Revision) {
		return storage.ErrConflict
	}
	return nil
}

func (e *Engine) tableLocked(name string) table {
	t, found := e.tables[name]
	if !found {
		t = make(table)
		e.tables[name] = t
	}
	return t
}

func copyOf(r storage.Record) storage.Record {
	r.Value = bytes.Clone(r.Value)
	return r
}
