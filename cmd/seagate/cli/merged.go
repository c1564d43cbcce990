package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seagate/client"
)

// A merger is one run of "seagate subscribe --sync".
type merger struct {
	*task
	printer  *printer
	sync     bool
	by       string
	wait     time.Duration
	priority map[string]int
	running  bool  // it has been subscribed
	refused  error // why the first attempt to subscribe failed
	stop     func()
}

// mergeFlags are the flags that need --sync.
var mergeFlags = []string{"by", "wait", "priority"}

func (m *merger) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&m.sync, "sync", false, "print the messages of several streams in the order of their timestamps")
	flags.StringVar(&m.by, "by", "", "take the timestamps at `PATH` in the messages, as '$.timestamp'; needs --sync")
	DurationVar(flags, &m.wait, "wait", time.Second, "let a silent stream hold the others up for at most `TIME`; needs --sync")
	flags.StringToIntVar(&m.priority, "priority", nil, "print messages of `STREAM=N` first where timestamps are equal, the highest N first; needs --sync")
	flags.Lookup("priority").DefValue = "" // its own says [], which says nothing
}

// refuse refuses the flags that need --sync.
func (m *merger) refuse(cmd *cobra.Command) error {
	for _, name := range mergeFlags {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is for several streams: give --sync, too", name)
		}
	}
	return nil
}

// check checks the arguments and flags.
func (m *merger) check(cmd *cobra.Command, from start) error {
	switch {
	case slices.ContainsFunc(m.Args, isPattern):
		return usagef("--sync is for streams that are named one by one, and not for patterns")
	case len(m.Args) < 2:
		return usagef("--sync is for several streams: give at least 2")
	case from.last > 0:
		return usagef("--sync needs the same beginning for all streams: give a time or an age, such as --since 1h")
	}
	for name := range m.priority {
		if !slices.Contains(m.Args, name) {
			return usagef("--priority %s: there is no such stream among the arguments", name)
		}
	}
	return singleOnly(cmd, ", or leave out --sync")
}

func (m *merger) run(interrupt context.Context, cmd *cobra.Command, from start) error {
	if err := m.check(cmd, from); err != nil {
		return err
	}
	ctx, giveUp := context.WithCancel(interrupt)
	defer giveUp()
	m.stop, m.printer.stop = giveUp, giveUp
	err := m.FollowMerged(ctx, m.Args, client.FollowMergedOptions{
		Sync:         client.Sync{By: m.by, Priority: m.priority, Wait: &m.wait},
		From:         from.position,
		OnSubscribed: m.subscribed,
		OnLost:       m.lost,
	}, m.print)
	return m.printer.end(interrupt.Err() != nil, m.refused, err)
}

func (m *merger) subscribed(cause error) {
	if cause == nil {
		m.Note("subscribed to %d streams; Ctrl-C ends", len(m.Args))
	} else {
		m.Note("subscribed again at the same positions")
	}
	m.running = true
}

func (m *merger) lost(cause error, wait time.Duration) {
	if !m.running { // such as a wrong URL, which trying again does not change
		m.refused = cause
		m.stop()
		return
	}
	m.Note("%s; trying again in %v", m.why(cause), wait.Round(time.Second/10))
}

// print prints a message, or says what happened to others.
func (m *merger) print(got client.Message) error {
	switch {
	case got.Dropped != nil:
		m.Note("%s: dropped %d late and %d untimed messages", got.Stream, got.Dropped.Late, got.Dropped.Untimed)
		return nil
	case got.Ended != "":
		m.Note("%s has ended: %s", got.Stream, got.Ended)
		return nil
	case got.Missing != (client.Missing{}):
		m.Note("%s: messages %d to %d are missing: the stream no longer keeps them", got.Stream, got.Missing.From, got.Missing.To)
		return nil
	}
	return m.printer.print(got)
}
