package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates bounds how many messages a second each client publishes. It holds an
// entry per client that has published and exists.
type rates struct {
	perSecond int // 0: no bound

	mu       sync.Mutex // guards what follows
	limiters map[string]*rate.Limiter
}

// allow takes n messages from the client's budget. A batch larger than a
// second's worth never fits.
func (r *rates) allow(client string, n int) bool {
	if r.perSecond == 0 {
		return true
	}
	return r.of(client).AllowN(time.Now(), n)
}

func (r *rates) of(client string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.limiters[client]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(r.perSecond), r.perSecond)
		if r.limiters == nil {
			r.limiters = map[string]*rate.Limiter{}
		}
		r.limiters[client] = l
	}
	return l
}

// forget drops the entry of a client that is gone.
func (r *rates) forget(client string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.limiters, client)
}
