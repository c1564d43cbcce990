package app

import (
	"context"
	"sync"
	"time"

	"seagate/internal/panics"
	"seagate/internal/systemd"
)

// keepWatchdog tells the service manager that the gateway is alive, if it wants to know, until the
// returned function is called. The gateway is alive if its own publish is answered, whatever the outcome:
// it should be killed if it hangs, and not if its disk is full.
func (a *App) keepWatchdog() (stop func()) {
	interval := systemd.WatchdogInterval() / 2
	if interval <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var telling sync.WaitGroup
	telling.Go(func() {
		for {
			if a.isAlive(ctx, interval) {
				a.notify(systemd.Alive)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(interval):
			}
		}
	})
	return func() {
		cancel()
		telling.Wait()
	}
}

// isAlive reports whether a probe comes back within the patience.
func (a *App) isAlive(ctx context.Context, patience time.Duration) (alive bool) {
	defer panics.Contain("watchdog")
	probing, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = a.gateway.Probe(probing)
	return probing.Err() == nil
}
