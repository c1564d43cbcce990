package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"seagate/internal/quota"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// A table holds the definitions of streams, or those of services: one record for each,
// under <jail>/<name>.
type table struct {
	records storage.Records
	name    string
	opts    Options
	quotas  *quota.Book

	// reserve counts one more that is defined, or returns why there may be no more.
	// count changes the number without asking.
	reserve func(streams.ID) error
	count   func(id streams.ID, by int)
}

// load reads all records. at returns where one belongs.
func (t *table) load(ctx context.Context, at func(streams.ID) *record) error {
	for stored, err := range t.records.List(ctx, t.name, "") {
		if err != nil {
			return fmt.Errorf("read the definitions: %w", err)
		}
		space, name, _ := strings.Cut(stored.Key, "/")
		if err := at(streams.ID{Space: space, Name: name}).load(stored); err != nil {
			return err
		}
	}
	return nil
}

// addStored adds the names of a jail that are stored, and returns all in order, each once.
func (t *table) addStored(ctx context.Context, space string, names []string) ([]string, error) {
	prefix := space + "/"
	for stored, err := range t.records.List(ctx, t.name, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list the definitions of jail %q: %w", space, err)
		}
		names = append(names, stored.Key[len(prefix):])
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// plan returns what def would do to the history, and the error that it would get.
// checkRoom says whether there may be one more.
func (t *table) plan(h *schema.History, def *schema.Definition, checkRoom func() error) (schema.Outcome, error) {
	outcome, err := h.Outcome(def)
	if err == nil && outcome.Change != schema.Unchanged {
		_, err = h.With(schema.NewSchema(def, t.opts.Rules), time.Now(), t.opts.Limits.HistoryBytes)
	}
	if err == nil && outcome.Change == schema.Created {
		err = checkRoom()
	}
	if err != nil {
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// A record is all definitions of one stream or service. Whoever changes it has its turn.
type record struct {
	table  *table
	id     streams.ID
	stored atomic.Pointer[stored] // nil: not defined
}

// stored is what the record holds.
type stored struct {
	history  *schema.History
	revision uint64
	size     size
}

// A size is what definitions take.
type size struct {
	bytes  int64 // of the record's value
	memory int64
}

func sizeOf(h *schema.History, value []byte) size {
	return size{int64(len(value)), h.Memory(int64(len(value)))}
}

func (s size) minus(other size) size { return size{s.bytes - other.bytes, s.memory - other.memory} }

// set replaces what the record holds, charges the jail for the difference, and returns what it
// held before.
func (r *record) set(next *stored) (last *stored) {
	last = r.stored.Swap(next)
	var now, before size
	if next != nil {
		now = next.size
	}
	if last != nil {
		before = last.size
	}
	r.charge(now.minus(before))
	return last
}

func (r *record) charge(s size) {
	account := r.table.quotas.Account(r.id.Space)
	account.Add(quota.Definitions, s.bytes)
	account.Add(quota.Disk, s.bytes)
	account.Add(quota.Memory, s.memory)
}

// reserve charges the jail for what is added, or returns a *quota.Exceeded.
func (r *record) reserve(s size) error {
	account := r.table.quotas.Account(r.id.Space)
	if err := account.Reserve(quota.Definitions, s.bytes); err != nil {
		return err
	}
	if err := account.Reserve(quota.Disk, s.bytes); err != nil {
		account.Add(quota.Definitions, -s.bytes)
		return err
	}
	if err := account.Reserve(quota.Memory, s.memory); err != nil {
		account.Add(quota.Definitions, -s.bytes)
		account.Add(quota.Disk, -s.bytes)
		return err
	}
	return nil
}

// history returns all definitions, or nil.
func (r *record) history() *schema.History {
	if h := r.stored.Load(); h != nil {
		return h.history
	}
	return nil
}

// define adds a definition, durably.
func (r *record) define(ctx context.Context, next *schema.Schema) (schema.Outcome, error) {
	outcome, err := r.defineByMemory(ctx, next)
	for errors.Is(err, storage.ErrConflict) {
		if err = r.reload(ctx); err == nil {
			outcome, err = r.defineByMemory(ctx, next)
		}
	}
	if err != nil {
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// defineByMemory decides by what is in memory. It returns storage.ErrConflict if
// storage has something else.
func (r *record) defineByMemory(ctx context.Context, next *schema.Schema) (schema.Outcome, error) {
	before := r.history()
	outcome, err := before.Outcome(next.Definition)
	if err != nil || outcome.Change == schema.Unchanged {
		return outcome, err
	}
	after, err := before.With(next, time.Now(), r.table.opts.Limits.HistoryBytes)
	if err != nil {
		return schema.Outcome{}, err
	}
	value, last := after.Encode(), r.stored.Load()
	grown := sizeOf(after, value)
	if last != nil {
		grown = grown.minus(last.size)
		grown = size{max(grown.bytes, 0), max(grown.memory, 0)}
	}
	if err := r.reserve(grown); err != nil {
		return schema.Outcome{}, err
	}
	defer r.charge(size{}.minus(grown)) // write charges what it has written
	if before == nil {                  // counted first: see Catalog.reserve
		if err := r.table.reserve(r.id); err != nil {
			return schema.Outcome{}, err
		}
	}
	if err := r.write(ctx, after, value); err != nil {
		if before == nil {
			r.table.count(r.id, -1)
		}
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// write makes the definitions durable, then visible.
func (r *record) write(ctx context.Context, after *schema.History, value []byte) error {
	cond := storage.IfAbsent()
	if before := r.stored.Load(); before != nil {
		cond = storage.IfRevision(before.revision)
	}
	revision, err := r.table.records.Put(ctx, r.table.name, recordKey(r.id), value, cond)
	if err != nil {
		return fmt.Errorf("write the definition of %q: %w", r.id.Name, err)
	}
	r.set(&stored{after, revision, sizeOf(after, value)})
	return nil
}

// reload reads what another process has written, or what a write of this one has
// stored although it returned an error.
func (r *record) reload(ctx context.Context) error {
	stored, err := r.table.records.Get(ctx, r.table.name, recordKey(r.id))
	if errors.Is(err, storage.ErrNotFound) {
		r.undefine()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the definition of %q: %w", r.id.Name, err)
	}
	return r.load(stored)
}

// load sets the definitions to what is stored.
func (r *record) load(from storage.Record) error {
	h, err := schema.DecodeHistory(r.id.Name, from.Value, r.table.opts.Rules)
	if err != nil {
		return fmt.Errorf("catalog: record %q of table %q is damaged: %w", from.Key, r.table.name, err)
	}
	if r.set(&stored{h, from.Revision, sizeOf(h, from.Value)}) == nil {
		r.table.count(r.id, 1)
	}
	return nil
}

// undefine removes the definitions from memory.
func (r *record) undefine() {
	if r.set(nil) != nil {
		r.table.count(r.id, -1)
	}
}

// delete deletes the definitions, durably, and reports whether there were any.
func (r *record) delete(ctx context.Context) (defined bool, err error) {
	for {
		if err := r.reload(ctx); err != nil {
			return false, err
		}
		h := r.stored.Load()
		if h == nil {
			return false, nil
		}
		err := r.table.records.Delete(ctx, r.table.name, recordKey(r.id), storage.IfRevision(h.revision))
		if err == nil {
			r.undefine()
			return true, nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return false, fmt.Errorf("delete the definition of %q: %w", r.id.Name, err)
		}
	}
}
