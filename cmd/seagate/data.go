package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/terminal"
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
)

func dataCommand() *cobra.Command {
	group := cli.NewGroup("data", "Check a data folder that no gateway uses", dataCheckCommand())
	group.GroupID = "server"
	return group
}

func dataCheckCommand() *cobra.Command {
	cmd := onData("check", "Read a data folder completely and report what is wrong with it", cobra.NoArgs,
		func(_ context.Context, c *cli.Console, dir string) error { return checkData(c, dir) })
	cmd.Long = `Read a data folder completely, and report what is wrong with it and what to do.
The command changes nothing. No gateway may use the folder at the same time.

The exit status is 1 if something is wrong.`
	cmd.Example = `  seagate data check --data /var/lib/seagate`
	return cmd
}

// onData returns a command about a data folder, which a flag or the environment
// names.
func onData(use, short string, args cobra.PositionalArgs, do func(ctx context.Context, c *cli.Console, dir string) error) *cobra.Command {
	var given string
	cmd := cli.NewCommand(use, short, args, func(ctx context.Context, c *cli.Console) error {
		dir := cmp.Or(given, os.Getenv("SEAGATE_DATA_DIR"))
		if dir == "" {
			return cli.Usage(errors.New("give the data folder with --data"))
		}
		return do(ctx, c, dir)
	})
	cmd.Flags().StringVar(&given, "data", "", "data folder `DIR` [SEAGATE_DATA_DIR]")
	return cmd
}

// found is the contents of a data folder.
type found struct {
	Logs     int    `json:"logs"`
	Messages uint64 `json:"messages"`
	Bytes    int64  `json:"bytes"` // of the messages
	Records  int    `json:"records"`
}

func foundIn(r integrity.Report) found { return found{r.Logs, r.Entries, r.Bytes, r.Records} }

// String returns the contents as text.
func (f found) String() string {
	return fmt.Sprintf("messages: %d, with %s; streams that have any: %d; records: %d", f.Messages, cli.Bytes(f.Bytes), f.Logs, f.Records)
}

// problem is one of integrity.Problem, as JSON.
type problem struct {
	File   string `json:"file,omitzero"`
	Log    string `json:"log,omitzero"`
	Text   string `json:"problem"`
	Advice string `json:"advice"`
}

// checked is the result of "seagate data check".
type checked struct {
	Data string `json:"data"`
	found
	Problems int `json:"problems"`
}

func checkData(c *cli.Console, dir string) error {
	report, err := readStore(c, dir)
	if err != nil {
		return err
	}
	for _, p := range report.Problems {
		if err := c.Entry(problem(p), p.String()); err != nil {
			return err
		}
	}
	result := checked{dir, foundIn(report), len(report.Problems)}
	text := "%s was read to its end; %v"
	if result.found == (found{}) && result.Problems > 0 {
		text = "%s could not be opened, so nothing was counted (%v)"
	}
	if err := c.Done(result, text, dir, result.found); err != nil {
		return err
	}
	if n := len(report.Problems); n > 0 {
		return fmt.Errorf("problems found: %d", n)
	}
	return nil
}

func readStore(c *cli.Console, dir string) (integrity.Report, error) {
	options := pebble.Options{
		Logger: slog.New(slog.DiscardHandler), // the report has everything
		OnFatal: func(err error) {
			os.Exit(cli.Report(os.Stderr, err))
		},
	}
	progress := c.Progress("data check", cli.Bytes)
	report, err := pebble.Check(filepath.Join(dir, app.StoreFolder), options, shownOn(progress))
	progress.Done()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return report, notDataFolder(dir)
	case errors.Is(err, pebble.ErrInUse):
		return report, fmt.Errorf("%w; or back it up with `seagate backup` while it is in use: `seagate restore` checks what it restores", err)
	}
	return report, err
}

// shownOn returns a function that shows how many bytes are read.
func shownOn(progress *terminal.Progress) func(done, total int64) {
	return func(done, total int64) { progress.Show(done, total, "") }
}

func notDataFolder(dir string) error {
	return fmt.Errorf("%s is not a data folder of a gateway: it has no folder %s", dir, app.StoreFolder)
}
