package oracle

import (
	"sync/atomic"
	"time"
)

// A clock gives each thing that happens an Instant of its own.
type clock struct {
	began time.Time
	last  atomic.Int64
}

func newClock() *clock { return &clock{began: time.Now()} }

func (c *clock) now() Instant {
	for {
		last := c.last.Load()
		now := max(int64(time.Since(c.began)), last+1)
		if c.last.CompareAndSwap(last, now) {
			return Instant(now)
		}
	}
}
