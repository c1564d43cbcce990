// Package app builds the parts of a gateway from a configuration, runs them, and
// closes them in reverse order. The binary and the end-to-end tests start the same
// value.
package app

import (
	"bytes"
	"context"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/prometheus/client_golang/prometheus"

	"seagate/auth"
	"seagate/auth/jwks"
	"seagate/catalog"
	"seagate/cmd/seagate/config"
	"seagate/gateway"
	"seagate/gateway/admin"
	"seagate/gateway/httpapi"
	"seagate/gateway/lines"
	"seagate/gateway/outbox"
	"seagate/gateway/ws"
	"seagate/groups"
	"seagate/internal/clock"
	"seagate/internal/forwarded"
	"seagate/internal/histogram"
	"seagate/internal/origin"
	"seagate/internal/pace"
	"seagate/internal/panics"
	"seagate/internal/quota"
	"seagate/internal/rationed"
	"seagate/internal/sockets"
	"seagate/internal/systemd"
	"seagate/internal/tracing"
	"seagate/storage/memory"
	"seagate/storage/pebble"
	"seagate/streams"
)

// An App is a gateway that listens.
type App struct {
	config   *config.Config
	log      *slog.Logger
	version  string
	metrics  *prometheus.Registry
	patience time.Time // until when New waits for what another process uses

	engine    *pebble.Engine
	quotas    *quota.Book
	rationed  *rationed.Log // lines about groups
	directory *auth.Directory
	clock     *clock.Clock
	network   *streams.Network
	groups    *groups.Registry
	gateway   *gateway.Gateway
	tracer    *tracing.Tracer // nil if nothing is traced
	sockets   *ws.Server
	lines     *lines.Server // nil if there is no lines listener

	descriptors descriptors
	proxies     forwarded.Proxies
	pool        *sockets.Pool // connections of clients
	public      net.Listener
	adminSide   net.Listener // nil if there is no admin listener
	lineSide    net.Listener // nil if there is no lines listener
	api         httpapi.API
	server      *webServer
	certificate *certificate      // nil without TLS
	acme        *certmagic.Config // nil unless an authority issues the certificate
	admin       *admin.Handler
	adminServer *http.Server

	reloading sync.Mutex                    // held by Reload
	live      atomic.Pointer[config.Config] // config with what Reload has changed

	commits *histogram.Histogram // of the storage
	closers []func()             // called in reverse order
}

// StoreFolder is the folder of the store in a data folder.
const StoreFolder = "store"

// New builds the parts and listens. The App owns the sockets of the service manager, and
// adopt says which listener gets which. It serves nothing before Run. After an error
// nothing is open.
func New(ctx context.Context, c *config.Config, log *slog.Logger, version string, sockets ...systemd.Socket) (*App, error) {
	a := &App{config: c, log: log, version: version, patience: time.Now().Add(c.Startup.Wait), commits: newCommits()}
	a.live.Store(c)
	var err error
	if a.proxies, err = forwarded.Parse(c.TrustedProxies); err != nil {
		return nil, err
	}
	if err := a.adopt(sockets); err != nil {
		a.Close()
		return nil, err
	}
	if c.TLS.Enabled() { // before a data folder is created
		if err := CheckTLS(c.TLS); err != nil {
			a.Close()
			return nil, err
		}
	}
	if err := a.limitDescriptors(); err != nil {
		a.Close()
		return nil, err
	}
	for _, build := range []func(context.Context) error{a.listen, a.openStorage, a.openDirectory, a.openGateway} {
		if err := build(ctx); err != nil {
			a.Close()
			return nil, err
		}
	}
	if err := a.buildServers(version); err != nil {
		a.Close()
		return nil, err
	}
	a.auditEarlier()
	a.gateway.AuditStart(version)
	return a, nil
}

func (a *App) openDirectory(ctx context.Context) (err error) {
	a.quotas = quota.New(quotaDefaults(a.config))
	a.quotas.SetMemory(memoryBudget(int64(a.config.Limits.Memory)))
	a.directory, err = auth.Open(ctx, a.engine, directoryOptions(a.config, a.quotas))
	if err != nil || a.config.Root.ClientID == "" {
		return err
	}
	created, err := a.directory.EnsureRoot(ctx, a.config.Root.ClientID, a.config.Root.ClientSecret.Reveal())
	switch {
	case err != nil:
		return err
	case created:
		a.log.Info("root client created", "client", a.config.Root.ClientID)
	case !a.directory.IsRoot(a.config.Root.ClientID, a.config.Root.ClientSecret.Reveal()):
		a.log.Warn("the root client of the environment is not one of the data folder, and is ignored", "client", a.config.Root.ClientID,
			"advice", "they are for an empty folder only: restore the old values, remove the variables, or stop the gateway and run `seagate reset-root`")
	}
	return nil
}

