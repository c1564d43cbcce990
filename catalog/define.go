package catalog

import (
	"context"
	"errors"
	"fmt"

	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// errRemoved reports that the stream was deleted while the caller waited for its
// turn. The catalog may have another one of that name.
var errRemoved = errors.New("catalog: the stream was removed")

// Plan returns what Define would return, and changes nothing.
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

// Room returns how many more streams can be defined in the jail.
func (c *Catalog) Room(space string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j := c.jails[space]; j != nil {
		return c.opts.Streams - j.defined
	}
	return c.opts.Streams
}

// Define adds a definition to the stream. When it returns without an error, the
// outcome is durable, and Stream.Schema returns it or a later one. Its errors are
// *schema.OlderVersionError, *schema.ConflictError, schema.ErrHistoryFull,
// ErrTooManyStreams, ErrBadName, and errors of storage. After an error of storage
// the definition may or may not be stored; it is safe to call Define again.
func (c *Catalog) Define(ctx context.Context, id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	if err := checkDefinition(id, def); err != nil {
		return schema.Outcome{}, err
	}
	// Clients define their streams whenever they start, and nearly always
	// change nothing. They do not wait for their turn then.
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
		outcome, err := c.add(id).define(ctx, compiled)
		if err == nil {
			c.made(id)
		}
		if err != errRemoved {
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
	endTurn, err := s.takeTurn(ctx)
	if err != nil {
		return schema.Outcome{}, err
	}
	defer endTurn()
	if s.isRemoved() {
		return schema.Outcome{}, errRemoved
	}
	if s.IsTransient() {
		if err := s.endTransient(ctx); err != nil {
			return schema.Outcome{}, err
		}
		defer s.reopen()
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

// endTransient deletes the transient topic of a stream that is about to be defined: what
// is defined lasts. Nobody makes another topic before reopen. The caller has the turn.
func (s *Stream) endTransient(ctx context.Context) error {
	if err := s.deleteTopic(ctx); err != nil {
		return err
	}
	return s.catalog.Groups.Topic(s.id).DeleteAll()
}

// reopen lets the stream have a topic again.
func (s *Stream) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = false
	s.topic.Store(nil) // the deleted one
}

// defineInTurn decides by what is in memory. It returns storage.ErrConflict if
// storage has something else. The caller has the turn.
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
	if before == nil { // counted first: see reserve
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

// write makes the definitions durable, then visible.
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

// reload reads what another process has written, or what a write of this one has
// stored although it returned an error. The caller has the turn.
func (s *Stream) reload(ctx context.Context) error {
	record, err := s.catalog.Records.Get(ctx, schemasTable, recordKey(s.id))
	if errors.Is(err, storage.ErrNotFound) {
		s.undefine()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the definition of %q: %w", s.id.Name, err)
	}
	return s.load(record)
}
