package gateway

import (
	"context"
	"time"

	"seagate/auth"
	"seagate/streams"
)

// StreamPolicy is how a stream keeps its messages: the overrides of the stream,
// and the policy that they and the settings for all streams result in.
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

// told returns what is set, as the HTTP API names it.
func (s StreamPolicy) told() any {
	set, retention := map[string]any{}, map[string]any{}
	if s.Set.Durability != nil {
		set["durability"] = *s.Set.Durability
	}
	if s.Set.Age != nil {
		retention["age"] = int64(*s.Set.Age / time.Second)
	}
	if s.Set.Bytes != nil {
		retention["bytes"] = *s.Set.Bytes
	}
	if s.Set.Messages != nil {
		retention["messages"] = *s.Set.Messages
	}
	if len(retention) > 0 {
		set["retention"] = retention
	}
	return set
}

func policyOf(topic *streams.Topic) StreamPolicy {
	set, holds := topic.Policy()
	return StreamPolicy{set, holds}
}

// SetPolicy replaces the overrides of the stream, durably. What they leave unset
// is as in the settings for all streams.
func (g *Gateway) SetPolicy(ctx context.Context, p *auth.Principal, stream string, set streams.Overrides) (StreamPolicy, error) {
	if err := g.manage(p, auth.AdministerStreams, stream); err != nil {
		return StreamPolicy{}, err
	}
	var before, policy StreamPolicy
	err := g.store(p, stream, func(t *streams.Topic) error {
		before = policyOf(t)
		err := t.SetOverrides(ctx, set)
		policy = policyOf(t)
		return err
	}, func() { g.audit(p, "stream settings changed", stream, auditDetail{before.told(), policy.told()}) })
	return policy, err
}
