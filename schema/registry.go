package schema

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"

	"seagate/storage"
)

// table has one record per stream, with the key <jail>/<stream>.
const table = "schemas"

// A Registry keeps the definitions of all streams. It is safe for concurrent use.
//
// The caller names jails by ids that are never used twice, so that a new jail
// does not find what a deleted one has left.
type Registry struct {
	records storage.Records
	rules   Rules
	limits  Limits

	streams sync.Map // streamKey → *history, which is durable

	// locks has one lock per writer, a channel so that waiting for it can be
	// cancelled. A writer holds the lock of its stream, so that memory changes in
	// the order of storage. Streams share the locks by hash.
	locks [64]chan struct{}
	seed  maphash.Seed

	mu    sync.Mutex          // guards names; nothing blocks while it is held
	names map[string][]string // jail → its streams, sorted, those that are being created included
}

type streamKey struct{ jail, stream string }

func (k streamKey) record() string { return k.jail + "/" + k.stream }

func (k streamKey) check() error {
	if k.stream == "" {
		return fmt.Errorf("%w: the stream has none", ErrBadName)
	}
	return checkJail(k.jail)
}

func (k streamKey) checkDefinition(def *Definition) error {
	if def.Name != k.stream {
		return fmt.Errorf("%w: a definition of %s for %s", ErrBadName, quoted(def.Name), quoted(k.stream))
	}
	return k.check()
}

// checkJail prevents that the key of one jail's record is that of another's.
func checkJail(jail string) error {
	if jail == "" || strings.Contains(jail, "/") {
		return fmt.Errorf("%w: jail %s", ErrBadName, quoted(jail))
	}
	return nil
}

// OpenRegistry reads all definitions. It fails if it cannot read a record:
// without the record, a client could define the stream from nothing.
func OpenRegistry(ctx context.Context, records storage.Records, rules Rules, limits Limits) (*Registry, error) {
	r := &Registry{
		records: records,
		rules:   rules,
		limits:  limits,
		seed:    maphash.MakeSeed(),
		names:   make(map[string][]string),
	}
	for i := range r.locks {
		r.locks[i] = make(chan struct{}, 1)
	}
	for record, err := range records.List(ctx, table, "") {
		if err != nil {
			return nil, fmt.Errorf("schema: read the definitions: %w", err)
		}
		jail, stream, _ := strings.Cut(record.Key, "/")
		if err := r.adopt(streamKey{jail, stream}, record); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// adopt makes a record from storage visible.
func (r *Registry) adopt(key streamKey, record storage.Record) error {
	h, err := decodeHistory(key.stream, record.Value, record.Revision, r.rules)
	if err != nil {
		return fmt.Errorf("schema: record %q of table %q is damaged: %w", key.record(), table, err)
	}
	r.publish(key, h)
	return nil
}

// load returns the history of a stream, nil if it has none.
func (r *Registry) load(key streamKey) *history {
	h, ok := r.streams.Load(key)
	if !ok {
		return nil
	}
	return h.(*history)
}

// publish makes h visible as the history of a stream.
func (r *Registry) publish(key streamKey, h *history) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addNameLocked(key)
	r.streams.Store(key, h)
}

// forget makes a stream one without a definition.
func (r *Registry) forget(key streamKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams.Delete(key)
	names := r.names[key.jail]
	if i, found := slices.BinarySearch(names, key.stream); found {
		r.names[key.jail] = slices.Delete(names, i, i+1)
	}
	if len(r.names[key.jail]) == 0 {
		delete(r.names, key.jail)
	}
}

// reserve adds the name of a stream that is about to be created.
func (r *Registry) reserve(key streamKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.checkRoomLocked(key.jail); err != nil {
		return err
	}
	r.addNameLocked(key)
	return nil
}

// checkRoom returns ErrTooManyStreams if the jail may have no more streams.
func (r *Registry) checkRoom(jail string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.checkRoomLocked(jail)
}

func (r *Registry) checkRoomLocked(jail string) error {
	if len(r.names[jail]) >= r.limits.Streams {
		return fmt.Errorf("%w: at most %d are allowed", ErrTooManyStreams, r.limits.Streams)
	}
	return nil
}

func (r *Registry) addNameLocked(key streamKey) {
	names := r.names[key.jail]
	if i, found := slices.BinarySearch(names, key.stream); !found {
		r.names[key.jail] = slices.Insert(names, i, key.stream)
	}
}

// lock takes the lock for writing to a stream. Methods whose names end in Locked,
// and are not about names, need it.
func (r *Registry) lock(ctx context.Context, key streamKey) (unlock func(), err error) {
	lock := r.locks[maphash.Comparable(r.seed, key)%uint64(len(r.locks))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reloadLocked reads what another process has written.
func (r *Registry) reloadLocked(ctx context.Context, key streamKey) error {
	record, err := r.records.Get(ctx, table, key.record())
	if errors.Is(err, storage.ErrNotFound) {
		r.forget(key)
		return nil
	}
	if err != nil {
		return fmt.Errorf("schema: read %s: %w", quoted(key.stream), err)
	}
	return r.adopt(key, record)
}

// Current returns what messages of the stream must match, and false if it has no
// definition. It takes no lock and does not allocate.
func (r *Registry) Current(jail, stream string) (*Schema, bool) {
	h := r.load(streamKey{jail, stream})
	if h == nil {
		return nil, false
	}
	return h.current, true
}

// Versions returns all versions of a stream, the lowest first, or ErrNotFound.
func (r *Registry) Versions(jail, stream string) ([]*Definition, error) {
	h := r.load(streamKey{jail, stream})
	if h == nil {
		return nil, ErrNotFound
	}
	return slices.Clone(h.versions), nil
}

// Version returns one version of a stream, or ErrNotFound.
func (r *Registry) Version(jail, stream string, version Version) (*Definition, error) {
	h := r.load(streamKey{jail, stream})
	if h == nil {
		return nil, ErrNotFound
	}
	if def := h.version(version); def != nil {
		return def, nil
	}
	return nil, ErrNotFound
}

// List returns the current definitions of at most limit streams of a jail, in
// the byte order of their names, beginning with the first name higher than after.
func (r *Registry) List(jail, after string, limit int) []*Definition {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names[jail]
	i, found := slices.BinarySearch(names, after)
	if found {
		i++
	}
	var list []*Definition
	for ; i < len(names) && len(list) < limit; i++ {
		if h := r.load(streamKey{jail, names[i]}); h != nil {
			list = append(list, h.current.Definition)
		}
	}
	return list
}

// Jails returns the jails that have streams, in no order.
func (r *Registry) Jails() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.names))
}
