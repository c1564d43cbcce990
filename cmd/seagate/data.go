package main

import (
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
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
)

func dataCommand() *cobra.Command {
	group := cli.NewGroup("data", "Look after a data folder that no gateway uses", dataCheckCommand())
	group.GroupID = "server"
	return group
}

func dataCheckCommand() *cobra.Command {
	var data func() (string, error)
	cmd := cli.Offline("check", "Read all of a data folder, and say what is wrong with it", cobra.NoArgs, func(_ context.Context, l cli.Local) error {
		dir, err := data()
		if err != nil {
			return err
		}
		return checkData(l, dir)
	})
	cmd.Long = `Read all of a data folder, and say what is wrong with it and what to do. It changes
nothing. No gateway may use the folder meanwhile.

The exit status is 1 if anything is wrong.`
	cmd.Example = `  seagate data check --data /var/lib/seagate`
	data = addData(cmd)
	return cmd
}

// found is how much there is in a data folder.
type found struct {
	Logs     int    `json:"logs"`
	Messages uint64 `json:"messages"`
	Bytes    int64  `json:"bytes"` // of the messages
	Records  int    `json:"records"`
}

func foundIn(r integrity.Report) found { return found{r.Logs, r.Entries, r.Bytes, r.Records} }

// String is for people.
func (f found) String() string {
	return fmt.Sprintf("messages: %d, with %d bytes; streams that have any: %d; records: %d", f.Messages, f.Bytes, f.Logs, f.Records)
}

// problem is one of integrity.Problem, as JSON.
type problem struct {
	File   string `json:"file,omitzero"`
	Log    string `json:"log,omitzero"`
	Text   string `json:"problem"`
	Advice string `json:"advice"`
}

// checked is the result of a check.
type checked struct {
	Data string `json:"data"`
	found
	Problems int `json:"problems"`
}

func checkData(l cli.Local, dir string) error {
	report, err := readStore(l, dir)
	if err != nil {
		return err
	}
	for _, p := range report.Problems {
		if err := l.Entry(problem(p), p.String()); err != nil {
			return err
		}
	}
	result := checked{dir, foundIn(report), len(report.Problems)}
	text := "%s was read to its end; %v"
	if result.found == (found{}) && result.Problems > 0 {
		text = "%s could not be opened, so nothing was counted (%v)"
	}
	if err := l.Done(result, text, dir, result.found); err != nil {
		return err
	}
	if n := len(report.Problems); n > 0 {
		return fmt.Errorf("problems found: %d", n)
	}
	return nil
}

func readStore(l cli.Local, dir string) (integrity.Report, error) {
	options := pebble.Options{
		Logger: slog.New(slog.DiscardHandler), // what it would say is in the report
		OnFatal: func(err error) {
			os.Exit(cli.Report(os.Stderr, err))
		},
	}
	report, err := pebble.Check(filepath.Join(dir, app.StoreFolder), options, tenths(l))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return report, fmt.Errorf("%s is no data folder of a gateway: it has no folder %s", dir, app.StoreFolder)
	case errors.Is(err, pebble.ErrInUse):
		return report, fmt.Errorf("%w; or save it with `seagate backup` while it is in use: `seagate restore` checks what it restores", err)
	}
	return report, err
}

// A check of less than this is over before anybody asks how far it is.
const worthTelling = 1 << 30

// tenths returns what says how far a check is, each time that another tenth of
// the bytes is read.
func tenths(l cli.Local) func(done, total int64) {
	said := int64(0)
	return func(done, total int64) {
		if total < worthTelling || done > total {
			return
		}
		if tenth := done * 10 / total; tenth > said {
			said = tenth
			l.Note("%d%% read", tenth*10)
		}
	}
}
