package app

import (
	"seagate/cmd/seagate/config"
	"seagate/gateway"
	"seagate/internal/origin"
)

// Reload applies a configuration that was loaded later, as far as settings can change
// while the gateway runs, and returns what is different from the configuration in force.
// After an error nothing has changed. It is safe for concurrent use.
func (a *App) Reload(c *config.Config) ([]config.Change, error) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	merged, changes := a.live.Load().Reload(c)
	origins, err := origin.Parse(merged.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	if a.certificate != nil { // the last that can fail
		if err := a.certificate.use(merged.TLS); err != nil {
			return nil, err
		}
	}
	a.live.Store(merged)
	a.sockets.Reload(merged.Limits.Connections, origins)
	a.api.SetOrigins(origins)
	a.gateway.SetRates(gateway.Rates{
		ConnectionsPerClient: merged.Limits.ConnectionsPerClient,
		PublishesPerSecond:   merged.Limits.PublishesPerSecond,
	})
	a.admin.SetPprof(merged.Admin.Pprof)
	if len(changes) > 0 {
		keys := make([]string, len(changes))
		for i, change := range changes {
			keys[i] = change.Key
		}
		a.gateway.AuditSettings(keys)
	}
	return changes, nil
}
