package catalog

import (
	"context"
	"errors"
	"math"
	"time"

	"seagate/streams"
)

// deleteTime bounds a deletion that has begun. It continues when the caller's context
// ends, because a half-deleted stream is useless. When the time of a jail's deletion is over,
// none of its other streams and services is begun.
const deleteTime = 2 * time.Minute

// Delete deletes a stream with its messages, groups and definitions, durably.
// It returns ErrNotFound if there is none. Its subscriptions end.
func (c *Catalog) Delete(ctx context.Context, id streams.ID) error {
	if err := checkID(id); err != nil {
		return err
	}
	// A write that failed may have stored a definition. So a stream that is not
	// in the catalog is looked for in storage too.
	s := c.add(id)
	endTurn, err := s.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer endTurn()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	if err := s.delete(ctx); err != nil {
		s.removeUnused()
		return err
	}
	return nil
}

// delete deletes a stream whose turn the caller has.
func (s *Stream) delete(ctx context.Context) error {
	if s.isRemoved() {
		return ErrNotFound
	}
	had := s.IsOpen()
	if err := s.deleteTopic(ctx); err != nil {
		return err
	}
	if err := s.catalog.Groups.Topic(s.ID()).DeleteAll(); err != nil {
		return err
	}
	defined, err := s.record.delete(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.removeLocked()
	s.mu.Unlock()
	if !had && !defined {
		return ErrNotFound
	}
	return nil
}

// deleteTopic deletes the messages. From then on nobody gets a live topic of this
// stream, even if the deletion fails: see streams.Network.Delete.
func (s *Stream) deleteTopic(ctx context.Context) error {
	s.mu.Lock()
	s.deleted = true
	s.mu.Unlock()
	transient := s.IsTransient()
	err := s.catalog.Network.Delete(ctx, s.ID())
	if err == nil && transient {
		s.catalog.transientEnded(s.ID())
	}
	return err
}

// DeleteTransient deletes a stream that is no more than the transient topic, with its
// groups, if the topic is idle: see streams.Topic.EndIf. A nil idle deletes it in any case.
// A stream that was defined meanwhile, or that has another topic, stays. DeleteTransient
// returns whether it deleted the stream.
func (c *Catalog) DeleteTransient(ctx context.Context, topic *streams.Topic, idle func(streams.Info) bool) (bool, error) {
	s := c.Lookup(topic.ID())
	if s == nil {
		return false, nil
	}
	endTurn, err := s.takeTurn(ctx)
	if err != nil {
		return false, err
	}
	defer endTurn()
	if !s.endIfIdle(topic, idle) {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	if err := s.endTransient(ctx); err != nil {
		return false, err
	}
	s.reopen()
	s.removeUnused()
	return true, nil
}

// endIfIdle ends the transient topic, unless it is not the stream's any more or is in use.
// The caller has the turn.
func (s *Stream) endIfIdle(topic *streams.Topic, idle func(streams.Info) bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, ok := s.Existing()
	if !ok || now != topic || !topic.IsTransient() || s.removed || s.Schema() != nil {
		return false
	}
	s.deleted = idle == nil || topic.EndIf(idle)
	return s.deleted
}

// DeleteJail deletes all streams and definitions of services of a jail, durably. The
// caller must have made sure that nobody uses the jail any more. If it fails, some
// may be left; it is safe to call it again.
func (c *Catalog) DeleteJail(ctx context.Context, space string) error {
	if err := checkJail(space); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	names, err := c.namesOf(ctx, space)
	if err != nil {
		return err
	}
	if err := deleteEach(ctx, space, names, c.Delete); err != nil {
		return err
	}
	if err := c.Services.deleteJail(ctx, space); err != nil {
		return err
	}
	return c.Groups.DeleteSpace(space) // also those whose topics are gone
}

// deleteEach calls remove for each name, until ctx ends. A name that is not there any more is no
// error.
func deleteEach(ctx context.Context, space string, names []string, remove func(context.Context, streams.ID) error) error {
	for _, name := range names {
		if err := ctx.Err(); err != nil { // remove has a time of its own
			return err
		}
		err := remove(ctx, streams.ID{Space: space, Name: name})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// namesOf returns the names of a jail's streams, in memory or in storage.
func (c *Catalog) namesOf(ctx context.Context, space string) (names []string, err error) {
	for _, s := range c.List(space, "", math.MaxInt, true) {
		names = append(names, s.ID().Name)
	}
	return c.table.addStored(ctx, space, names)
}
