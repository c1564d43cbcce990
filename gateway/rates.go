package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"seagate/auth"
)

// rates bounds how many messages a second each client publishes. It holds an
// entry per client that has published and exists.
type rates struct {
	perSecond atomic.Int64 // 0: no bound

	mu       sync.Mutex // guards what follows
	limiters map[rateKey]*rate.Limiter
}

type rateKey struct{ jail, client string } // client is auth.Principal.Budget

// allow takes n messages from the client's budget. A batch larger than a
// second's worth never fits.
func (r *rates) allow(p *auth.Principal, n int) bool {
	if r.perSecond.Load() == 0 {
		return true
	}
	return r.of(rateKey{p.JailUID, p.Budget()}).AllowN(time.Now(), n)
}

func (r *rates) of(key rateKey) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limiters[key]
	if l == nil {
		perSecond := r.perSecond.Load()
		l = rate.NewLimiter(rate.Limit(perSecond), int(perSecond))
		if r.limiters == nil {
			r.limiters = map[rateKey]*rate.Limiter{}
		}
		r.limiters[key] = l
	}
	return l
}

// set changes the bound. Each client begins anew with a second's worth.
func (r *rates) set(perSecond int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.perSecond.Swap(int64(perSecond)) != int64(perSecond) {
		r.limiters = nil
	}
}

// forget drops the entries of a client and its bearers, or of all clients of a jail if client is
// empty. A client that still exists gets a new entry.
func (r *rates) forget(jail, client string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.limiters, func(key rateKey, _ *rate.Limiter) bool {
		return key.jail == jail && (client == "" || key.client == client || key.client == auth.BearersOf(client))
	})
}
