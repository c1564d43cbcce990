package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

var groupHeading = []string{"CLIENT", "GROUP", "MEMBERS", "POSITION", "LAG", "LAG TIME", "IN FLIGHT", "REDELIVERED", "DEAD", "LOST"}

func groupRow(g client.GroupInfo) []string {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	lag := time.Duration(g.LagSeconds * float64(time.Second))
	members := strconv.Itoa(g.Members)
	if g.Abandoned {
		members = "abandoned"
	}
	return []string{g.ClientID, cmp.Or(string(g.GroupID), protocol.Ungrouped), members, number(g.Position), number(g.Lag),
		lag.Round(time.Second / 10).String(), strconv.Itoa(g.InFlight), number(g.Redelivered), number(g.DeadLettered), number(g.Lost)}
}

// On a terminal the list has the columns that fit beside a UUID in 80, and long
// client ids are cut.
var shortGroupHeading = []string{"CLIENT", "GROUP", "MEMBERS", "LAG", "LAG TIME"}

func shortGroupRow(g client.GroupInfo) []string {
	all := groupRow(g)
	lag := all[5]
	if d := time.Duration(g.LagSeconds * float64(time.Second)); d >= time.Hour {
		lag = strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return []string{all[0], all[1], all[2], all[4], lag}
}

func groupsCommand() *cobra.Command {
	cmd := onStream("groups STREAM", "List the groups of a stream with their progress", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			return listShort(t.Console, t.Groups(ctx, t.Args[0]), columns[client.GroupInfo]{groupHeading, groupRow},
				columns[client.GroupInfo]{shortGroupHeading, shortGroupRow}, 0)
		})
	cmd.Long = `List the groups of a stream with their progress. On a terminal the list has some of
the columns, and long client ids are cut; "seagate group show" prints all that is
known about a group. A group without members is "abandoned" if nobody is expected
to come back to it: a client made it for one subscription. Elsewhere the columns are
` + strings.ToLower(strings.Join(groupHeading[:5], ", ")) + `,
` + strings.ToLower(strings.Join(groupHeading[5:], ", ")) + `.`
	cmd.Example = `  seagate groups boiler`
	return cmd
}

func groupCommand() *cobra.Command {
	return NewGroup("group", "Show, move or delete one group of a stream",
		groupShowCommand(), groupMoveCommand(), groupDeleteCommand())
}

// onGroup returns a command about one group.
func onGroup(verb, short string, do func(ctx context.Context, t *task, g groupName) error) *cobra.Command {
	cmd := onStream(verb+" STREAM CLIENT GROUP", short, cobra.ExactArgs(3), func(ctx context.Context, t *task) error {
		g := groupName{stream: t.Args[0], client: t.Args[1]}
		if t.Args[2] != protocol.Ungrouped {
			if _, err := protocol.ParseGroupName(t.Args[2]); err != nil {
				return usagef("%q is not a group: give a UUID, or %q for the one of subscriptions without a group", t.Args[2], protocol.Ungrouped)
			}
			g.group = t.Args[2]
		}
		return do(ctx, t, g)
	})
	return completes(cmd, streamNames, groupOwners, groupNames)
}

// A groupName names one group of a stream.
type groupName struct {
	stream, client string
	group          string // "" for the one without an id
}

// String returns the last part of the name: the UUID or "ungrouped".
func (g groupName) String() string { return cmp.Or(g.group, protocol.Ungrouped) }

func groupShowCommand() *cobra.Command {
	cmd := onGroup("show", "Show the progress of a group", func(ctx context.Context, t *task, g groupName) error {
		info, err := t.Group(ctx, g.stream, g.client, g.group)
		if err != nil {
			return err
		}
		return facts(t.Console, info, groupHeading, groupRow)
	})
	cmd.Example = `  seagate group show boiler sensors 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10`
	return cmd
}

func groupDeleteCommand() *cobra.Command {
	var yes bool
	cmd := onGroup("delete", "Delete a group with its position", func(ctx context.Context, t *task, g groupName) error {
		if err := t.confirm(yes, g.String(), "the group with its position"); err != nil {
			return err
		}
		if err := t.DeleteGroup(ctx, g.stream, g.client, g.group); err != nil {
			return err
		}
		return t.Done(outcome{Stream: g.stream, Client: g.client, Group: g.String(), State: "deleted"},
			"group %s of client %s is deleted", g, g.client)
	})
	AddYes(cmd, &yes)
	cmd.Example = `  seagate group delete boiler sensors 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10`
	return cmd
}

// A move is the flags of "group move".
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
	cmd := onGroup("move", "Move a group to another position", func(ctx context.Context, t *task, g groupName) (err error) {
		m := given
		if to == "" {
			return usagef("give the position that the group moves to, with --to")
		}
		if m.to, err = t.position(ctx, "--to", to); err != nil {
			return err
		}
		return m.run(ctx, t, g)
	})
	cmd.Long = `Move a group to another position. The command first says what will change, and
asks for confirmation at a terminal. The members stay, and receive the messages
from that position on, including those that they have acknowledged before.`
	cmd.Example = `  seagate group move boiler sensors 3f2c7d1e-8a44-4f0b-9c57-0d8f2f6f1a10 --to earliest
  seagate group move boiler sensors ungrouped --to 2026-11-21T10:00:00Z --yes`
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "move to `POSITION`: latest, "+positions)
	flags.StringVar(&given.epoch, "epoch", "", "refuse if the stream has another epoch than `EPOCH`")
	flags.BoolVar(&given.dryRun, "dry-run", false, "say what would change, and change nothing")
	AddYes(cmd, &given.yes)
	return cmd
}

// moved is the result of a move, or of planning one.
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
		what := fmt.Sprintf("group %s would move from message %d to %d, with %d messages to deliver", g, plan.Was, plan.Position, plan.Lag)
		if m.dryRun {
			return t.Done(moved{plan, false}, "%s", what)
		}
		if err := t.Ask(m.yes, "yes", what+". Type yes to go on: ", "nothing was moved, since the answer was not yes"); err != nil {
			return err
		}
	}
	did, err := t.MoveGroup(ctx, g.stream, g.client, g.group, m.to, m.epoch)
	if err != nil {
		return err
	}
	return t.Done(moved{did, true}, "group %s moved from message %d to %d, with %d messages to deliver", g, did.Was, did.Position, did.Lag)
}
