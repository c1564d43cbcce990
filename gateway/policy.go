package gateway

import (
	"context"

	"seagate/auth"
	"seagate/streams"
)

// StreamPolicy is how a stream keeps its messages: what is set for it, and what
// results from that and the settings for all streams.
type StreamPolicy struct {
	Set   streams.Overrides
	Holds streams.Policy
}

// Policy returns how the stream keeps its messages.
func (g *Gateway) Policy(p *auth.Principal, stream string) (StreamPolicy, error) {
	if _, err := g.existing(p, stream); err != nil {
		return StreamPolicy{}, err
	}
	topic, err := g.topic(p, stream)
	if err != nil {
		return StreamPolicy{}, err
	}
	return policyOf(topic), nil
}

func policyOf(topic *streams.Topic) StreamPolicy {
	set, holds := topic.Policy()
	return StreamPolicy{set, holds}
}

// SetPolicy replaces what is set for the stream, durably. For what is not set, the
// settings for all streams hold.
func (g *Gateway) SetPolicy(ctx context.Context, p *auth.Principal, stream string, set streams.Overrides) (StreamPolicy, error) {
	if err := g.authorize(p, auth.AdministerStreams, stream); err != nil {
		return StreamPolicy{}, err
	}
	var policy StreamPolicy
	err := g.store(p, stream, "stream settings changed", func(t *streams.Topic) error {
		err := t.SetOverrides(ctx, set)
		policy = policyOf(t)
		return err
	})
	return policy, err
}
