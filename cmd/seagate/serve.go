package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
	"seagate/cmd/seagate/terminal"
)

// serverCommand returns a command with the flags of a configuration, which it
// reads with the loader.
func serverCommand(use, short string, defaults func() *config.Config, do func(context.Context, *cli.Console, *config.Loader) error) *cobra.Command {
	loader := &config.Loader{Defaults: defaults, OtherVariables: cli.Variables}
	cmd := cli.NewCommand(use, short, cobra.NoArgs, func(ctx context.Context, console *cli.Console) error {
		return do(ctx, console, loader)
	})
	cmd.GroupID = "server"
	loader.BindFlags(cmd.Flags())
	return cmd
}

func serveCommand() *cobra.Command {
	return serverCommand("serve", "Run a gateway", config.Default, serve)
}

func serve(ctx context.Context, console *cli.Console, loader *config.Loader) error {
	c, log, err := loadForServer(console, loader)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, c, log, version)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// load reads the configuration. The warnings are good also with an error.
func load(loader *config.Loader) (*config.Config, []string, error) {
	c, warnings, err := loader.Load()
	if err != nil {
		err = fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	return c, warnings, err
}

// loadForServer reads the configuration and logs its warnings. The logger is
// also the default one, for parts that have none of their own.
func loadForServer(console *cli.Console, loader *config.Loader) (*config.Config, *slog.Logger, error) {
	c, warnings, err := load(loader)
	if err != nil {
		return nil, nil, err
	}
	if console.JSON {
		c.Log.Format = config.FormatJSON
	}
	log := newLogger(c.Log)
	slog.SetDefault(log)
	for _, warning := range warnings {
		log.Warn(warning)
	}
	return c, log, nil
}

func newLogger(c config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level.Slog()}
	text := c.Format == config.FormatText || c.Format == config.FormatAuto && terminal.Is(os.Stderr)
	if text {
		return slog.New(slog.NewTextHandler(os.Stderr, options))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options))
}

func checkCommand() *cobra.Command {
	return serverCommand("check", "Check whether a configuration is valid", config.Default,
		func(_ context.Context, console *cli.Console, loader *config.Loader) error {
			c, warnings, err := load(loader)
			for _, warning := range warnings {
				console.Warn(warning)
			}
			if err == nil && c.TLS.Enabled() {
				if err = app.CheckTLS(c.TLS); err != nil {
					err = fmt.Errorf("the configuration is not valid:\n%w", err)
				}
			}
			if err != nil {
				return err
			}
			return console.Entry(struct {
				Valid bool `json:"valid"`
			}{true}, "The configuration is valid.")
		})
}

func configCommand() *cobra.Command {
	var defaults bool
	cmd := serverCommand("config", "Show the configuration in force, and the source of each value", config.Default,
		func(_ context.Context, console *cli.Console, loader *config.Loader) error {
			if defaults {
				_, err := fmt.Fprint(console, config.Reference())
				return err
			}
			c, warnings, err := load(loader)
			for _, warning := range warnings {
				console.Warn(warning)
			}
			switch {
			case err != nil:
				return err
			case console.JSON:
				return c.ExplainJSON(console)
			default:
				return c.Explain(console, console.Style())
			}
		})
	cmd.Flags().BoolVar(&defaults, "defaults", false, "print every setting with its documentation and default, as a file to start from")
	return cmd
}
