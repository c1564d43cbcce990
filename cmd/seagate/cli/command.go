package cli

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"seagate/client"
)

// Commands returns the commands that use a gateway, for the root command. Give
// the error of its Execute to Report.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		defineCommand(), describeCommand(), publishCommand(), subscribeCommand(), provideCommand(),
		messagesCommand(), explainCommand(), streamsCommand(), streamCommand(), groupsCommand(), groupCommand(),
		servicesCommand(), serviceCommand(), fetchCommand(), signalCommand(),
		topCommand(), errorsCommand(), contextCommand(),
		clientsCommand(), jailsCommand(), connectionsCommand(), networkCommand(), deadLettersCommand(), logsCommand(), auditCommand(), backupCommand(), importCommand(), tokenCommand(), filterCommand(), linesCommand(),
	}
}

// NewCommand returns a command with the flag --json. Give the error of its
// Execute to Report.
func NewCommand(use, short string, args cobra.PositionalArgs, do func(context.Context, *Console) error) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:           use,
		Short:         short,
		SilenceErrors: true, // Report prints them
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, given []string) error {
			if err := usageArgs(args)(cmd, given); err != nil {
				return &failure{err: err, command: cmd.Name(), json: asJSON}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			console := newConsole(cmd, args, asJSON)
			if err := do(cmd.Context(), console); err != nil {
				return &failure{err: err, command: cmd.Name(), args: args, service: ofService(cmd), json: asJSON, used: console.used}
			}
			return nil
		},
	}
	if len(operands(use)) == 0 {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one value a line")
	cmd.SetFlagErrorFunc(FlagError)
	return cmd
}

// ofService reports whether the first argument of the command is a service.
func ofService(cmd *cobra.Command) bool {
	return cmd.Name() == "fetch" || cmd.Name() == "signal" || cmd.HasParent() && cmd.Parent().Name() == "service"
}

// A task is one run of a command that uses a gateway.
type task struct {
	*client.Client
	*Console
	target target
}

// gatewayCommand returns a command that uses a gateway, with the flags that say
// which one.
func gatewayCommand(use, short string, args cobra.PositionalArgs, do func(context.Context, *task) error) *cobra.Command {
	var where Connection
	cmd := NewCommand(use, short, args, func(ctx context.Context, c *Console) error {
		return onGateway(ctx, c, where, do)
	})
	where.Register(cmd)
	return cmd
}

// onGateway runs a task on a gateway, which the errors of the command name.
func onGateway(ctx context.Context, c *Console, where Connection, do func(context.Context, *task) error) error {
	target, err := where.target()
	c.uses(target, where.verbose)
	if err != nil {
		return err
	}
	gateway, err := target.client()
	if err != nil {
		return err
	}
	defer gateway.CloseIdleConnections()
	return do(ctx, &task{gateway, c, target})
}

// NewGroup returns a command that only has other commands below it. Its examples are the first of each of these.
func NewGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{Use: use, Short: short, SilenceErrors: true, SilenceUsage: true}
	HelpOrUnknown(group)
	group.SetFlagErrorFunc(FlagError)
	group.AddCommand(commands...)
	var examples []string
	for _, command := range commands {
		examples = append(examples, firstExample.FindString(command.Example))
	}
	group.Example = strings.Join(examples, "\n")
	return group
}

// HelpOrUnknown lets a command that only has others below it print its help, or say which of them was meant.
func HelpOrUnknown(group *cobra.Command) {
	group.Args = cobra.ArbitraryArgs
	group.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return Usage(unknownCommand(cmd, args[0]))
	}
}

// AddCompletion adds the command of the library that prints what makes a shell complete. Add the other commands first.
func AddCompletion(root *cobra.Command) {
	if len(os.Args) > 1 && os.Args[1] == cobra.ShellCompRequestCmd { // it shows usages as they are written
		eachCommand(root, func(cmd *cobra.Command) error {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { _, f.Usage = pflag.UnquoteUsage(f) })
			return nil
		})
	}
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		HelpOrUnknown(completion)
	}
}

// firstExample is the first example that is a command of ours, with the lines on which it goes on.
var firstExample = regexp.MustCompile(`(?m)^  seagate (?:.*\\\n)*.*$`)

func unknownCommand(cmd *cobra.Command, name string) error {
	hint := fmt.Sprintf("see %s --help", cmd.CommandPath())
	if near := NearestCommand(cmd, name); near != "" {
		hint = fmt.Sprintf("did you mean %s %s?", cmd.CommandPath(), near)
	}
	return fmt.Errorf("there is no command %q: %s", name, hint)
}

// HelpCommand returns the command that prints the help of another command.
func HelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Print the help of a command",
		Example: "  seagate help clients rotate",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return Usage(unknownCommand(about, rest[0]))
			}
			about.InitDefaultHelpFlag() // so that its help lists --help
			return about.Help()
		},
		ValidArgsFunction: completeCommands,
	}
}

// VersionCommand returns the command that prints the version of the root command.
func VersionCommand() *cobra.Command {
	var cmd *cobra.Command
	cmd = NewCommand("version", "Print the version", cobra.NoArgs, func(_ context.Context, c *Console) error {
		version := cmd.Root().Version
		return c.Entry(struct {
			Version string `json:"version"`
		}{version}, version)
	})
	cmd.Example = `  seagate version`
	return cmd
}
