// Package gatewaytest puts gateways together for tests.
package gatewaytest

import (
	"cmp"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/auth"
	"seagate/auth/authtest"
	"seagate/catalog"
	"seagate/gateway"
	"seagate/gateway/outbox"
	"seagate/groups"
	"seagate/groups/groupstest"
	"seagate/internal/quota"
	"seagate/internal/secret"
	"seagate/schema"
	"seagate/storage"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/streamstest"
)

// Options are what a test may change of a gateway.
type Options struct {
	Records    storage.Records
	Disk       storage.Logs // of streams on disk; in memory by default, like all others
	Auth       auth.Options
	Rules      schema.Rules
	Streams    int // in one jail
	Quotas     quota.Limits
	Network    streams.Options
	Groups     groups.Options
	Settings   gateway.Settings
	Log        *slog.Logger
	Checkpoint func(ctx context.Context, dir string) error
}

// A Gateway is one for tests, with what they reach behind it for.
type Gateway struct {
	*gateway.Gateway
	Network  *streams.Network
	Registry *prometheus.Registry // of the metrics

	t testing.TB
}

// New returns a gateway, which ends with the test.
func New(t testing.TB, change ...func(*Options)) *Gateway {
	t.Helper()
	o := Options{
		Records:  memory.New(),
		Disk:     memory.New(),
		Auth:     authtest.Options(),
		Groups:   groups.Options{MaxDeliveries: 5},
		Streams:  10_000,
		Settings: Settings(),
		Log:      slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&o)
	}
	g := &Gateway{t: t, Registry: prometheus.NewRegistry()}
	directory := authtest.Open(t, o.Records, o.Auth)
	o.Quotas[quota.Streams] = cmp.Or(o.Quotas[quota.Streams], int64(o.Streams))
	o.Quotas[quota.Clients] = int64(o.Auth.MaxClientsPerJail)
	book := quota.New(o.Quotas)
	o.Network.Quotas, o.Groups.Quotas = book, book
	o.Network.OnPanic = func(who, _ any) { gateway.Panicked(who) }
	o.Groups.OnPanic = func(m groups.Member, _ any) { gateway.Panicked(m) }
	o.Groups.DeadLetter = func(d groups.DeadLetter, done func(error)) { g.DeadLetter(d, done) }
	o.Network.NewWriter = newWriter
	stores := streams.Stores{Records: o.Records, Disk: o.Disk, Memory: memory.New()}
	g.Network = must(streams.Open(t.Context(), stores, streamstest.Options(o.Network)))(t)
	t.Cleanup(g.Network.Close)
	registry := must(groups.Open(t.Context(), o.Records, g.Network, groupstest.Options(o.Groups)))(t)
	t.Cleanup(func() { closeGroups(t, registry) })
	streamsOf := must(catalog.New(t.Context(),
		catalog.Parts{Records: o.Records, Network: g.Network, Groups: registry, Quotas: book},
		catalog.Options{Streams: o.Streams, Services: o.Streams, Rules: o.Rules, Limits: o.Settings.Schema}))(t)
	g.Gateway = must(gateway.New(t.Context(), gateway.Parts{
		Directory:  directory,
		Catalog:    streamsOf,
		Metrics:    gateway.NewMetrics(g.Registry),
		Log:        o.Log,
		Checkpoint: o.Checkpoint,
	}, o.Settings))(t)
	t.Cleanup(g.Gateway.Close)
	return g
}

// newWriter returns what the gateway that people run has, where the kernel lets it.
func newWriter() streams.Writer {
	if fan, err := outbox.NewFanout(func(error) {}); err == nil {
		return fan
	}
	return nil
}

// Settings returns settings with bounds that a test does not reach by accident.
func Settings() gateway.Settings {
	return gateway.Settings{
		JSONDepth:                  64,
		HeaderBytes:                64 << 10,
		SubscriptionsPerConnection: 1_000,
		StreamsPerMerge:            16,
		ProvidedPerConnection:      1_000,
		WaitingPerClient:           1_000,
		ConnectionsPerClient:       10_000,
		RefusalLines:               1_000,
		StrangerBytes:              64 << 20,
		UnfinishedBytes:            64 << 20,
		DeadLetterSuffix:           ".dead",
		Schema:                     schema.DefaultLimits(),
		Services: gateway.ServiceLimits{
			ServicesPerJail:      1_000,
			ServersPerService:    100,
			ProceduresPerService: 100,
			CallsPerConnection:   10_000,
			CallsPerClient:       100_000,
			BytesPerClient:       1 << 30,
			BodyBytes:            1 << 20,
			QueuedBytes:          4 << 20,
		},
	}
}

// Root makes the root client, and returns it with its secret.
func (g *Gateway) Root(id string) (*auth.Principal, secret.Text) {
	g.t.Helper()
	s := authtest.NewRoot(g.t, g.Directory, id)
	return authtest.LogIn(g.t, g.Directory, id, s), s
}

func closeGroups(t testing.TB, registry *groups.Registry) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := registry.Close(ctx); err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
