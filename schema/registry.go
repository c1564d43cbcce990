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

// table holds one record per stream, under <jail>/<stream>.
const table = "schemas"

// A Registry keeps the definitions of all streams. Safe for concurrent use.
//
// Jails are named by what is unique to each for all time, so that a new jail
// never finds what a deleted one of the same name has left.
type Registry struct {
	records storage.Records
	rules   Rules
	limits  Limits

	streams sync.Map // streamKey → *history, of what is durable

	// turns order the writers of one stream, so that what is in memory is
	// replaced in the order of what is in storage. Streams share them by hash.
	turns [64]chan struct{}
	seed  maphash.Seed

	mu    sync.Mutex          // guards names
	names map[string][]string // jail → its streams, sorted; also those about to be defined for the first time
}

type streamKey struct{ jail, stream string }

func (k streamKey) record() string { return k.jail + "/" + k.stream }

func (k streamKey) check() error {
	if k.stream == "" {
		return fmt.Errorf("%w: the stream has none", ErrBadName)
	}
	return checkJail(k.jail)
}

// checkJail keeps a jail from reaching into the records of another.
func checkJail(jail string) error {
	if jail == "" || strings.Contains(jail, "/") {
		return fmt.Errorf("%w: jail %s", ErrBadName, quoted(jail))
	}
	return nil
}

// OpenRegistry reads all definitions. It fails on a record that it cannot read:
// to go on without it would let the stream be defined anew from nothing.
func OpenRegistry(ctx context.Context, records storage.Records, rules Rules, limits Limits) (*Registry, error) {
	r := &Registry{
		records: records,
		rules:   rules,
		limits:  limits,
		seed:    maphash.MakeSeed(),
		names:   make(map[string][]string),
	}
	for i := range r.turns {
		r.turns[i] = make(chan struct{}, 1)
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

// adopt takes over what a record says.
func (r *Registry) adopt(key streamKey, record storage.Record) error {
	h, err := decodeHistory(key.stream, record.Value, record.Revision, r.rules)
	if err != nil {
		return fmt.Errorf("schema: record %q of table %q is damaged: %w", key.record(), table, err)
	}
	r.publish(key, h)
	return nil
}

func (r *Registry) load(key streamKey) *history {
	h, ok := r.streams.Load(key)
	if !ok {
		return nil
	}
	return h.(*history)
}

// publish makes h what everybody sees.
func (r *Registry) publish(key streamKey, h *history) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nameLocked(key)
	r.streams.Store(key, h)
}

// forget makes the stream one that is not defined.
func (r *Registry) forget(key streamKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streams.Delete(key)
	names := r.names[key.jail]
	if i, there := slices.BinarySearch(names, key.stream); there {
		r.names[key.jail] = slices.Delete(names, i, i+1)
	}
	if len(r.names[key.jail]) == 0 {
		delete(r.names, key.jail)
	}
}

// reserve counts a stream that is about to be defined for the first time, so
// that many at once cannot pass the bound together.
func (r *Registry) reserve(key streamKey) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.roomLocked(key.jail); err != nil {
		return err
	}
	r.nameLocked(key)
	return nil
}

// room returns ErrTooManyStreams if the jail can have no more.
func (r *Registry) room(jail string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roomLocked(jail)
}

func (r *Registry) roomLocked(jail string) error {
	if len(r.names[jail]) >= r.limits.Streams {
		return fmt.Errorf("%w: at most %d are allowed", ErrTooManyStreams, r.limits.Streams)
	}
	return nil
}

func (r *Registry) nameLocked(key streamKey) {
	names := r.names[key.jail]
	if i, there := slices.BinarySearch(names, key.stream); !there {
		r.names[key.jail] = slices.Insert(names, i, key.stream)
	}
}

// take waits for the turn to write to a stream, until give is called.
func (r *Registry) take(ctx context.Context, key streamKey) (give func(), err error) {
	turn := r.turns[maphash.Comparable(r.seed, key)%uint64(len(r.turns))]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reload reads what another process has written. The caller has the turn.
func (r *Registry) reload(ctx context.Context, key streamKey) error {
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

// Current returns what the stream's messages must match, and false if it is
// not defined. It takes no lock and allocates nothing.
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
	i, there := slices.BinarySearchFunc(h.versions, version, func(d *Definition, v Version) int {
		return d.Version.Compare(v)
	})
	if !there {
		return nil, ErrNotFound
	}
	return h.versions[i], nil
}

// List returns the current definitions of a jail's streams, in the byte order
// of their names, from the first name higher than after, and at most limit.
func (r *Registry) List(jail, after string, limit int) []*Definition {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := r.names[jail]
	i, there := slices.BinarySearch(names, after)
	if there {
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
