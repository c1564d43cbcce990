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
	"seagate/cmd/seagate/terminal"
)

func connectionsCommand() *cobra.Command {
	return NewGroup("connections", "List connections, look at one, or end it",
		connectionsListCommand(), connectionsShowCommand(), connectionsEndCommand())
}

var connectionHeading = []string{"CONNECTION", "JAIL", "CLIENT", "KIND", "ADDRESS", "SINCE", "BY", "EXPIRES", "SUBSCRIPTIONS", "QUEUED BYTES", "SLOW", "LAST ERROR"}

func connectionRow(c client.ConnectionInfo) []string {
	expires, slow, last := "-", "-", "-"
	if c.Expires != nil {
		expires = c.Expires.Format(time.RFC3339)
	}
	if c.Slow {
		slow = "slow"
	}
	if c.LastError != nil {
		last = string(c.LastError.Code)
	}
	return []string{c.ID, c.JailID, c.ClientID, c.Kind, cmp.Or(string(c.Address), "-"), c.Since.Format(time.RFC3339),
		c.Authenticated, expires, strconv.Itoa(c.SubscriptionCount), strconv.Itoa(c.QueuedBytes), slow, last}
}

// On a terminal the list has the columns that fit in 80, and long client ids are cut.
var shortConnectionHeading = []string{"CONNECTION", "CLIENT", "KIND", "ADDRESS", "AGE", "SUBS", "SLOW"}

func shortConnectionRow(c client.ConnectionInfo) []string {
	all := connectionRow(c)
	return []string{all[0], all[2], all[3], all[4], ageText(time.Since(c.Since)), all[8], all[10]}
}

// ageText writes a duration with its two largest units.
func ageText(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return max(d, 0).String()
}

func connectionsListCommand() *cobra.Command {
	var of client.ConnectionFilter
	cmd := gatewayCommand("list", "List the connections, the oldest first", cobra.NoArgs, func(ctx context.Context, t *task) error {
		return listShort(t.Console, t.Connections(ctx, of), columns[client.ConnectionInfo]{connectionHeading, connectionRow},
			columns[client.ConnectionInfo]{shortConnectionHeading, shortConnectionRow}, 1)
	})
	cmd.Long = `List the connections of the jail, the oldest first; a client that may not manage the
clients of its jail gets its own. On a terminal the list has some of the columns;
"seagate connections show" prints all that is known about a connection. A connection is
"slow" if it reads more slowly than messages come. Elsewhere the columns are
` + strings.ToLower(strings.Join(connectionHeading[:8], ", ")) + `,
` + strings.ToLower(strings.Join(connectionHeading[8:], ", ")) + `.`
	cmd.Example = `  seagate connections list --of sensors
  seagate connections list --json | jq 'select(.slow)'`
	cmd.Flags().StringVar(&of.ClientID, "of", "", "list those of the client `ID`")
	cmd.Flags().BoolVar(&of.AllJails, "all-jails", false, "list those of all jails, as an administrator of the root jail")
	return cmd
}

var readingHeading = []string{"ID", "STREAM", "KIND", "GROUP", "POSITION", "BEHIND", "IN FLIGHT"}

func connectionsShowCommand() *cobra.Command {
	cmd := gatewayCommand("show CONNECTION", "Show a connection with its subscriptions", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		info, err := t.Connection(ctx, t.Args[0])
		if err != nil {
			return err
		}
		if t.JSON {
			return t.value(info)
		}
		if err := facts(t.Console, info, connectionHeading, connectionRow); err != nil {
			return err
		}
		return t.connectionDetails(info)
	})
	cmd.Example = `  seagate connections show 8f1c2b7e-41`
	return completes(cmd, connectionIDs)
}

// connectionDetails prints what a connection reads, provides and serves.
func (c *Console) connectionDetails(info client.ConnectionInfo) error {
	if len(info.Subscriptions) > 0 {
		if c.terminal {
			c.line("") // between the connection and what it reads
		}
		if err := listShort(c, each(info.Subscriptions), columns[client.SubscriptionInfo]{readingHeading, readingRow},
			columns[client.SubscriptionInfo]{shortReadingHeading, shortReadingRow}, 0); err != nil {
			return err
		}
	}
	for _, p := range info.Provides {
		line := "provides " + p.StreamName
		if p.Paused {
			line += ", paused"
		}
		if err := c.line(terminal.Printable(line)); err != nil {
			return err
		}
	}
	for _, service := range info.Serves {
		if err := c.line(terminal.Printable("serves " + service)); err != nil {
			return err
		}
	}
	if info.LastError != nil {
		return c.line(terminal.Printable(fmt.Sprintf("last error at %s: %s: %s",
			info.LastError.At.Format(time.RFC3339), info.LastError.Code, info.LastError.Message)))
	}
	return nil
}

// On a terminal a group's id says that the subscription is one of a group.
var shortReadingHeading = []string{"STREAM", "GROUP OR KIND", "POSITION", "BEHIND", "IN FLIGHT"}

func shortReadingRow(s client.SubscriptionInfo) []string {
	all := readingRow(s)
	return []string{all[1], cmp.Or(string(s.GroupID), all[2]), all[4], all[5], all[6]}
}

func readingRow(s client.SubscriptionInfo) []string {
	number := func(n *uint64) string {
		if n == nil {
			return "-"
		}
		return strconv.FormatUint(*n, 10)
	}
	return []string{strconv.FormatInt(s.ID, 10), s.StreamName, s.Kind, cmp.Or(string(s.GroupID), "-"),
		number(s.Position), number(s.Behind), strconv.Itoa(s.InFlight)}
}

func connectionsEndCommand() *cobra.Command {
	cmd := gatewayCommand("end CONNECTION", "End a connection", cobra.ExactArgs(1), func(ctx context.Context, t *task) error {
		id := t.Args[0]
		if err := t.EndConnection(ctx, id); err != nil {
			return err
		}
		return t.Done(outcome{Connection: id, State: "ended"}, "connection %s is ended", id)
	})
	cmd.Long = `End a connection. Its client is told that an administrator has ended it (connection_ended),
and may connect again: most clients do so by themselves. To keep a client out, rotate its
secret or delete it.`
	cmd.Example = `  seagate connections end 8f1c2b7e-41`
	return completes(cmd, connectionIDs)
}
