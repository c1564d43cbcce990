package app

import (
	"net/http"

	"seagate/cmd/seagate/config"
	"seagate/console"
	"seagate/gateway/httpapi"
)

// publicSide returns what the public listener serves.
func (a *App) publicSide() http.Handler {
	if a.config.Console.Public {
		return withConsole(a.api)
	}
	return a.api
}

// localSide returns what the admin listener serves over loopback beside health and
// metrics: the console, and the API that it calls, which asks for credentials as it does
// everywhere. It is nil if there is no console, or if clients have to present a
// certificate: the admin listener has no TLS, so it would be a way around that.
func (a *App) localSide() http.Handler {
	certified := a.config.TLS.ClientCA != "" && a.config.TLS.ClientAuth != config.AcceptCertificate
	if !a.config.Console.Admin || certified {
		return nil
	}
	return withConsole(a.api)
}

// withConsole returns the API with the console beside it. A browser that opens "/" is
// sent to the console; programs get the same there as without it.
func withConsole(api http.Handler) http.Handler {
	pages := console.New()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case console.Serves(r.URL.Path):
			pages.ServeHTTP(w, r)
		case httpapi.WantsPage(r):
			console.Redirect(w)
		default:
			api.ServeHTTP(w, r)
		}
	})
}
