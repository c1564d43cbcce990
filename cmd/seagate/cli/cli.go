package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"seagate/client"
)

// Commands returns the commands, for the root command to adopt. Hand the error
// of its Execute to Report.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		defineCommand(), describeCommand(), publishCommand(), subscribeCommand(),
		messagesCommand(), streamsCommand(), streamCommand(), groupsCommand(), groupCommand(),
		clientsCommand(), jailsCommand(), backupCommand(),
	}
}

// A task is one run of a command.
type task struct {
	*client.Client // nil for a command that uses no gateway
	console
	args []string
}

// An action is what a command does.
type action func(ctx context.Context, t *task) error

// newCommand returns a command that uses a gateway, with the flags that all of
// those have.
func newCommand(use, short string, args cobra.PositionalArgs, do action) *cobra.Command {
	var where connection
	cmd := newLocal(use, short, args, func(ctx context.Context, t *task) error {
		c, err := where.client()
		if err != nil {
			return err
		}
		defer c.CloseIdleConnections()
		t.Client = c
		return do(ctx, t)
	})
	where.register(cmd)
	return cmd
}

// newLocal returns a command whose task has no client.
func newLocal(use, short string, args cobra.PositionalArgs, do action) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:           use,
		Short:         short,
		SilenceErrors: true, // Report prints them
		SilenceUsage:  true,
		Args:          usageArgs(args),
		RunE: func(cmd *cobra.Command, args []string) error {
			t := &task{console: newConsole(cmd, asJSON), args: args}
			if err := do(cmd.Context(), t); err != nil {
				return &failure{err: err, command: cmd.Name(), args: args, json: asJSON}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one value a line")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage(err) })
	return cmd
}

// newGroup returns a command that only has others under it.
func newGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:           use,
		Short:         short,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return Usage(unknownCommand(cmd, args[0]))
		},
	}
	group.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage(err) })
	group.AddCommand(commands...)
	return group
}

func unknownCommand(cmd *cobra.Command, name string) error {
	// Cobra takes 0 for "no suggestions" where it suggests by itself only.
	cmd.SuggestionsMinimumDistance = max(cmd.SuggestionsMinimumDistance, 2)
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if similar := cmd.SuggestionsFor(name); len(similar) > 0 {
		hint = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), similar[0])
	}
	return fmt.Errorf("there is no command %q: %s", name, hint)
}

// usageArgs makes what a check of arguments finds a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return Usage(fmt.Errorf("%w; the usage is: %s", err, cmd.UseLine()))
		}
		return nil
	}
}
