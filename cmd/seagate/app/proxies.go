package app

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"seagate/cmd/seagate/config"
	"seagate/gateway"
	"seagate/internal/forwarded"
	"seagate/internal/sockets"
)

// pooled returns a listener with its connections in the pool of clients. With TLS, those
// that find no place are told nothing.
func (a *App) pooled(l net.Listener, texts *sockets.Refusals) net.Listener {
	if a.certificate != nil {
		texts = nil
	}
	if a.config.ProxyProtocol {
		return a.pool.ProxyListener(l, config.ProxyTimeout, texts)
	}
	return a.pool.Listener(l, texts)
}

// fromProxies makes the RemoteAddr of each request that of the client, if it comes from a
// trusted proxy.
func (a *App) fromProxies(h http.Handler) http.Handler {
	if len(a.proxies) == 0 {
		return h
	}
	header := forwarded.XForwardedFor
	if a.config.ProxyHeader == config.Forwarded {
		header = forwarded.Forwarded
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := gateway.PeerAddress(r)
		if client := a.proxies.Client(peer, r.Header, header); client != peer {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
			// The connection of a WebSocket has one client. Others have many, one after
			// the other.
			if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && !sockets.Attribute(r.Context(), client) {
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}
