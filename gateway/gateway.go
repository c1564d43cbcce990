package gateway

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"seagate/auth"
	"seagate/auth/jwks"
	"seagate/catalog"
	"seagate/internal/processors"
	"seagate/internal/rationed"
	"seagate/internal/recentlog"
	"seagate/internal/tracing"
	"seagate/internal/turns"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams"
	"seagate/streams/peer"
)

// Settings are what the protocol leaves to the operator. All bounds must be set.
type Settings struct {
	// UngroupedShare makes the subscriptions of one client to one stream that
	// name no group share its messages, as the original server did. Otherwise
	// each receives everything.
	UngroupedShare bool

	// AcceptUndefined lets clients publish and subscribe to streams that
	// nobody defined; any JSON value passes. Otherwise they are refused.
	AcceptUndefined bool

	// AwaitUndefined lets a subscription to a stream that nobody defined wait for
	// the first definition: see Request.Begun. Publishing is refused.
	AwaitUndefined   bool
	WaitingPerClient int // subscriptions of one client that wait
	WaitingPerJail   int // of all clients of a jail; 0 is no bound

	JSONDepth                  int // levels of objects and arrays in a message
	HeaderBytes                int // of the header of a stream
	SubscriptionsPerConnection int
	StreamsPerMerge            int // of a merged subscription
	ProvidedPerConnection      int // streams
	ConnectionsPerClient       int

	// SubscriptionsPerJail, with watches, MergedStreamsPerJail and ProvidedPerJail bound what all
	// clients of a jail have over all connections. 0 is no bound.
	SubscriptionsPerJail int
	MergedStreamsPerJail int
	ProvidedPerJail      int

	// QueuedBytesPerJail bounds the bytes queued for all connections of a jail together, and
	// QueuedBytesInAll for those of all jails. 0 is no bound.
	QueuedBytesPerJail int
	QueuedBytesInAll   int

	// StrangerBytes and UnfinishedBytes bound the memory of messages that have arrived
	// in part. StrangerBytes is for all peers that have not authenticated together, of
	// which one address may have an eighth; UnfinishedBytes is for one jail.
	StrangerBytes   int
	UnfinishedBytes int

	// RefusalLines is the burst of log lines of each kind that clients and strangers may
	// cause. After it, one line of the kind may follow each second.
	RefusalLines int

	// ConnectionsPerJail bounds the connections of all clients of a jail. 0 is no bound.
	ConnectionsPerJail int

	// ChangesPerSecond bounds the changes to the streams, groups and clients of one jail. A burst
	// may have changeBurst seconds' worth. 0 is no bound.
	ChangesPerSecond int

	// ReadsPerSecond bounds the reads of one jail that look at much: lists, histories, connections.
	// A burst may have changeBurst seconds' worth. 0 is no bound.
	ReadsPerSecond int

	// PublishesPerSecond bounds the messages of one client. A burst may have one
	// second's worth. 0 is no bound.
	PublishesPerSecond int

	// SkipGaps decides what happens when retention drops messages before a
	// subscription has read them, if the subscription did not ask to be told.
	// With SkipGaps it continues after the gap. Otherwise its connection is
	// ended, so that the client notices.
	SkipGaps bool

	// DeadLetterSuffix follows a stream's name in the name of the stream that
	// takes what the members of its groups could not process.
	DeadLetterSuffix string

	// Jobs is the policy of job streams: see OpenJob. It is zero if there are none.
	Jobs JobPolicy

	// Services bounds services and calls.
	Services ServiceLimits

	// Audit is how the gateway notes what administrators do.
	Audit AuditPolicy

	// FilterSteps bounds the work of one filter for one message: see
	// fdsl.Filter.MatchWithin. A filter that needs more hides the message. 0 is no bound.
	FilterSteps int

	// ValidationSteps bounds the work of checking the messages of one publication: see
	// schema.NewBudget. 0 is no bound.
	ValidationSteps int

	// CompiledFieldsPerSecond bounds the fields of definitions that are compiled in a second for
	// messages of one jail that do not match them: see schema.Budget.RationCompiling. 0 is no bound.
	CompiledFieldsPerSecond int

	// Schema is how strictly definitions and messages are checked.
	Schema schema.Limits
}

// changeBurst is how many seconds' worth of changes, or of reads, a jail may make at once, such as
// the definitions of a large application that starts.
const changeBurst = 50

// compiledBurst is how many seconds' worth of Settings.CompiledFieldsPerSecond a jail may have at once.
const compiledBurst = 10

