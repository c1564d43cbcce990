package app

import (
	"log/slog"

	"seagate/cmd/seagate/config"
	"seagate/internal/clock"
)

// newClock returns the clock by which messages and groups grow old.
func newClock(log *slog.Logger) *clock.Clock {
	return clock.New(clock.Options{
		Tolerance:      config.ClockTolerance,
		StartTolerance: config.ClockStartTolerance,
		Patience:       config.ClockPatience,
		OnChange:       func(c clock.Change) { logClock(log, c) },
	})
}

func logClock(log *slog.Logger, c clock.Change) {
	switch c.Kind {
	case clock.Jumped:
		log.Warn("the clock has jumped forward; retention by age does not believe it yet", "ahead", c.Ahead,
			"believed_after", c.Patience, "advice", "set the clock right within that time, or messages are deleted that are not old")
	case clock.Believed:
		log.Warn("retention by age now believes the clock that has jumped forward", "ahead", c.Ahead)
	case clock.Gone:
		log.Info("the clock that had jumped forward was set back", "ahead", c.Ahead)
	}
}
