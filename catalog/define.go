package catalog

import (
	"context"
	"errors"
	"fmt"

	"seagate/schema"
	"seagate/streams"
)

// errRemoved reports that the stream was deleted while the caller waited for its
// turn. The catalog may have another one of that name.
var errRemoved = errors.New("catalog: the stream was removed")

// Plan returns what Define would return, and changes nothing. It does not look at the quotas of bytes.
func (c *Catalog) Plan(id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	if err := checkDefinition(id, def); err != nil {
		return schema.Outcome{}, err
	}
	return c.table.plan(c.Lookup(id).History(), def, func() error { return c.checkRoom(id.Space) })
}

// Candidate returns the schema of a definition that is not stored, with the rules of the catalog.
func (c *Catalog) Candidate(def *schema.Definition) (*schema.Schema, error) {
	candidate := schema.NewSchema(def, c.opts.Rules)
	return candidate, candidate.Compile()
}

// Room returns how many more streams can be defined in the jail.
func (c *Catalog) Room(space string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j := c.jails[space]; j != nil {
		return c.maxStreams(space) - j.defined
	}
	return c.maxStreams(space)
}

// Define adds a definition to the stream. When it returns without an error, the
// outcome is durable, and Stream.Schema returns it or a later one. Its errors are
// *schema.OlderVersionError, *schema.ConflictError, schema.ErrHistoryFull,
// ErrTooManyStreams, *quota.Exceeded, ErrBadName, the error of ctx, and errors of
// storage. After an error of storage the definition may or may not be stored; it is
// safe to call Define again.
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
	if s.IsTransient() { // what is defined lasts
		if err := s.endTransient(ctx); err != nil {
			return schema.Outcome{}, err
		}
		defer s.reopen()
	}
	outcome, err := s.record.define(ctx, next)
	if err != nil {
		s.removeUnused()
		return schema.Outcome{}, err
	}
	return outcome, nil
}

// endTransient deletes the transient topic of a stream with its groups. Nobody makes
// another topic before reopen. The caller has the turn.
func (s *Stream) endTransient(ctx context.Context) error {
	if err := s.deleteTopic(ctx); err != nil {
		return err
	}
	return s.catalog.Groups.Topic(s.ID()).DeleteAll()
}

// reopen lets the stream have a topic again.
func (s *Stream) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = false
	s.topic.Store(nil) // the deleted one
}
