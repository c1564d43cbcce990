package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

var groupHeading = []string{"CLIENT", "GROUP", "MEMBERS", "POSITION", "LAG", "LAG TIME", "IN FLIGHT", "REDELIVERED", "DEAD", "LOST"}

func groupRow(g client.GroupInfo) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	lag := time.Duration(g.LagSeconds * float64(time.Second))
	return []string{g.ClientID, cmp.Or(string(g.GroupID), protocol.Ungrouped), strconv.Itoa(g.Members), number(g.Position), number(g.Lag),
		lag.Round(time.Second / 10).String(), strconv.Itoa(g.InFlight), number(g.Redelivered), number(g.DeadLettered), number(g.Lost)}
}

func groupsCommand() *cobra.Command {
	cmd := newCommand("groups STREAM", "List the groups of a stream, and how far they are", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			return list(&t.console, t.Groups(ctx, t.args[0]), groupHeading, groupRow)
		})
	completeStream(cmd)
	return cmd
}

func groupCommand() *cobra.Command {
	return newGroup("group", "Look at one group of a stream, move or delete it",
		groupShowCommand(), groupMoveCommand(), groupDeleteCommand())
}

// onGroup returns a command on a group.
func onGroup(verb, short string, do func(ctx context.Context, t *task, g groupName) error) *cobra.Command {
	cmd := newCommand(verb+" STREAM CLIENT GROUP", short, cobra.ExactArgs(3), func(ctx context.Context, t *task) error {
		g := groupName{stream: t.args[0], client: t.args[1]}
		if t.args[2] != protocol.Ungrouped {
			if _, err := protocol.ParseGroupID(t.args[2]); err != nil {
				return usagef("%q is no group: give a UUID, or %q for the one of subscriptions without a group", t.args[2], protocol.Ungrouped)
			}
			g.group = t.args[2]
		}
		return do(ctx, t, g)
	})
	completeStream(cmd)
	return cmd
}

// A groupName is which group a command is about.
type groupName struct {
	stream, client string
	group          string // "" for the one without an id
}

// String is the last part of the name: the UUID or ungrouped.
func (g groupName) String() string { return cmp.Or(g.group, protocol.Ungrouped) }

func groupShowCommand() *cobra.Command {
	return onGroup("show", "Show how far a group is", func(ctx context.Context, t *task, g groupName) error {
		info, err := t.Group(ctx, g.stream, g.client, g.group)
		if err != nil {
			return err
		}
		return list(&t.console, one(info), groupHeading, groupRow)
	})
}

func groupDeleteCommand() *cobra.Command {
	var yes bool
	cmd := onGroup("delete", "Delete a group, and with it where it stands", func(ctx context.Context, t *task, g groupName) error {
		if err := t.confirm(yes, g.String(), "the group, and with it where it stands"); err != nil {
			return err
		}
		if err := t.DeleteGroup(ctx, g.stream, g.client, g.group); err != nil {
			return err
		}
		return t.done(deleted{Stream: g.stream, Client: g.client, Group: g.String(), State: "deleted"},
			"group %s of client %s is deleted", g, g.client)
	})
	addYes(cmd, &yes)
	return cmd
}

// A move is where a group is to go.
type move struct {
	to     client.Position
	epoch  string
	dryRun bool
	yes    bool
}

func groupMoveCommand() *cobra.Command {
	var (
		given move
		to    string
	)
	cmd := onGroup("move", "Let a group go on at another position", func(ctx context.Context, t *task, g groupName) (err error) {
		m := given
		if to == "" {
			return usagef("say where the group is to go on, with --to")
		}
		if m.to, err = position("--to", to); err != nil {
			return err
		}
		return m.run(ctx, t, g)
	})
	cmd.Long = `Let a group go on at another position. It says first what that means, and asks at
a terminal. The members stay, and are delivered what comes from there on, also
what they have acknowledged before.`
	cmd.Example = `  seagate group move boiler sensors 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10 --to earliest
  seagate group move boiler sensors ungrouped --to 2026-11-21T10:00:00Z --yes`
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "go on at `POSITION`: latest, earliest, a message number, or a time such as 2026-11-21T10:00:00Z")
	flags.StringVar(&given.epoch, "epoch", "", "refuse if the stream is another one than in this `EPOCH`")
	flags.BoolVar(&given.dryRun, "dry-run", false, "say what it means, and do nothing")
	addYes(cmd, &given.yes)
	return cmd
}

// moved is the result of a move, or what would be.
type moved struct {
	client.GroupMove
	Moved bool `json:"moved"`
}

func (m move) run(ctx context.Context, t *task, g groupName) error {
	if !m.yes || m.dryRun {
		plan, err := t.PlanMoveGroup(ctx, g.stream, g.client, g.group, m.to, m.epoch)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("group %s would go from message %d to %d, and have %d to come", g, plan.Was, plan.Position, plan.Lag)
		if m.dryRun {
			return t.done(moved{plan, false}, "%s", what)
		}
		if err := t.ask(m.yes, "yes", what+". Type yes to go on: ", "nothing was moved, since the answer was not yes"); err != nil {
			return err
		}
	}
	did, err := t.MoveGroup(ctx, g.stream, g.client, g.group, m.to, m.epoch)
	if err != nil {
		return err
	}
	return t.done(moved{did, true}, "group %s went from message %d to %d, and has %d to come", g, did.Was, did.Position, did.Lag)
}
