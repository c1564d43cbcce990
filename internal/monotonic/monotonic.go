// Package monotonic has the time of a clock that nobody sets, as a number that fits into an atomic
// variable. It is for durations: with the clock of the machine, somebody who sets that would make things
// look long idle, or as if they lay in the future.
package monotonic

import "time"

var start = time.Now()

// Now returns the time since the process has started. It is never 0.
func Now() time.Duration {
	if d := time.Since(start); d != 0 {
		return d
	}
	return 1
}
