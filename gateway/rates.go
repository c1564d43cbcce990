package gateway

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"seagate/auth"
)

// rates bounds how many messages a second each client publishes. It holds an
// entry per client that has published and exists.
type rates struct {
	perSecond int // 0: no bound

	mu       sync.Mutex // guards what follows
	limiters map[rateKey]*rate.Limiter
}

type rateKey struct{ jail, client string }

// allow takes n messages from the client's budget. A batch larger than a
// second's worth never fits.
func (r *rates) allow(p *auth.Principal, n int) bool {
	if r.perSecond == 0 {
		return true
	}
	return r.of(rateKey{p.JailUID, p.ClientUID}).AllowN(time.Now(), n)
}

func (r *rates) of(key rateKey) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limiters[key]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(r.perSecond), r.perSecond)
		if r.limiters == nil {
			r.limiters = map[rateKey]*rate.Limiter{}
		}
		r.limiters[key] = l
	}
	return l
}

// forget drops the entry of a client, or of all clients of a jail if client is
// empty. A client that still exists gets a new entry.
func (r *rates) forget(jail, client string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.limiters, func(key rateKey, _ *rate.Limiter) bool {
		return key.jail == jail && (client == "" || key.client == client)
	})
}
