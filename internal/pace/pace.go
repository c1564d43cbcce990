// Package pace spreads the end of many connections over time.
package pace

import (
	"context"
	"time"
)

// A Pace is how fast a shutdown ends connections. Clients come back a few seconds after
// their connection has ended, so the pace is also that at which they arrive.
type Pace struct {
	PerSecond int           // connections that are ended in one second, above 0
	Within    time.Duration // all are ended in this time, faster than PerSecond if necessary; 0 is at once
}

// Each calls f with 0 to n-1, with each when its turn has come. When ctx ends, the rest follows
// at once.
func (p Pace) Each(ctx context.Context, n int, f func(i int)) {
	start := time.Now()
	for i := range n {
		if due := time.Until(start.Add(p.after(i, n))); due > 0 {
			timer := time.NewTimer(due)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
		}
		f(i)
	}
}

// after returns how long after the first the i-th of n has its turn.
func (p Pace) after(i, n int) time.Duration {
	if all := time.Duration(n) * time.Second / time.Duration(p.PerSecond); all < p.Within {
		return all * time.Duration(i) / time.Duration(n)
	}
	return p.Within * time.Duration(i) / time.Duration(n)
}
