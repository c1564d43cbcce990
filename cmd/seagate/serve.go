package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/config"
	"seagate/cmd/seagate/terminal"
	"seagate/internal/collector"
	"seagate/internal/panics"
	"seagate/internal/processors"
	"seagate/internal/recentlog"
	"seagate/internal/systemd"
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
	cmd := serverCommand("serve", "Run a gateway", config.Default, serve)
	cmd.Long = `Run a gateway until it gets SIGTERM or an interrupt. Then it closes the
connections, and exits with 0. SIGHUP reads the configuration again.

A setting comes from a flag, or else from a variable of the environment, or else
from the file. "seagate config --defaults" prints all settings, as a file to
start from. The log goes to standard error.`
	cmd.Example = `  seagate serve --config /etc/seagate/seagate.toml
  SEAGATE_LIMITS_SOCKETS=20000 seagate serve --listen :8080`
	return cmd
}

func serve(ctx context.Context, console *cli.Console, loader *config.Loader) error {
	reloads := make(chan os.Signal, 1)
	signal.Notify(reloads, syscall.SIGHUP) // before anything that a signal could interrupt
	defer signal.Stop(reloads)
	c, log, err := loadForServer(console, loader)
	if err != nil {
		return err
	}
	sockets, err := systemd.Sockets()
	if err != nil {
		return err
	}
	a, err := newApp(ctx, c, log, sockets...)
	if err != nil {
		return err
	}
	return run(ctx, a, func(running context.Context) {
		for {
			select {
			case <-running.Done():
				return
			case <-reloads:
				reload(console, loader, a, log)
			}
		}
	})
}

// newApp makes a gateway, and prepares the process for one.
func newApp(ctx context.Context, c *config.Config, log *logger, sockets ...systemd.Socket) (*app.App, error) {
	processors.Spare()
	limitMemory(log.Logger)
	a, err := app.New(ctx, c, log.Logger, version, sockets...)
	if err != nil {
		return nil, err
	}
	a.ShowLog(log.recent)
	return a, nil
}

// run runs a gateway. It also runs the functions of beside, with a context that ends when the
// gateway has ended.
func run(ctx context.Context, a *app.App, beside ...func(running context.Context)) error {
	running, ended := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for _, f := range append(beside, collector.Tune) {
		all.Go(func() { f(running) })
	}
	err := a.Run(ctx)
	ended()
	all.Wait()
	return err
}

// reload reads the configuration again, applies what can change while the gateway runs,
// and logs what it did. After an error nothing changes.
func reload(console *cli.Console, loader *config.Loader, a *app.App, log *logger) {
	defer panics.Contain("reload")
	if err := systemd.NotifyReloading(); err != nil {
		log.Warn("the service manager cannot be told of the reload", "error", err)
	}
	defer func() {
		if err := systemd.Notify(systemd.Ready); err != nil {
			log.Warn("the service manager cannot be told of the end of the reload", "error", err)
		}
	}()
	c, warnings, err := loader.Load()
	for _, warning := range warnings {
		log.Warn(warning)
	}
	var changes []config.Change
	if err == nil {
		logAsAsked(c, console)
		changes, err = a.Reload(c)
	}
	if err != nil {
		log.Error("the configuration could not be read again; nothing has changed", "problems", strings.Split(err.Error(), "\n"))
		return
	}
	log.level.Set(c.Log.Level.Slog())
	applied := []string{} // an empty list in the log, and not null
	var waiting []string
	for _, change := range changes {
		if change.Live {
			applied = append(applied, change.String())
		} else {
			waiting = append(waiting, change.String())
		}
	}
	log.Info("configuration read again", "changed", applied)
	if len(waiting) > 0 {
		log.Warn("some settings change only with a restart", "settings", waiting)
	}
}

// load reads the configuration. The warnings are valid even if there is an error.
func load(loader *config.Loader) (*config.Config, []string, error) {
	c, warnings, err := loader.Load()
	if err != nil {
		err = fmt.Errorf("the configuration is not valid:\n%w", err)
	}
	return c, warnings, err
}

