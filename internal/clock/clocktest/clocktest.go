// Package clocktest has clocks for tests.
package clocktest

import (
	"time"

	"seagate/internal/clock"
)

// Options are those with which a gateway runs.
func Options() clock.Options {
	return clock.Options{Tolerance: time.Minute, StartTolerance: 24 * time.Hour, Patience: time.Hour}
}

// New returns a clock.
func New() *clock.Clock { return clock.New(Options()) }
