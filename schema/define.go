package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"seagate/storage"
)

// A Change says what a definition does to its stream.
type Change string

// The changes.
const (
	Created   Change = "created"   // the stream had no definition
	Replaced  Change = "replaced"  // the version is higher than the current one
	Unchanged Change = "unchanged" // the version and the fields are the current ones
)

// An Outcome says what a definition did, or would do.
type Outcome struct {
	Definition  *Definition // the current one afterwards; if Unchanged, as it was given first
	Change      Change
	Differences []Difference // if Replaced, from the previous version
}

// Plan returns what Define would return, and changes nothing.
func (r *Registry) Plan(jail, stream string, def *Definition) (Outcome, error) {
	key := streamKey{jail, stream}
	if err := key.checkDefinition(def); err != nil {
		return Outcome{}, err
	}
	h := r.load(key)
	outcome, err := h.outcome(def)
	if err == nil && outcome.Change != Unchanged {
		_, err = h.with(newSchema(def, r.rules), r.limits.HistoryBytes)
	}
	if err == nil && outcome.Change == Created {
		err = r.checkRoom(jail)
	}
	if err != nil {
		return Outcome{}, err
	}
	return outcome, nil
}

// Define gives the stream a definition. If it returns no error, the outcome is
// durable, and Current shows it or a later one. Its errors are
// *OlderVersionError, *ConflictError, ErrTooManyStreams, ErrHistoryFull,
// ErrBadName, and those of storage. After an error of storage the definition may
// or may not be in force; defining it again is safe.
func (r *Registry) Define(ctx context.Context, jail, stream string, def *Definition) (Outcome, error) {
	key := streamKey{jail, stream}
	if err := key.checkDefinition(def); err != nil {
		return Outcome{}, err
	}
	// Clients define their streams whenever they start, and nearly always change
	// nothing. So this case takes no lock.
	if h := r.load(key); h != nil {
		if outcome, err := h.outcome(def); err != nil || outcome.Change == Unchanged {
			return outcome, err
		}
	}
	schema := newSchema(def, r.rules)
	if _, err := schema.validator(); err != nil {
		return Outcome{}, err
	}
	unlock, err := r.lock(ctx, key)
	if err != nil {
		return Outcome{}, err
	}
	defer unlock()
	for {
		outcome, err := r.defineLocked(ctx, key, schema)
		if !errors.Is(err, storage.ErrConflict) {
			return outcome, err
		}
		if err := r.reloadLocked(ctx, key); err != nil {
			return Outcome{}, err
		}
	}
}

// defineLocked decides by what is in memory. It returns storage.ErrConflict if
// storage has something else.
func (r *Registry) defineLocked(ctx context.Context, key streamKey, schema *Schema) (Outcome, error) {
	before := r.load(key)
	outcome, err := before.outcome(schema.Definition)
	if err != nil || outcome.Change == Unchanged {
		return outcome, err
	}
	after, err := before.with(schema, r.limits.HistoryBytes)
	if err != nil {
		return Outcome{}, err
	}
	if before == nil {
		err = r.createLocked(ctx, key, after)
	} else {
		err = r.putLocked(ctx, key, after, storage.IfRevision(before.revision))
	}
	if err != nil {
		return Outcome{}, err
	}
	return outcome, nil
}

// createLocked is putLocked for the first version of a stream. Meanwhile the
// stream counts as one of its jail's, so that concurrent calls cannot exceed the
// bound together.
func (r *Registry) createLocked(ctx context.Context, key streamKey, first *history) error {
	if err := r.reserve(key); err != nil {
		return err
	}
	err := r.putLocked(ctx, key, first, storage.IfAbsent())
	if err != nil {
		r.forget(key)
	}
	return err
}

// putLocked makes h durable, and then visible.
func (r *Registry) putLocked(ctx context.Context, key streamKey, h *history, cond storage.Condition) (err error) {
	h.revision, err = r.records.Put(ctx, table, key.record(), h.encode(), cond)
	if err != nil {
		return fmt.Errorf("schema: write %s: %w", quoted(key.stream), err)
	}
	r.publish(key, h)
	return nil
}

// Delete removes the definition of a stream and all of its versions, durably. It
// returns ErrNotFound if there is none.
func (r *Registry) Delete(ctx context.Context, jail, stream string) error {
	key := streamKey{jail, stream}
	if err := key.check(); err != nil {
		return err
	}
	unlock, err := r.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	for {
		// A write that returned an error may have reached storage, so memory
		// does not say whether there is a record.
		if err := r.reloadLocked(ctx, key); err != nil {
			return err
		}
		h := r.load(key)
		if h == nil {
			return ErrNotFound
		}
		err := r.records.Delete(ctx, table, key.record(), storage.IfRevision(h.revision))
		if err == nil {
			r.forget(key)
			return nil
		}
		if !errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("schema: delete %s: %w", quoted(key.stream), err)
		}
	}
}

// DeleteJail deletes all streams of a jail, durably. The caller must have made
// sure that nobody defines streams there any more. After an error some streams
// may be left; call it again.
func (r *Registry) DeleteJail(ctx context.Context, jail string) error {
	if err := checkJail(jail); err != nil {
		return err
	}
	streams, err := r.streamsOf(ctx, jail)
	if err != nil {
		return err
	}
	for _, stream := range streams {
		if err := r.Delete(ctx, jail, stream); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// streamsOf returns the streams that a jail has, in memory or in storage.
func (r *Registry) streamsOf(ctx context.Context, jail string) ([]string, error) {
	prefix := streamKey{jail: jail}.record()
	r.mu.Lock()
	streams := slices.Clone(r.names[jail])
	r.mu.Unlock()
	for record, err := range r.records.List(ctx, table, prefix) {
		if err != nil {
			return nil, fmt.Errorf("schema: list the streams of jail %s: %w", quoted(jail), err)
		}
		streams = append(streams, record.Key[len(prefix):])
	}
	slices.Sort(streams)
	return slices.Compact(streams), nil
}
