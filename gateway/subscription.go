package gateway

import (
	"seagate/groups"
	"seagate/protocol"
	"seagate/storage"
	"seagate/streams"
)

// IsWaiting reports whether the subscription waits for its stream to be defined.
func (s *Subscription) IsWaiting() bool { return s.place.Load() == nil }

// current returns the place, which is empty while the subscription waits.
func (s *Subscription) current() *place {
	if at := s.place.Load(); at != nil {
		return at
	}
	return left
}

// Header returns what the subscriber is to receive first, or nil.
func (s *Subscription) Header() []byte { return s.current().header }

// Joined returns the number of the message that comes first, and what the
// stream keeps. They are zero while the subscription waits.
func (s *Subscription) Joined() (next uint64, b storage.Bounds) {
	at := s.current()
	return max(at.next, at.bounds.First), at.bounds
}

// State returns the state of the stream when the subscription began. It is zero while the
// subscription waits.
func (s *Subscription) State() streams.State { return s.current().state }

// Start begins delivery, or the wait for the stream.
func (s *Subscription) Start() {
	if at := s.place.Load(); at != nil {
		at.start()
		return
	}
	s.gateway.waiting.add(s)
}

// Resume must be called when a sink that took fewer messages than it was
// offered has room again.
func (s *Subscription) Resume() { s.current().resume() }

// Shared reports whether the subscription is in a group, which needs
// acknowledgements.
func (s *Subscription) Shared() bool { return s.current().membership != nil }

// Ack acknowledges everything up to the tag. It is for shared subscriptions; for
// one that acknowledges explicitly it confirms gaps only.
func (s *Subscription) Ack(tag uint64) {
	if m := s.current().membership; m != nil {
		_ = change(s.principal, func() error { m.Ack(tag); return nil })
	}
}

// Acknowledge confirms messages by their numbers, or all up to a number. Numbers
// that this subscription was not handed are ignored.
func (s *Subscription) Acknowledge(a protocol.Ack) error {
	return s.tellGroup(func(m *groups.Membership) (err error) {
		if a.UpTo > 0 {
			_, err = m.AckUpTo(a.UpTo)
		} else {
			_, err = m.AckSeqs(a.Seqs)
		}
		return err
	})
}

// Reject returns messages that could not be processed to the group.
func (s *Subscription) Reject(n protocol.Nack) error {
	return s.tellGroup(func(m *groups.Membership) error {
		_, err := m.Nack(n.Seqs, n.Reason, n.Delay)
		return err
	})
}

func (s *Subscription) tellGroup(tell func(*groups.Membership) error) error {
	if s.IsWaiting() && s.request.Explicit {
		return nil // it holds nothing
	}
	err := error(groups.ErrNotExplicit)
	if m := s.current().membership; m != nil {
		err = change(s.principal, func() error { return tell(m) })
	}
	return attempted("acknowledge", err)
}

// Drain lets a member of a group leave without redelivering its messages to others: see
// groups.Membership.Drain. Request.Drained is called at the end, unless Sink.End or Close
// comes first. Until then the subscription can acknowledge. Drain is only for a
// subscription that is Shared.
func (s *Subscription) Drain() {
	if m := s.current().membership; m != nil {
		m.Drain()
	}
}

// Close ends the subscription. What was not acknowledged goes to the other
// members of its group. It must be called once.
func (s *Subscription) Close() {
	if at := s.place.Swap(left); at != nil {
		at.leave()
	}
	s.gateway.waiting.remove(s)
	s.release()
}

// gap handles messages that were dropped before the subscription read them. It
// tells a sink that asked to be told. For others it ends the connection, so
// that the client notices, unless Settings.SkipGaps is set.
func (s *Subscription) gap(first, last uint64) (tag uint64, told bool) {
	if s.request.TellGaps {
		return s.sink.Gap(first, last)
	}
	if s.gateway.settings.SkipGaps {
		return 0, false
	}
	return 0, s.sink.End(lost(s.stream, first, last))
}

func lost(stream string, first, last uint64) *protocol.Error {
	return protocol.Errorf(protocol.CodeMessagesLost,
		"messages %d to %d of %s were dropped before this connection read them", first, last, stream)
}

// end tells the sink that the subscription has ended because of err, an error
// of its topic or group.
func (s *Subscription) end(err error) { s.sink.End(s.gateway.endReason(s.stream, err)) }

// endReason returns the refusal that tells a client of the end of a stream or
// group.
func (g *Gateway) endReason(stream string, err error) *protocol.Error {
	switch err {
	case streams.ErrDeleted:
		return protocol.Errorf(protocol.CodeStreamDeleted, "the stream %s was deleted", stream)
	case groups.ErrNotFound:
		return protocol.Errorf(protocol.CodeGroupNotFound, "the group was deleted")
	default:
		g.Log.Error("messages cannot be read", "stream", stream, "error", err)
		return protocol.Errorf(protocol.CodeInternal, "the messages of %s cannot be read; the server's log says why", stream)
	}
}
