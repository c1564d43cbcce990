package gateway

import (
	"context"

	"seagate/auth"
)

// SubscribeAuthorized is Subscribe behind the authorization, for tests of what changes in
// between.
func SubscribeAuthorized(ctx context.Context, g *Gateway, p *auth.Principal, r Request, sink Sink) (*Subscription, error) {
	return g.subscribe(ctx, p, r, sink)
}

// HoldLargeInput takes all places for large input until release is called.
func HoldLargeInput(g *Gateway) (release func()) {
	g.defining.TakeUnless(nil, "")
	for range max(1, g.large.Places) {
		g.large.TakeUnless(nil, "")
	}
	return func() {
		g.defining.Give()
		for range max(1, g.large.Places) {
			g.large.Give()
		}
	}
}

// SendProbe publishes the probe's message to a topic.
var SendProbe = send
