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
	Created   Change = "created"   // the stream was not defined
	Replaced  Change = "replaced"  // a higher version
	Unchanged Change = "unchanged" // the version that is there, with the same fields
)

// An Outcome says what a definition did, or would do.
type Outcome struct {
	Definition  *Definition // in force afterwards; if unchanged, as it was given first
	Change      Change
	Differences []Difference // from the version that was replaced
}

// Plan says what Define would do, with the same errors, and does nothing.
func (r *Registry) Plan(jail, stream string, def *Definition) (Outcome, error) {
	key := streamKey{jail, stream}
	if err := checkDefine(key, def); err != nil {
		return Outcome{}, err
	}
	_, outcome, err := r.next(key, r.load(key), def)
	if outcome.Change == Created {
		err = r.room(jail)
	}
	if err != nil {
		return Outcome{}, err
	}
	return outcome, nil
}

// Define gives the stream a definition. When it returns without an error, the
// outcome is durable and Current shows it or a later one. Its errors are
// *OlderVersionError, *ConflictError, ErrTooManyStreams, ErrHistoryFull,
// ErrBadName, and storage's. After one of storage's the definition may or may
// not be there; to define it once more is safe.
func (r *Registry) Define(ctx context.Context, jail, stream string, def *Definition) (Outcome, error) {
	key := streamKey{jail, stream}
	if err := checkDefine(key, def); err != nil {
		return Outcome{}, err
	}
	// Clients define their streams whenever they start, and nearly always
	// change nothing. Those need not wait for their turn.
	if h := r.load(key); h != nil {
		if outcome, err := compare(h, def); err != nil || outcome.Change == Unchanged {
			return outcome, err
		}
	}
	schema := newSchema(def, r.rules)
	if _, err := schema.validator(); err != nil {
		return Outcome{}, err
	}
	give, err := r.take(ctx, key)
	if err != nil {
		return Outcome{}, err
	}
	defer give()
	for {
		outcome, err := r.defineInTurn(ctx, key, schema)
		if !errors.Is(err, storage.ErrConflict) {
			return outcome, err
		}
		if err := r.reload(ctx, key); err != nil {
			return Outcome{}, err
		}
	}
}

func checkDefine(key streamKey, def *Definition) error {
	if def.Name != key.stream {
		return fmt.Errorf("%w: a definition of %s for %s", ErrBadName, quoted(def.Name), quoted(key.stream))
	}
	return key.check()
}

// defineInTurn decides by what is in memory. It returns storage.ErrConflict if
// that is not what is in storage.
func (r *Registry) defineInTurn(ctx context.Context, key streamKey, schema *Schema) (Outcome, error) {
	before := r.load(key)
	versions, outcome, err := r.next(key, before, schema.Definition)
	if err != nil || outcome.Change == Unchanged {
		return outcome, err
	}
	if err := r.write(ctx, key, before, &history{versions: versions, current: schema}); err != nil {
		return Outcome{}, err
	}
	return outcome, nil
}

// write makes after durable in the place of before, nil if there is nothing, and then visible.
func (r *Registry) write(ctx context.Context, key streamKey, before, after *history) (err error) {
	cond := storage.IfAbsent()
	if before != nil {
		cond = storage.IfRevision(before.revision)
	} else {
		if err := r.reserve(key); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				r.forget(key)
			}
		}()
	}
	after.revision, err = r.records.Put(ctx, table, key.record(), encodeHistory(after.versions), cond)
	if err != nil {
		return fmt.Errorf("schema: write %s: %w", quoted(key.stream), err)
	}
	r.publish(key, after)
	return nil
}

// next returns the versions that def would make of h, nil if there are none,
// and what that means.
func (r *Registry) next(key streamKey, h *history, def *Definition) ([]*Definition, Outcome, error) {
	outcome := Outcome{Definition: def, Change: Created}
	var versions []*Definition
	if h != nil {
		var err error
		if outcome, err = compare(h, def); err != nil || outcome.Change == Unchanged {
			return nil, outcome, err
		}
		versions = h.versions
	}
	versions = append(slices.Clip(versions), def)
	if size := len(encodeHistory(versions)); size > r.limits.HistoryBytes {
		return nil, Outcome{}, fmt.Errorf("%w: %s would take %d bytes with version %s, at most %d are allowed",
			ErrHistoryFull, quoted(key.stream), size, def.Version, r.limits.HistoryBytes)
	}
	return versions, outcome, nil
}

// compare says what def does to a stream that has been defined.
func compare(h *history, def *Definition) (Outcome, error) {
	now := h.current.Definition
	order := def.Version.Compare(now.Version)
	if order < 0 {
		return Outcome{}, &OlderVersionError{Stream: now.Name, Pushed: def.Version, Defined: now.Version}
	}
	differences := Diff(now, def)
	switch {
	case order > 0:
		return Outcome{Definition: def, Change: Replaced, Differences: differences}, nil
	case len(differences) > 0:
		return Outcome{}, &ConflictError{Stream: now.Name, Version: now.Version, Differences: differences}
	default:
		return Outcome{Definition: now, Change: Unchanged}, nil
	}
}

// Delete forgets a stream's definition and all its versions, durably, or
// returns ErrNotFound.
func (r *Registry) Delete(ctx context.Context, jail, stream string) error {
	key := streamKey{jail, stream}
	if err := key.check(); err != nil {
		return err
	}
	give, err := r.take(ctx, key)
	if err != nil {
		return err
	}
	defer give()
	for {
		// A write that failed may have happened, so memory is not asked.
		if err := r.reload(ctx, key); err != nil {
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

// DeleteJail deletes all streams of a jail, durably. The caller has seen to it
// that nobody defines streams there any more. If it fails, some may be left;
// call it again.
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
