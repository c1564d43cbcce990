package gateway

import (
	"context"

	"seagate/auth"
	"seagate/protocol"
	"seagate/streams"
)

// StreamPolicy is how a stream keeps its messages: what was set for it, and
// what holds.
type StreamPolicy struct {
	Set   streams.Overrides
	Holds streams.Policy
}

// Policy returns how the stream keeps its messages.
func (g *Gateway) Policy(p *auth.Principal, stream string) (StreamPolicy, *protocol.Error) {
	if _, e := g.Stream(p, stream); e != nil {
		return StreamPolicy{}, e
	}
	topic, e := g.topic(p, stream)
	if e != nil {
		return StreamPolicy{}, e
	}
	set, holds := topic.Policy()
	return StreamPolicy{set, holds}, nil
}

// SetPolicy replaces what is set for the stream, durably. What is not set is
// as the settings have it for all streams.
func (g *Gateway) SetPolicy(ctx context.Context, p *auth.Principal, stream string, set streams.Overrides) (StreamPolicy, *protocol.Error) {
	if e := g.authorize(p, auth.AdministerStreams); e != nil {
		return StreamPolicy{}, e
	}
	e := g.store(p, stream, "stream settings changed", func(t *streams.Topic) error { return t.SetOverrides(ctx, set) })
	if e != nil {
		return StreamPolicy{}, e
	}
	return g.Policy(p, stream)
}
