package client

import (
	"context"
	"fmt"

	"seagate/protocol"
)

// Drain lets a member of a group leave without a repetition for the others. The gateway
// hands it nothing new. Next goes on with what it has, and returns ErrUnsubscribed once
// all of that has been read from the connection; if the subscription is Explicit, once it
// is acknowledged, given back or too late. So call Next, and Ack, until then. Unsubscribe
// cuts this short: the rest goes to the other members. Without a group, and with a
// gateway that cannot drain, Drain is Unsubscribe.
//
// Drain returns when the gateway has answered, which is soon. It is not an error if the
// subscription has ended, or drains already.
func (s *Subscription) Drain(ctx context.Context) error {
	if !s.drain() {
		return nil
	}
	r := s.unsubscribe(true)
	_, err := s.conn.roundTrip(ctx, r)
	switch {
	case err == nil && !r.draining, CodeOf(err) == protocol.CodeSubscriptionNotFound:
		s.end(ErrUnsubscribed)
		s.conn.forget(s)
	case err != nil:
		return fmt.Errorf("client: drain %q: %w", s.stream, err)
	}
	return nil
}

// drain records that the subscription drains. It returns false if it has ended, is being
// unsubscribed, or drains already.
func (s *Subscription) drain() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	begins := s.err == nil && !s.leaving && !s.drains
	s.drains = true
	signal(s.room) // there is room for whoever waits in push
	return begins
}