// Parts are what a Gateway works with. It closes none of them.
type Parts struct {
	Directory *auth.Directory
	Catalog   *catalog.Catalog
	Metrics   *Metrics
	Log       *slog.Logger

	// Configuration returns the settings in force. nil: there are none to show.
	Configuration func() []protocol.SettingInfo

	Recent *recentlog.Log // the newest lines of the log; nil: none are kept

	// JWKS fetches the keys of clients that have them at a URL. It is nil if none are fetched.
	JWKS *jwks.Refresher

	// Checkpoint makes a consistent copy of all that is stored in a new folder.
	Checkpoint func(ctx context.Context, dir string) error

	Tracer *tracing.Tracer // nil if nothing is traced
}

// A Gateway is the operations on one set of parts. Safe for concurrent use.
type Gateway struct {
	Parts
	settings   Settings
	logins     *logins // connections
	requests   *logins // HTTP requests that last; what they ask for has bounds of its own
	filters    filterTable
	rates      rates                              // of publishing
	changes    rates                              // of management
	reads      rates                              // of lists
	compiled   rates                              // of fields of definitions, which invalid messages make the gateway compile
	mayCompile func(jail string, fields int) bool // allowCompiling, made once
	jobs       *jobs
	services   *peer.Hub
	shards     atomic.Uint32
	waiting    *waiting
	shares     shares
	auditor    *auditor
	rationed   *rationed.Log
	large      turns.Turns // held while large messages are checked; see inTurn
	defining   turns.Turns // held while a large definition is made; one at a time
	quotasMu   sync.Mutex  // held by SetQuotas

	unfinished unfinished
}

// New returns a Gateway over the parts. It first removes what deleted jails left
// behind. The caller must Close it.
func New(ctx context.Context, parts Parts, settings Settings) (*Gateway, error) {
	g := &Gateway{
		Parts:      parts,
		settings:   settings,
		logins:     newLogins(settings.ConnectionsPerClient, settings.ConnectionsPerJail),
		requests:   newLogins(math.MaxInt, 0),
		jobs:       newJobs(settings.Jobs),
		unfinished: newUnfinished(&settings),
		shares:     newShares(&settings),
		rationed:   rationed.New(parts.Log, settings.RefusalLines, time.Second),
	}
	g.large.Places = processors.Count - 1
	g.filters = filterTable{steps: cmp.Or(settings.FilterSteps, math.MaxInt), onTooCostly: g.filterTooCostly}
	g.rates.burst, g.changes.burst, g.reads.burst = 1, changeBurst, changeBurst
	g.changes.set(settings.ChangesPerSecond)
	g.reads.set(settings.ReadsPerSecond)
	g.mayCompile = g.allowCompiling
	g.compiled.burst = compiledBurst
	g.compiled.set(settings.CompiledFieldsPerSecond)
	g.rates.set(settings.PublishesPerSecond)
	g.services = peer.NewHub(settings.Services.options(g.callEnded))
	g.auditor = newAuditor(g, settings.Audit)
	g.waiting = newWaiting(g, settings.WaitingPerClient)
	if err := g.sweep(ctx); err != nil {
		return nil, err
	}
	g.ApplyQuotas()
	parts.Directory.OnRevoke(g.revoked)
	parts.Directory.OnDisplaced(g.keyDisplaced)
	parts.Catalog.OnMade(g.waiting.begin)
	parts.Catalog.OnTransientEnded(func(id streams.ID) { g.jobs.settle(g.Catalog, id, 0) })
	return g, nil
}

// sweep removes the streams of jails that are gone, and the groups of clients that are
// gone. They are left over if the process crashed after it deleted a jail or client, and
// before it deleted what belonged to it.
func (g *Gateway) sweep(ctx context.Context) error {
	for _, jail := range g.Catalog.Jails() {
		if jail == probeTopic.Space || g.Directory.HasJail(jail) {
			continue
		}
		if err := g.Catalog.DeleteJail(ctx, jail); err != nil {
			return err
		}
	}
	clients := map[string]map[string]string{} // ids by uid, of each jail
	return g.Catalog.Groups.DeleteClients(func(jail, client string) bool {
		if clients[jail] == nil {
			clients[jail] = g.Directory.ClientIDs(jail)
		}
		return clients[jail][client] == ""
	})
}

// Rates are the settings that can change while the gateway works.
type Rates struct {
	ConnectionsPerClient int
	PublishesPerSecond   int
}

// SetRates changes settings. Connections beyond a new bound stay open.
func (g *Gateway) SetRates(r Rates) {
	g.logins.perClient.Store(int64(r.ConnectionsPerClient))
	g.rates.set(r.PublishesPerSecond)
}

// Settings returns the settings that New was given.
func (g *Gateway) Settings() Settings { return g.settings }