// EnsureRoot creates the root client if the data folder has no client. It is for a root client that
// is known only after New, when quotas hold already. New itself creates that of the configuration.
func (a *App) EnsureRoot(ctx context.Context, id, secret string) error {
	created, err := a.directory.EnsureRoot(ctx, id, secret)
	if created {
		a.gateway.ApplyQuotas()
	}
	return err
}

// ResetRoot gives the root client of the configuration its secret, in a data folder
// that no gateway uses, and creates the client if it does not exist.
func ResetRoot(ctx context.Context, c *config.Config, log *slog.Logger) (created bool, err error) {
	a := &App{config: c, log: log, commits: newCommits()}
	defer a.Close()
	if err := a.openStorage(ctx); err != nil {
		return false, err
	}
	directory, err := auth.Open(ctx, a.engine, directoryOptions(c, nil))
	if err != nil {
		return false, err
	}
	created, err = directory.ResetRoot(ctx, c.Root.ClientID, c.Root.ClientSecret.Reveal())
	if err != nil {
		return false, err
	}
	err = AuditLater(c.DataDir, "root client reset", c.Root.ClientID, nil, map[string]bool{"created": created})
	if err != nil {
		err = fmt.Errorf("the root client has its secret; noting that for the audit stream: %w", err)
	}
	return created, err
}

func (a *App) openGateway(ctx context.Context) error {
	a.metrics = prometheus.NewRegistry()
	settings := gatewaySettings(a.config)
	if err := a.openStreams(ctx); err != nil {
		return err
	}
	streamsOf, err := catalog.New(ctx,
		catalog.Parts{Records: a.engine, Network: a.network, Groups: a.groups, Quotas: a.quotas},
		catalog.Options{
			Streams:  a.config.Limits.StreamsPerJail,
			Services: a.config.Limits.ServiceDefinitionsPerJail,
			Rules:    schemaRules(a.config.Streams),
			Limits:   settings.Schema,
		})
	if err != nil {
		return err
	}
	metrics := gateway.NewMetrics(a.metrics)
	keys, err := a.fetchKeys(metrics)
	if err != nil {
		return err
	}
	a.gateway, err = gateway.New(ctx, gateway.Parts{
		Directory:  a.directory,
		Catalog:    streamsOf,
		JWKS:       keys,
		Metrics:    metrics,
		Log:        a.log,
		Checkpoint: a.checkpoint,

		Configuration: a.configuration,
		Tracer:        a.startTracer(),
	}, settings)
	if err == nil {
		a.onClose(a.gateway.Close)
		a.registerMetrics()
		a.watchSpace()
	}
	return err
}

// fetchKeys fetches the keys of clients that have them in JWK sets, until the App closes.
func (a *App) fetchKeys(metrics *gateway.Metrics) (*jwks.Refresher, error) {
	options, err := jwksOptions(a.config)
	if err != nil {
		return nil, err
	}
	options.Directory, options.Log = a.directory, a.log
	options.Fetched = func(ok bool) {
		result := "ok"
		if !ok {
			result = "failed"
		}
		metrics.JWKSFetches.WithLabelValues(result).Inc()
	}
	keys := jwks.New(options)
	a.onClose(keys.Close)
	return keys, nil
}

// startTracer returns nil if nothing is traced.
func (a *App) startTracer() *tracing.Tracer {
	c := a.config.Tracing
	if c.Endpoint == "" {
		return nil
	}
	a.tracer = tracing.New(tracing.Options{
		Endpoint:      c.Endpoint,
		Authorization: c.Authorization,
		OneIn:         c.OneIn,
		PerSecond:     c.TracesPerSecond,
		Version:       a.version,
		Log:           a.log,
	})
	a.onClose(a.tracer.Close)
	return a.tracer
}

