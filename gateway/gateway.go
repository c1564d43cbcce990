package gateway

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"seagate/auth"
	"seagate/groups"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
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

// DefaultSettings returns the settings that an operator who sets nothing gets.
func DefaultSettings() Settings {
	return Settings{
		JSONDepth:                  protocol.DefaultLimits().JSONDepth,
		HeaderBytes:                64 << 10,
		SubscriptionsPerConnection: 1_000,
		ConnectionsPerClient:       10_000,
		DeadLetterSuffix:           ".dead",
		Schema:                     schema.DefaultLimits(),
	}
}

// Parts are what a Gateway puts to work. The Gateway closes none of them.
type Parts struct {
	Directory *auth.Directory
	Schemas   *schema.Registry
	Network   *streams.Network
	Groups    *groups.Registry
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

	mu        sync.Mutex // guards what follows
	providers map[streams.ID]*streams.OutTopic
}

// New returns a Gateway over the parts, after removing what deleted jails left
// behind.
func New(ctx context.Context, parts Parts, settings Settings) (*Gateway, error) {
	g := &Gateway{
		Parts:     parts,
		settings:  settings,
		logins:    newLogins(settings.ConnectionsPerClient),
		rates:     rates{perSecond: settings.PublishesPerSecond},
		providers: map[streams.ID]*streams.OutTopic{},
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
	gone := map[string]bool{}
	for _, jail := range g.Schemas.Jails() {
		gone[jail] = true
	}
	for _, jail := range g.Network.Spaces() {
		gone[jail] = true
	}
	for jail := range gone {
		if jail == probeTopic.Space || g.Directory.HasJail(jail) {
			continue
		}
		if err := g.deleteStreams(ctx, jail); err != nil {
			return err
		}
	}
	return nil
}

// Settings returns the settings in force.
func (g *Gateway) Settings() Settings { return g.settings }
