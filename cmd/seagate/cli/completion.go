package cli

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seagate/client"
	"seagate/protocol"
)

// Bounds of a completion, since somebody waits for it.
const (
	completionTime  = 2 * time.Second
	completionNames = 1000
)

// A completer returns what an argument can be, each with a tab and a description if it
// has one. The arguments are those in front of it.
type completer func(ctx context.Context, c *client.Client, args []string) iter.Seq2[string, error]

// completes lets the shell complete the arguments of a command with the names that the
// gateway has: the first argument with the first completer, and so on. It completes what
// is behind the last completer as files, up to the last argument.
func completes(cmd *cobra.Command, completers ...completer) *cobra.Command {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(args) >= len(operands(cmd.Use)) && !strings.Contains(cmd.Use, "..."):
			return nil, cobra.ShellCompDirectiveNoFileComp
		case len(args) >= len(completers):
			return nil, cobra.ShellCompDirectiveDefault
		}
		return completeFrom(cmd, completers[len(args)], args)
	}
	return cmd
}

// completesAll is completes for a command that takes any number of the same argument.
func completesAll(cmd *cobra.Command, one completer) {
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		names, directive := completeFrom(cmd, one, args)
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, strings.Split(name, "\t")[0]) }), directive
	}
}

// completeFrom asks the gateway. If that fails, there is nothing to complete with.
func completeFrom(cmd *cobra.Command, one completer, args []string) (names []string, _ cobra.ShellCompDirective) {
	const nothing = cobra.ShellCompDirectiveNoFileComp
	t, err := connectionOf(cmd).target()
	if err != nil {
		return nil, nothing
	}
	c, err := t.client()
	if err != nil {
		return nil, nothing
	}
	defer c.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	for name, err := range one(ctx, c, args) {
		if err != nil || len(names) == completionNames {
			break
		}
		names = append(names, name)
	}
	return names, nothing
}

// connectionOf returns the Connection that the flags of a command give. The command must have
// those flags.
func connectionOf(cmd *cobra.Command) Connection {
	flag := func(name string) string { return cmd.Flag(name).Value.String() }
	return Connection{
		context: flag("context"), server: flag("server"), clientID: flag("client"),
		secretFile: flag("secret-file"), plain: flag("insecure-http") == "true",
		files: certificateFiles{cert: flag("client-cert"), key: flag("client-key")},
	}
}

// onStream returns a command that uses a gateway and whose first argument is a stream,
// which the shell completes.
func onStream(use, short string, args cobra.PositionalArgs, do func(context.Context, *task) error) *cobra.Command {
	return completes(gatewayCommand(use, short, args, do), streamNames)
}

func streamNames(ctx context.Context, c *client.Client, _ []string) iter.Seq2[string, error] {
	return namesOf(c.Streams(ctx), func(s client.StreamInfo) string { return s.Name + "\tversion " + versionText(s.Version) })
}

// versionNames are those of the stream that is the first argument.
func versionNames(ctx context.Context, c *client.Client, args []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if len(args) == 0 {
			return
		}
		versions, err := c.SchemaVersions(ctx, args[0])
		if err != nil {
			yield("", err)
			return
		}
		for d, err := range readable(versions) {
			if !yield(versionText(d.Version), err) {
				return
			}
		}
	}
}

func clientNames(ctx context.Context, c *client.Client, _ []string) iter.Seq2[string, error] {
	return namesOf(c.Clients(ctx), func(i client.ClientInfo) string { return i.ID + "\t" + i.Description })
}

func jailNames(ctx context.Context, c *client.Client, _ []string) iter.Seq2[string, error] {
	return namesOf(c.Jails(ctx), func(j client.JailInfo) string { return j.ID + "\t" + j.Name })
}

func connectionIDs(ctx context.Context, c *client.Client, _ []string) iter.Seq2[string, error] {
	return namesOf(c.Connections(ctx, client.ConnectionFilter{}), func(i client.ConnectionInfo) string {
		return fmt.Sprintf("%s\t%s from %s", i.ID, i.ClientID, i.Address)
	})
}

func serviceNames(ctx context.Context, c *client.Client, _ []string) iter.Seq2[string, error] {
	return namesOf(c.Services(ctx), func(s client.ServiceInfo) string {
		return fmt.Sprintf("%s\t%s", s.Name, counted(len(s.Procedures), "procedure"))
	})
}

// procedureNames are those of the service that is the first argument.
func procedureNames(ctx context.Context, c *client.Client, args []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		service, err := c.Service(ctx, args[0])
		if err != nil {
			yield("", err)
			return
		}
		for _, procedure := range service.Procedures {
			if !yield(procedure, nil) {
				return
			}
		}
	}
}

// groupOwners are the clients that have groups of the stream that is the first argument.
func groupOwners(ctx context.Context, c *client.Client, args []string) iter.Seq2[string, error] {
	return once(namesOf(c.Groups(ctx, args[0]), func(g client.GroupInfo) string { return g.ClientID }))
}

// groupNames are the groups of the stream and the client that are the first arguments.
func groupNames(ctx context.Context, c *client.Client, args []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for g, err := range c.Groups(ctx, args[0]) {
			if err == nil && g.ClientID != args[1] {
				continue
			}
			name := string(g.GroupID)
			if name == "" {
				name = protocol.Ungrouped
			}
			if !yield(fmt.Sprintf("%s\tlag %d", name, g.Lag), err) {
				return
			}
		}
	}
}

// namesOf returns the names of a list.
func namesOf[T any](entries iter.Seq2[T, error], name func(T) string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for entry, err := range entries {
			text := ""
			if err == nil {
				text = name(entry)
			}
			if !yield(text, err) {
				return
			}
		}
	}
}

// once leaves out names that were there before.
func once(names iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seen := map[string]bool{}
		for name, err := range names {
			if err == nil && seen[name] {
				continue
			}
			seen[name] = true
			if !yield(name, err) {
				return
			}
		}
	}
}

// completeCommands completes a command, one word after the other.
func completeCommands(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	about, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) == 0 {
		for _, below := range about.Commands() {
			names = append(names, below.Name()+"\t"+below.Short)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// CompleteWith completes a flag with some values.
func CompleteWith(cmd *cobra.Command, flag string, values ...string) {
	cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeContexts completes the first argument with the names of contexts. It asks no
// gateway.
func completeContexts(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return contextNames(cmd, args, text)
}

// contextNames are the names of contexts, for the flag --context.
func contextNames(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	if all, err := readContexts(); err == nil {
		for _, name := range all.names() {
			names = append(names, fmt.Sprintf("%s\t%s as %s", name, all.Entries[name].URL, all.Entries[name].ClientID))
		}
	}
	if dev, err := devLayer(); err == nil {
		names = append(names, fmt.Sprintf("%s\t%s as %s", devContext, dev.url, dev.id))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