// checkpoint makes a copy of the store and checks it. A copy of a damaged store
// would be a backup that nobody can restore.
func (a *App) checkpoint(ctx context.Context, dir string) error {
	if err := a.engine.Checkpoint(ctx, dir); err != nil {
		return err
	}
	report, err := pebble.Check(dir, pebble.Options{
		Logger:  slog.New(slog.DiscardHandler), // the report has everything
		OnFatal: func(err error) { a.log.Error("the copy for a backup cannot be read", "error", err) },
	}, nil)
	if err == nil && len(report.Problems) > 0 {
		err = fmt.Errorf("the data folder is damaged, so that no backup can be made of it: %s", report.Problems[0])
	}
	return err
}

// newWriter returns what writes for a worker of the network, or nil if the kernel cannot write to
// many sockets at once.
func (a *App) newWriter() streams.Writer {
	fan, err := outbox.NewFanout(func(err error) {
		a.log.Warn("io_uring has failed; each delivery is a system call now", "error", err)
	})
	if err != nil {
		a.log.Debug("no io_uring; each delivery is a system call", "error", err)
		return nil
	}
	return fan
}

func (a *App) openStreams(ctx context.Context) (err error) {
	a.clock = newClock(a.log)
	a.rationed = rationed.New(a.log, config.RefusalLines, time.Second)
	options := networkOptions(a.config)
	options.Clock = a.clock
	options.Quotas = a.quotas
	options.OnPanic = a.panicked
	if a.config.Streams.IOURing {
		options.NewWriter = a.newWriter
	}
	stores := streams.Stores{Records: a.engine, Disk: a.engine, Memory: memory.NewWith(memory.Options{AppendKeys: a.config.Limits.MessageIDs})}
	if a.network, err = streams.Open(ctx, stores, options); err != nil {
		return err
	}
	a.onClose(a.network.Close)
	membership := groupOptions(a.config)
	membership.Clock = a.clock
	membership.Quotas = a.quotas
	membership.OnPanic = func(m groups.Member, value any) { a.panicked(m, value) }
	membership.OnError = a.groupNotWritten
	membership.DeadLetter = func(d groups.DeadLetter, done func(error)) { a.gateway.DeadLetter(d, done) }
	if a.groups, err = groups.Open(ctx, a.engine, a.network, membership); err != nil {
		return err
	}
	a.onClose(a.closeGroups)
	return nil
}

// closeGroups writes the progress of the groups. It waits for a bounded time:
// what is not written is delivered again.
func (a *App) closeGroups() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.groups.Close(ctx); err != nil {
		a.log.Error("the progress of groups was not written; what was acknowledged since the last write is delivered again", "error", err)
	}
}

func (a *App) panicked(who, value any) {
	panics.Count("delivery")
	a.log.Error("a subscription panicked", "panic", value, "stack", string(debug.Stack()))
	gateway.Panicked(who)
}

func (a *App) buildServers(version string) error {
	origins, err := origin.Parse(a.config.AllowedOrigins)
	if err != nil {
		return err
	}
	a.sockets = ws.NewServer(a.gateway, socketOptions(a.config, origins))
	a.api = httpapi.New(a.gateway, apiOptions(a.config, origins, a.sockets, version))
	a.server = newWebServer(a.fromProxies(a.publicSide()))
	limitServer(&a.server.http, a.log)
	if a.config.TLS.Enabled() {
		a.certificate = &certificate{log: a.log}
		if a.config.TLS.ByACME() {
			if err := a.prepareACME(); err != nil {
				return err
			}
			a.certificate.issued = a.acme.GetCertificate
		}
		if err := a.certificate.use(a.config.TLS); err != nil {
			return err
		}
		a.server.http.TLSConfig = a.certificate.config("h2", "http/1.1")
	}
	if a.lineSide != nil {
		options := lineOptions(a.config)
		if a.certificate != nil {
			options.TLS = a.certificate.config() // no HTTP here
		}
		a.lines = lines.NewServer(a.gateway, options)
	}
	a.admin = admin.New(admin.Options{Probe: a.gateway.Probe, Metrics: a.metrics, Log: a.log, Pprof: a.config.Admin.Pprof, Local: a.localSide()})
	a.adminServer = &http.Server{Handler: contain(a.admin)}
	limitServer(a.adminServer, a.log)
	return nil
}

// limitServer sets what a client can make a server wait for, and its log.
func limitServer(s *http.Server, log *slog.Logger) {
	s.ReadHeaderTimeout = 10 * time.Second
	s.WriteTimeout = 2 * time.Minute // of an answer; a WebSocket has deadlines of its own
	s.IdleTimeout = 2 * time.Minute
	s.MaxHeaderBytes = 32 << 10
	s.ErrorLog = stdlog.New(serverLog{log}, "", 0)
}

