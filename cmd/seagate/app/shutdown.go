package app

import (
	"context"
	"errors"
	"time"

	"seagate/cmd/seagate/config"
	"seagate/internal/pace"
	"seagate/internal/panics"
	"seagate/internal/systemd"
)

// shutdown ends what serves clients. First only readiness fails, so that load balancers
// choose another gateway. Then WebSockets and the connections of the lines listener are
// ended one after the other, and new ones are refused. Until that is done, HTTP requests
// are answered, and connections for them accepted. What is open at the deadline is cut off.
func (a *App) shutdown() {
	settings := a.live.Load().Shutdown
	a.log.Info("shutting down", "delay", settings.Delay, "drain", settings.Drain, "deadline", settings.Timeout,
		"connections", a.open(), "advice", "a second signal ends it at once")
	a.notify(systemd.Stopping)
	ctx, cancel := context.WithTimeout(context.Background(), settings.Timeout)
	defer cancel()
	defer a.logProgress(ctx)()
	a.admin.Drain()
	select {
	case <-ctx.Done():
	case <-time.After(settings.Delay):
	}
	at := pace.Pace{PerSecond: settings.ConnectionsPerSecond, Within: settings.Drain}
	if a.endConnections(ctx, at) != nil {
		a.log.Warn("connections were cut off at the deadline", "deadline", settings.Timeout)
	}
	a.api.LimitBodies(config.RequestPause)
	if cut := a.server.finish(ctx); cut > 0 {
		a.log.Warn("requests were cut off at the deadline", "requests", cut, "deadline", settings.Timeout)
	}
	a.adminServer.Close()
	a.log.Info("stopped")
}

// endConnections ends WebSockets and the connections of the lines listener side by side.
func (a *App) endConnections(ctx context.Context, at pace.Pace) error {
	ended := make(chan error, 1)
	go func() { ended <- a.endLines(ctx, at) }()
	err := a.sockets.Shutdown(ctx, at)
	return errors.Join(err, <-ended)
}

func (a *App) endLines(ctx context.Context, at pace.Pace) (err error) {
	defer panics.Contain("shutdown", func() { err = errors.New("internal error") })
	if a.lines == nil {
		return nil
	}
	return a.lines.Shutdown(ctx, at)
}

// open returns the number of open WebSockets and connections of the lines listener.
func (a *App) open() int {
	if a.lines == nil {
		return a.sockets.Open()
	}
	return a.sockets.Open() + a.lines.Open()
}

// progressInterval is the time between log lines about what a shutdown waits for.
const progressInterval = 5 * time.Second

// logProgress says what a shutdown waits for until stop is called.
func (a *App) logProgress(ctx context.Context) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer panics.Contain("shutdown")
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				deadline, _ := ctx.Deadline()
				a.log.Info("still shutting down", "connections", a.open(), "requests", a.server.requests(),
					"left", time.Until(deadline).Round(time.Second), "advice", "a second signal ends it at once")
			}
		}
	}()
	return func() { close(ended); <-done }
}

// notify tells the service manager the state of the gateway.
func (a *App) notify(state string) {
	if err := systemd.Notify(state); err != nil {
		a.log.Warn("the service manager cannot be told the state of the gateway", "state", state, "error", err)
	}
}
