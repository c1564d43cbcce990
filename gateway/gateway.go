package gateway

import (
	"context"
	"log/slog"
	"sync/atomic"

	"seagate/auth"
	"seagate/catalog"
	"seagate/schema"
)

// Settings are what the protocol leaves to the operator.
type Settings struct {
	// UngroupedShare makes the subscriptions of one client to one stream that
	// name no group share its messages, as the original server did. Default:
	// each receives everything.
	UngroupedShare bool

	// AcceptUndefined lets clients publish and subscribe to streams that
	// nobody defined; any JSON value passes. Default: refused.
	AcceptUndefined bool

	// JSONDepth bounds how deep objects and arrays of a message may nest.
	// Default 64.
	JSONDepth int

	// HeaderBytes bounds the header of a stream. Default 64 KiB.
	HeaderBytes int

	// SubscriptionsPerConnection, default 1,000.
	SubscriptionsPerConnection int

	// ConnectionsPerClient, default 10,000.
	ConnectionsPerClient int

	// PublishesPerSecond bounds the messages of one client, with a burst of
	// one second's worth. Default 0: no bound.
	PublishesPerSecond int

	// SkipGaps lets a subscription that did not ask to be told go on behind
	// messages that retention dropped before it read them. Default: its
	// connection is ended, so that it notices.
	SkipGaps bool

	// DeadLetterSuffix names the stream that takes what a group's members
	// could not process, after the stream's own name. Default ".dead".
	DeadLetterSuffix string

	// Schema is how strictly definitions and messages are checked.
	Schema schema.Limits
}

// Parts are what a Gateway puts to work. The Gateway closes none of them.
type Parts struct {
	Directory *auth.Directory
	Catalog   *catalog.Catalog
	Metrics   *Metrics
	Log       *slog.Logger

	// Checkpoint makes a consistent copy of all that is stored in a new folder.
	Checkpoint func(ctx context.Context, dir string) error
}

// A Gateway is the operations on one set of parts. Safe for concurrent use.
type Gateway struct {
	Parts
	settings Settings
	logins   *logins
	filters  filterTable
	rates    rates
	shards   atomic.Uint32
}

// New returns a Gateway over the parts, after removing what deleted jails left
// behind.
func New(ctx context.Context, parts Parts, settings Settings) (*Gateway, error) {
	g := &Gateway{
		Parts:    parts,
		settings: settings,
		logins:   newLogins(settings.ConnectionsPerClient),
		rates:    rates{perSecond: settings.PublishesPerSecond},
	}
	if err := g.sweep(ctx); err != nil {
		return nil, err
	}
	parts.Directory.OnRevoke(g.revoked)
	return g, nil
}

// sweep removes the streams of jails that are gone: a crash may have come
// between the deletion of a jail and that of its streams.
func (g *Gateway) sweep(ctx context.Context) error {
	for _, jail := range g.Catalog.Jails() {
		if jail == probeTopic.Space || g.Directory.HasJail(jail) {
			continue
		}
		if err := g.Catalog.DeleteJail(ctx, jail); err != nil {
			return err
		}
	}
	return nil
}

// Settings returns the settings in force.
func (g *Gateway) Settings() Settings { return g.settings }
