package catalog

import (
	"context"
	"errors"
	"fmt"

	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// errRemoved: the stream was deleted while its turn was waited for; another one
// of the name may be in the catalog.
var errRemoved = errors.New("catalog: the stream was removed")

// Plan says what Define would do, with the same errors, and changes nothing.
func (c *Catalog) Plan(id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	if err := checkDefinition(id, def); err != nil {
		return schema.Outcome{}, err
	}
	history := c.Lookup(id).History()
	outcome, err := history.Outcome(def)
	if err == nil && outcome.Change != schema.Unchanged {
		_, err = history.With(schema.NewSchema(def, c.opts.Rules), c.opts.Limits.HistoryBytes)
	}
	if err == nil && outcome.Change == schema.Created {
		err = c.checkRoom(id.Space)
	}
	if err != nil {
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// Define gives the stream a definition. When it returns without an error, the
// outcome is durable and Stream.Schema shows it or a later one. Its errors are
// *schema.OlderVersionError, *schema.ConflictError, schema.ErrHistoryFull,
// ErrTooManyStreams, ErrBadName, and storage's. After one of storage's the
// definition may or may not be stored; it is safe to call Define again.
func (c *Catalog) Define(ctx context.Context, id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	if err := checkDefinition(id, def); err != nil {
		return schema.Outcome{}, err
	}
	// Clients define their streams whenever they start, and nearly always
	// change nothing. Those need not wait for their turn.
	if history := c.Lookup(id).History(); history != nil {
		if outcome, err := history.Outcome(def); err != nil || outcome.Change == schema.Unchanged {
			return outcome, err
		}
	}
	compiled := schema.NewSchema(def, c.opts.Rules)
	if err := compiled.Compile(); err != nil {
		return schema.Outcome{}, err
	}
	for {
		if outcome, err := c.add(id).define(ctx, compiled); err != errRemoved {
			return outcome, err
		}
	}
}

func checkDefinition(id streams.ID, def *schema.Definition) error {
	if def.Name != id.Name {
		return fmt.Errorf("%w: a definition of %q for %q", ErrBadName, def.Name, id.Name)
	}
	return checkID(id)
}

func (s *Stream) define(ctx context.Context, next *schema.Schema) (schema.Outcome, error) {
	give, err := s.take(ctx)
	if err != nil {
		return schema.Outcome{}, err
	}
	defer give()
	if s.isRemoved() {
		return schema.Outcome{}, errRemoved
	}
	outcome, err := s.defineInTurn(ctx, next)
	for errors.Is(err, storage.ErrConflict) {
		if err = s.reload(ctx); err == nil {
			outcome, err = s.defineInTurn(ctx, next)
		}
	}
	if err != nil {
		s.removeUnused()
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// defineInTurn decides by what is in memory. It returns storage.ErrConflict if
// something else is in storage.
func (s *Stream) defineInTurn(ctx context.Context, next *schema.Schema) (schema.Outcome, error) {
	before := s.History()
	outcome, err := before.Outcome(next.Definition)
	if err != nil || outcome.Change == schema.Unchanged {
		return outcome, err
	}
	after, err := before.With(next, s.catalog.opts.Limits.HistoryBytes)
	if err != nil {
		return schema.Outcome{}, err
	}
	if before == nil { // counted first, so that many at once cannot exceed the bound together
		if err := s.catalog.reserve(s.id); err != nil {
			return schema.Outcome{}, err
		}
	}
	if err := s.write(ctx, after); err != nil {
		if before == nil {
			s.catalog.count(s.id, -1)
		}
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// write makes the definitions durable, and then visible.
func (s *Stream) write(ctx context.Context, after *schema.History) error {
	cond := storage.IfAbsent()
	if before := s.stored.Load(); before != nil {
		cond = storage.IfRevision(before.revision)
	}
	revision, err := s.catalog.Records.Put(ctx, schemasTable, recordKey(s.id), after.Encode(), cond)
	if err != nil {
		return fmt.Errorf("write the definition of %q: %w", s.id.Name, err)
	}
	s.stored.Store(&stored{after, revision})
	return nil
}

// reload reads what somebody else has written, or a write of ours that was
// reported as failed. The caller has the turn.
func (s *Stream) reload(ctx context.Context) error {
	record, err := s.catalog.Records.Get(ctx, schemasTable, recordKey(s.id))
	if errors.Is(err, storage.ErrNotFound) {
		s.undefine()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the definition of %q: %w", s.id.Name, err)
	}
	return s.adopt(record)
}
