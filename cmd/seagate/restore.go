package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/internal/durable"
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
)

// addData adds the flag that names a data folder, and returns what reads it.
func addData(cmd *cobra.Command) func() (string, error) {
	given := cmd.Flags().String("data", "", "data folder `DIR` [SEAGATE_DATA_DIR]")
	return func() (string, error) {
		if dir := cmp.Or(*given, os.Getenv("SEAGATE_DATA_DIR")); dir != "" {
			return dir, nil
		}
		return "", cli.Usage(errors.New("name the data folder with --data"))
	}
}

func restoreCommand() *cobra.Command {
	var data func() (string, error)
	cmd := cli.Offline("restore FILE", "Make a data folder of a backup", cobra.ExactArgs(1), func(ctx context.Context, l cli.Local) error {
		dir, err := data()
		if err != nil {
			return err
		}
		return restore(ctx, l, dir)
	})
	cmd.Long = `Make a data folder of what ` + "`seagate backup`" + ` has saved, which it checks. The
folder must be empty or not be there; if anything is wrong it is left like that.

Streams that come back have another epoch, since what was published after the
backup is missing in them: who kept a position is told.`
	cmd.Example = `  seagate restore seagate.tar --data /var/lib/seagate
  zstd -dc seagate.tar.zst | seagate restore - --data /var/lib/seagate`
	cmd.GroupID = "server"
	data = addData(cmd)
	return cmd
}

// restored is the result of a restore.
type restored struct {
	Data      string    `json:"data"`
	CreatedAt time.Time `json:"createdAt"` // of the backup
	found
}

// restore unpacks and checks beside the place where the gateway looks, and
// leaves nothing there unless all of it is right.
func restore(ctx context.Context, l cli.Local, dir string) (err error) {
	from, err := openBackup(l)
	if err != nil {
		return err
	}
	defer from.Close()
	made, err := makeEmpty(dir)
	if err != nil {
		return err
	}
	partial := filepath.Join(dir, app.StoreFolder+".partial")
	defer func() {
		if err != nil {
			err = errors.Join(err, undo(dir, partial, made))
		}
	}()
	archive, err := unpack(partial, reading{ctx, from})
	if err != nil {
		return interruptedOr(ctx, err)
	}
	report, err := checkAndRenew(l, partial)
	if err != nil {
		return err
	}
	if err := moveIn(dir, partial); err != nil {
		return err
	}
	result := restored{dir, archive.CreatedAt, foundIn(report)}
	return l.Done(result, "%s is as it was at %s; %v", dir, archive.CreatedAt.Format(time.RFC3339), result.found)
}

func openBackup(l cli.Local) (io.ReadCloser, error) {
	if l.Args[0] == "-" {
		return io.NopCloser(l.Input()), nil
	}
	return os.Open(l.Args[0])
}

// makeEmpty makes the folder, or accepts one that is empty.
func makeEmpty(dir string) (made bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, os.MkdirAll(dir, 0o700)
	case err != nil:
		return false, err
	case len(entries) > 0:
		return false, fmt.Errorf("%s is not empty, it has %s: name a new folder, or move what is there away", dir, entries[0].Name())
	}
	return false, nil
}

// undo leaves the folder as it was.
func undo(dir, partial string, made bool) error {
	err := os.RemoveAll(partial)
	if made {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}

// A reading ends when the context does.
type reading struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing was restored")
	}
	return err
}

// unpack unpacks a backup into a new folder, durably. Nothing in it can lead out
// of that.
func unpack(dir string, from io.Reader) (cli.Archive, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return cli.Archive{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return cli.Archive{}, err
	}
	defer root.Close()
	archive, err := cli.ReadArchive(from, func(name string, content io.Reader) error { return place(root, name, content) })
	if err != nil {
		return cli.Archive{}, err
	}
	return archive, filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return durable.SyncFolder(name)
	})
}

func place(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, durable.SyncAndClose(file, nil))
}

// checkAndRenew reads everything once, and gives the streams new epochs.
func checkAndRenew(l cli.Local, store string) (integrity.Report, error) {
	options := pebble.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		OnFatal: func(error) { // the log says it
			os.RemoveAll(store)
			os.Exit(cli.ExitFailed)
		},
	}
	report, err := pebble.Check(store, options, tenths(l))
	for _, p := range report.Problems {
		err = errors.Join(err, errors.New(p.String()))
	}
	if err == nil {
		err = pebble.Renew(store, options)
	}
	if err != nil {
		return report, fmt.Errorf("the backup cannot be used:\n%w", err)
	}
	return report, nil
}

// moveIn gives the store its name.
func moveIn(dir, partial string) error {
	return errors.Join(
		durable.Rename(partial, filepath.Join(dir, app.StoreFolder)),
		durable.SyncFolder(filepath.Dir(filepath.Clean(dir))),
	)
}
