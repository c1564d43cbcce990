package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"seagate/auth"
)

// rates bounds how much each client or jail does in a second: publish messages, or make changes. It
// holds an entry for each that has done something and exists.
type rates struct {
	perSecond atomic.Int64 // 0: no bound
	burst     int64        // seconds' worth of it that may be done at once

	mu       sync.Mutex // guards what follows
	limiters map[rateKey]*rate.Limiter
}

// A rateKey names a budget of a client (auth.Principal.Budget), or a jail if client is "".
type rateKey struct{ jail, client string }

// rateKeyOf returns the key of the budget that the principal publishes from.
func rateKeyOf(p *auth.Principal) rateKey {
	return rateKey{p.JailUID, p.Budget()}
}

// allow takes n from the budget of the key. What is larger than a burst never fits.
func (r *rates) allow(key rateKey, n int) bool {
	if r.perSecond.Load() == 0 {
		return true
	}
	return r.of(key).AllowN(time.Now(), n)
}

func (r *rates) of(key rateKey) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limiters[key]
	if l == nil {
		perSecond := r.perSecond.Load()
		l = rate.NewLimiter(rate.Limit(perSecond), int(perSecond*r.burst))
		if r.limiters == nil {
			r.limiters = map[rateKey]*rate.Limiter{}
		}
		r.limiters[key] = l
	}
	return l
}

// set changes the bound. Everybody begins anew with a burst.
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
