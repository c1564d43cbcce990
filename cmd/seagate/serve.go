package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/config"
	"seagate/cmd/seagate/terminal"
)

func serveCommand() *cobra.Command {
	return gatewayCommand{
		use:      "serve",
		short:    "Run a gateway",
		defaults: config.Default,
		check:    func(*config.Config) []error { return nil },
		ready:    func(*cobra.Command, *config.Config, *app.App) error { return nil },
	}.command()
}

// A gatewayCommand runs a gateway until it is told to stop.
type gatewayCommand struct {
	use, short string
	defaults   func() *config.Config
	check      func(*config.Config) []error                         // what the configuration has to be besides valid
	ready      func(*cobra.Command, *config.Config, *app.App) error // called when it listens, before it serves
}

func (g gatewayCommand) command() *cobra.Command {
	loader := newLoader(g.defaults)
	command := &cobra.Command{
		Use:     g.use,
		Short:   g.short,
		GroupID: "server",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return g.run(cmd, loader) },
	}
	loader.BindFlags(command.Flags())
	return command
}

func (g gatewayCommand) run(cmd *cobra.Command, loader *config.Loader) error {
	c, log, err := load(loader)
	if err != nil {
		return err
	}
	if err := errors.Join(g.check(c)...); err != nil {
		return err
	}
	slog.SetDefault(log) // for parts that log without being given a logger
	a, err := app.New(cmd.Context(), c, log, version)
	if err != nil {
		return err
	}
	if err := g.ready(cmd, c, a); err != nil {
		a.Close()
		return err
	}
	return a.Run(cmd.Context())
}

// newLoader returns a loader that knows the client commands' variables too.
func newLoader(defaults func() *config.Config) *config.Loader {
	return &config.Loader{Defaults: defaults, OtherVariables: clientVariables}
}

// clientVariables are read by the commands that use a gateway, not by those
// that run one.
var clientVariables = []string{"SEAGATE_URL", "SEAGATE_CLIENT_ID", "SEAGATE_CLIENT_SECRET"}

// load reads the configuration, and logs what is odd about it.
func load(loader *config.Loader) (*config.Config, *slog.Logger, error) {
	c, warnings, err := loader.Load()
	if err != nil {
		return nil, nil, fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	log := newLogger(c.Log)
	for _, warning := range warnings {
		log.Warn(warning)
	}
	return c, log, nil
}

func newLogger(c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level.Slog()}
	text := c.Format == config.FormatText ||
		c.Format == config.FormatAuto && terminal.Is(os.Stderr)
	if text {
		return slog.New(slog.NewTextHandler(os.Stderr, options))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options))
}

func checkCommand() *cobra.Command {
	loader := newLoader(config.Default)
	command := &cobra.Command{
		Use:     "check",
		Short:   "Say whether a configuration is valid",
		GroupID: "server",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, warnings, err := loader.Load()
			for _, warning := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
			}
			if err == nil && c.TLS.Enabled() {
				err = app.CheckTLS(c.TLS)
			}
			if err != nil {
				return fmt.Errorf("the configuration is not valid:\n%w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The configuration is valid.")
			return nil
		},
	}
	loader.BindFlags(command.Flags())
	return command
}

func configCommand() *cobra.Command {
	loader := newLoader(config.Default)
	var asJSON, defaults bool
	command := &cobra.Command{
		Use:     "config",
		Short:   "Show the configuration in force, and where each value comes from",
		GroupID: "server",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if defaults {
				_, err := fmt.Fprint(out, config.Reference())
				return err
			}
			c, warnings, err := loader.Load()
			for _, warning := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", warning)
			}
			switch {
			case err != nil:
				return fmt.Errorf("the configuration is not valid:\n%w", err)
			case asJSON:
				return c.ExplainJSON(out)
			default:
				return c.Explain(out, terminal.StyleOf(out))
			}
		},
	}
	loader.BindFlags(command.Flags())
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.Flags().BoolVar(&defaults, "defaults", false, "print every setting with its meaning and default, as a file to start from")
	return command
}
