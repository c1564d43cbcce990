package catalog

import (
	"context"
	"sync"
	"sync/atomic"

	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// A Stream is one stream with all that belongs to it. Safe for concurrent use.
type Stream struct {
	catalog *Catalog
	record  record
	topic   atomic.Pointer[streams.Topic] // nil: not opened yet

	mu      sync.Mutex // guards what follows, and the opening of topic
	deleted bool       // its deletion has begun; no topic is made any more
	removed bool       // it is not in the catalog any more
}

// ID returns the stream's jail and name.
func (s *Stream) ID() streams.ID { return s.record.id }

// Schema returns what the stream's messages must match, or nil if the stream is
// not defined or s is nil.
func (s *Stream) Schema() *schema.Schema { return s.History().Current() }

// History returns all definitions that the stream has had, or nil if it is not
// defined or s is nil.
func (s *Stream) History() *schema.History {
	if s == nil {
		return nil
	}
	return s.record.history()
}

// Topic returns the stream's topic. It opens the topic if need be, and returns
// streams.ErrDeleted, streams.ErrTooManyTopics or an error of the store.
func (s *Stream) Topic() (*streams.Topic, error) {
	if topic := s.topic.Load(); topic != nil {
		return topic, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if topic := s.topic.Load(); topic != nil {
		return topic, nil
	}
	if s.deleted || s.removed {
		return nil, streams.ErrDeleted
	}
	topic, err := s.catalog.Network.Topic(s.ID())
	if err != nil {
		return nil, err
	}
	s.topic.Store(topic)
	return topic, nil
}

// Existing returns the stream's topic if there is one.
func (s *Stream) Existing() (*streams.Topic, bool) {
	if topic := s.topic.Load(); topic != nil {
		return topic, true
	}
	return s.catalog.Network.Lookup(s.ID())
}

// IsOpen reports whether the stream has a topic.
func (s *Stream) IsOpen() bool {
	_, ok := s.Existing()
	return ok
}

// IsTransient reports whether the stream has a topic that is transient. A nil stream has
// none.
func (s *Stream) IsTransient() bool {
	if s == nil {
		return false
	}
	topic, ok := s.Existing()
	return ok && topic.IsTransient()
}

func (s *Stream) openTransient(o streams.Overrides) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted || s.removed {
		return streams.ErrDeleted
	}
	_, err := s.catalog.Network.Transient(s.ID(), o)
	return err
}

// Info returns a snapshot of the stream's topic. It opens none.
func (s *Stream) Info() streams.Info {
	if topic, ok := s.Existing(); ok {
		return topic.Info()
	}
	network := s.catalog.Network
	return streams.Info{
		Interest: network.Interest(s.ID()),
		Bounds:   storage.Bounds{First: 1, Next: 1},
		Policy:   network.Policy(),
	}
}

// takeTurn waits for the right to change the stream. A caller that added the stream to the
// catalog may return when it fails: whoever has the turn removes an unused stream.
func (s *Stream) takeTurn(ctx context.Context) (endTurn func(), err error) {
	return s.catalog.turns.Take(ctx, s)
}

func (s *Stream) isRemoved() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removed
}

// removeUnused removes the stream from the catalog if it has neither a schema
// nor a topic. The caller has the turn.
func (s *Stream) removeUnused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Schema() == nil && !s.IsOpen() {
		s.removeLocked()
	}
}

// removeLocked removes the stream from the catalog.
func (s *Stream) removeLocked() {
	s.removed = true
	s.catalog.remove(s)
}

// tryRemoveUnused calls removeUnused, unless somebody has the turn. Whoever has it
// removes an unused stream itself.
func (s *Stream) tryRemoveUnused() {
	if endTurn := s.catalog.turns.Try(s); endTurn != nil {
		defer endTurn()
		s.removeUnused()
	}
}
