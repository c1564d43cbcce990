package cli

import (
	"time"

	"github.com/spf13/pflag"

	"seagate/internal/days"
)

// A durationFlag is a flag that is a duration, also of days and weeks.
type durationFlag time.Duration

// DurationVar adds a flag that is a duration such as "90s" or "7d".
func DurationVar(flags *pflag.FlagSet, d *time.Duration, name string, byDefault time.Duration, usage string) {
	*d = byDefault
	flags.Var((*durationFlag)(d), name, usage)
	if byDefault == 0 {
		flags.Lookup(name).DefValue = "0" // which help does not show
	}
}

// String implements pflag.Value.
func (d *durationFlag) String() string { return time.Duration(*d).String() }

// Set implements pflag.Value.
func (d *durationFlag) Set(text string) error {
	parsed, err := days.Parse(text)
	*d = durationFlag(parsed)
	return err
}

// Type implements pflag.Value.
func (*durationFlag) Type() string { return "duration" }