// loadForCommand reads the configuration and prints its warnings.
func loadForCommand(console *cli.Console, loader *config.Loader) (*config.Config, error) {
	c, warnings, err := load(loader)
	printWarnings(console, warnings)
	return c, err
}

func printWarnings(console *cli.Console, warnings []string) {
	for _, warning := range warnings {
		console.Warn(warning)
	}
}

// loadForServer reads the configuration and logs its warnings. If the configuration is
// not valid, it does not say how to log, so they are printed. The logger is also the default
// one, for parts that have none of their own.
func loadForServer(console *cli.Console, loader *config.Loader) (*config.Config, *logger, error) {
	c, warnings, err := load(loader)
	if err != nil {
		printWarnings(console, warnings)
		return nil, nil, err
	}
	logAsAsked(c, console)
	log := newLogger(c.Log)
	slog.SetDefault(log.Logger)
	for _, warning := range warnings {
		log.Warn(warning)
	}
	return c, log, nil
}

// logAsAsked makes the log JSON with --json.
func logAsAsked(c *config.Config, console *cli.Console) {
	if console.JSON {
		c.Log.Format = config.FormatJSON
	}
}

// A logger is a slog.Logger whose level can change.
type logger struct {
	*slog.Logger
	level  *slog.LevelVar
	recent *recentlog.Log // the newest lines, for the API
}

func newLogger(c config.Log) *logger {
	level := new(slog.LevelVar)
	level.Set(c.Level.Slog())
	options := &slog.HandlerOptions{Level: level}
	recent := recentlog.New(int(c.RecentBytes))
	var handler slog.Handler = slog.NewJSONHandler(os.Stderr, options)
	if c.Format == config.FormatText || c.Format == config.FormatAuto && terminal.Is(os.Stderr) {
		handler = slog.NewTextHandler(os.Stderr, options)
	}
	return &logger{slog.New(slog.NewMultiHandler(handler, recent.Handler(level))), level, recent}
}

func checkCommand() *cobra.Command {
	cmd := serverCommand("check", "Check whether a configuration is valid", config.Default,
		func(_ context.Context, console *cli.Console, loader *config.Loader) error {
			c, err := loadForCommand(console, loader)
			if err == nil && c.TLS.Enabled() {
				if err = app.CheckValidity(c.TLS); err != nil {
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
	cmd.Long = `Check whether a configuration is valid: the flags, the variables and the file
together, as "seagate serve" would read them, and its certificate. All problems
are reported at once. The command starts no gateway.`
	cmd.Example = `  seagate check --config /etc/seagate/seagate.toml`
	return cmd
}

func configCommand() *cobra.Command {
	var defaults, running bool
	var where cli.Connection
	cmd := serverCommand("config", "Show the configuration in force, and the source of each value", config.Default,
		func(ctx context.Context, console *cli.Console, loader *config.Loader) error {
			if running {
				return cli.RunningConfig(ctx, console, where)
			}
			if defaults && console.JSON {
				return config.ReferenceJSON(console)
			} else if defaults {
				_, err := fmt.Fprint(console, config.Reference())
				return err
			}
			c, err := loadForCommand(console, loader)
			switch {
			case err != nil:
				return err
			case console.JSON:
				return c.ExplainJSON(console)
			default:
				return c.Explain(console, console.Style())
			}
		})
	cmd.Long = `Show the configuration in force, and the source of each value: a default, a line
of the file, a variable or a flag. It is what "seagate serve" would read with
the same flags and variables. With --running it is that of a running gateway.`
	cmd.Example = `  seagate config --config /etc/seagate/seagate.toml
  seagate config --defaults > seagate.toml
  seagate config --running --server https://seagate.example.com`
	where.Register(cmd)
	cmd.Flags().BoolVar(&running, "running", false, "show that of the gateway of --server, as an administrator of its root jail")
	cmd.Flags().BoolVar(&defaults, "defaults", false, "print every setting with its documentation and default, as a file to start from")
	return cmd
}