// serverLog logs what http.Server reports. Most reports are about what strangers
// send, and only help debugging. A report that no connection can be accepted, for
// example without file descriptors, is for the operator.
type serverLog struct{ log *slog.Logger }

// Write implements io.Writer. Each call is one line.
func (l serverLog) Write(line []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.Contains(line, []byte("Accept error")) {
		level = slog.LevelError
	}
	l.log.Log(context.Background(), level, strings.TrimSpace(string(line)))
	return len(line), nil
}

// Addr returns the address that clients connect to.
func (a *App) Addr() net.Addr { return a.public.Addr() }

// Directory returns the jails and clients.
func (a *App) Directory() *auth.Directory { return a.directory }

// URL returns the URL for clients on this machine.
func (a *App) URL() string {
	scheme := "http"
	if a.config.TLS.Enabled() {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(a.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Run serves until the context ends, and then shuts down.
func (a *App) Run(ctx context.Context) error {
	defer a.Close()
	failed := make(chan error, 3)
	a.server.start(a.pooled(a.public, a.httpRefusals()), failed)
	if a.lines != nil {
		go func() {
			if err := a.lines.Serve(a.pooled(a.lineSide, a.lineRefusals())); err != nil {
				failed <- err
			}
		}()
	}
	if a.adminSide != nil {
		operators := sockets.NewPool(a.descriptors.admin, a.descriptors.admin, nil)
		go func() { failed <- a.adminServer.Serve(operators.Listener(a.adminSide, nil)) }()
	}
	a.logStart()
	a.notify(systemd.Ready)
	a.beginACME()
	defer a.keepWatchdog()()
	select {
	case err := <-failed:
		a.shutdown()
		return err
	case <-ctx.Done():
		a.shutdown()
		return nil
	}
}

func (a *App) logStart() {
	attributes := []any{"url", a.URL(), "listen", a.Addr().String(), "data", a.config.DataDir}
	if a.adminSide != nil {
		attributes = append(attributes, "admin", a.adminSide.Addr().String())
	}
	if a.lineSide != nil {
		attributes = append(attributes, "lines", a.lineSide.Addr().String())
	}
	a.log.Info("serving", attributes...)
	a.warnOfTrust()
	a.warnOfPlainHTTP()
	if !a.directory.HasClients() {
		a.log.Warn("there is no client yet, so nobody can connect",
			"advice", "set SEAGATE_ROOT_CLIENT_ID and SEAGATE_ROOT_CLIENT_SECRET and start again")
	}
}

// warnOfTrust logs if a lines listener without credentials can be reached from other
// machines, and if its client does not exist.
func (a *App) warnOfTrust() {
	if a.lineSide == nil || a.config.Lines.ClientID == "" {
		return
	}
	if host, _, err := net.SplitHostPort(a.lineSide.Addr().String()); err == nil && !config.IsLoopback(host) {
		a.log.Warn("whoever reaches the lines listener is a client without credentials", "client", a.config.Lines.ClientID,
			"listen", a.lineSide.Addr().String(), "advice", "listen on 127.0.0.1, or leave lines.client_id empty so that connections authenticate")
	}
	a.gateway.Trust(a.config.Lines.ClientID, a.config.Lines.JailID) // logs what is wrong
}

// warnOfPlainHTTP logs if others on the network can read the secrets of clients.
func (a *App) warnOfPlainHTTP() {
	host, _, err := net.SplitHostPort(a.public.Addr().String())
	if a.certificate != nil || err != nil || config.IsLoopback(host) {
		return
	}
	a.log.Warn("clients send their secrets without encryption", "listen", a.public.Addr().String(),
		"advice", "set tls.cert_file and tls.key_file; or let a proxy on this machine or in a network of your own speak TLS, and listen there alone")
}

func (a *App) onClose(f func()) { a.closers = append(a.closers, f) }

// Close closes the parts in reverse order. It can be called twice.
func (a *App) Close() {
	if a.sockets != nil {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		a.sockets.Shutdown(ended, pace.Pace{PerSecond: 1})
		if a.lines != nil {
			a.lines.Shutdown(ended, pace.Pace{PerSecond: 1})
		}
	}
	for i := len(a.closers) - 1; i >= 0; i-- {
		a.closers[i]()
	}
	a.closers = nil
}
