package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/app"
	"seagate/cmd/seagate/cli"
	"seagate/cmd/seagate/terminal"
	"seagate/internal/durable"
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
)

func restoreCommand() *cobra.Command {
	var decryption cli.Decryption
	cmd := onData("restore FILE", "Create a data folder from a backup", cobra.ExactArgs(1),
		func(ctx context.Context, c *cli.Console, dir string) error { return restore(ctx, c, dir, decryption) })
	decryption.Register(cmd)
	cmd.Long = `Create a data folder from a file of ` + "`seagate backup`" + `, and check it. The folder must
be empty or not exist. If something is wrong, the folder stays like that.

The restored streams get new epochs, because messages that were published after
the backup are missing. So clients that kept a position notice.

An encrypted backup needs a file with an identity of age that opens it. A secret is
never an argument, which others on the machine can read.`
	cmd.Example = `  seagate restore seagate.tar --data /var/lib/seagate
  zstd -dc seagate.tar.zst | seagate restore - --data /var/lib/seagate
  seagate restore seagate.tar.age --identity-file key.txt --data /var/lib/seagate`
	cmd.GroupID = "server"
	return cmd
}

// restored is the result of "seagate restore".
type restored struct {
	Data      string    `json:"data"`
	CreatedAt time.Time `json:"createdAt"` // of the backup
	found
}

// restore unpacks and checks the backup next to the place where the gateway looks
// for its store, and moves it there if all of it is right.
func restore(ctx context.Context, c *cli.Console, dir string, decryption cli.Decryption) (err error) {
	from, err := openBackup(c)
	if err != nil {
		return err
	}
	defer from.Close()
	sum := sha256.New()
	progress := c.Progress("restore", cli.Bytes)
	defer progress.Done()
	source := io.TeeReader(&reading{ctx: ctx, r: from, total: sizeOf(from), progress: progress}, sum)
	content, err := decryption.Reader(source)
	if err != nil {
		return interruptedOr(ctx, err)
	}
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
	archive, err := unpack(partial, content)
	if err == nil {
		err = readOut(content, source) // a tar has padding after its end
	}
	if err == nil {
		err = compareDigest(c.Args[0], sum.Sum(nil))
	}
	if err != nil {
		return interruptedOr(ctx, err)
	}
	progress.Done()
	report, err := checkAndRenew(c, partial)
	if err != nil {
		return err
	}
	noted := map[string]any{"createdAt": archive.CreatedAt.UTC(), "sha256": hex.EncodeToString(sum.Sum(nil))}
	if err := app.AuditLater(dir, "backup restored", filepath.Base(c.Args[0]), nil, noted); err != nil {
		return err
	}
	if err := giveToOwner(dir); err != nil {
		return err
	}
	if err := moveIn(dir, partial); err != nil {
		return err
	}
	result := restored{dir, archive.CreatedAt, foundIn(report)}
	return c.Done(result, "%s is restored to its state at %s; %v", dir, archive.CreatedAt.Format(time.RFC3339), result.found)
}

// readOut reads the contents of a backup, and then the backup, to their ends.
func readOut(content, backup io.Reader) error {
	if _, err := io.Copy(io.Discard, content); err != nil {
		return fmt.Errorf("the backup is damaged: its end cannot be read: %w", err)
	}
	_, err := io.Copy(io.Discard, backup)
	return err
}

// compareDigest returns an error if there is a digest beside the backup, and it is that of
// another file.
func compareDigest(backup string, sum []byte) error {
	if backup == "-" {
		return nil
	}
	want, err := cli.ReadDigest(backup)
	if err != nil || want == nil || bytes.Equal(sum, want) {
		return err
	}
	return fmt.Errorf("%s is not the file that was written: its SHA-256 is %x, and %s has %x", backup, sum, backup+cli.DigestSuffix, want)
}

func openBackup(c *cli.Console) (io.ReadCloser, error) {
	if c.Args[0] == "-" {
		return io.NopCloser(c.In), nil
	}
	return cli.OpenFile(c.Args[0])
}

// makeEmpty creates the folder, or accepts an empty one.
func makeEmpty(dir string) (made bool, err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, durable.MkdirAll(durable.Disk{}, dir)
	case err != nil:
		return false, err
	case len(entries) > 0:
		return false, fmt.Errorf("%s is not empty, it has %s: name a new folder, or move its contents away", dir, entries[0].Name())
	}
	return false, nil
}

// undo restores the folder as it was before.
func undo(dir, partial string, made bool) error {
	err := os.RemoveAll(partial)
	if gone := os.Remove(filepath.Join(dir, app.AuditLaterFile)); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if made {
		err = errors.Join(err, os.Remove(dir))
	}
	return err
}

// A reading is a reader that ends with its context, and shows how far it is.
type reading struct {
	ctx         context.Context
	r           io.Reader
	read, total int64 // total is 0 if nobody knows
	progress    *terminal.Progress
}

// Read implements io.Reader.
func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	r.read += int64(n)
	r.progress.Show(r.read, r.total, "")
	return n, err
}

// sizeOf returns the size of a file, or 0 for a reader that is not a file.
func sizeOf(r io.Reader) int64 {
	if file, ok := r.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted; nothing was restored")
	}
	return err
}

// unpack durably unpacks a backup into a new folder. No file of the backup can get
// outside of the folder.
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

// checkAndRenew checks the store and gives the streams new epochs.
func checkAndRenew(c *cli.Console, store string) (integrity.Report, error) {
	options := pebble.Options{
		Logger: c.Warnings(),
		OnFatal: func(error) { // the log has the error
			os.RemoveAll(store)
			os.Exit(cli.ExitFailed)
		},
	}
	progress := c.Progress("check of what was restored", cli.Bytes)
	report, err := pebble.Check(store, options, shownOn(progress))
	progress.Done()
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

// moveIn renames the store to the name that the gateway looks for.
func moveIn(dir, partial string) error {
	return errors.Join(
		durable.Rename(partial, filepath.Join(dir, app.StoreFolder)),
		durable.SyncFolder(filepath.Dir(filepath.Clean(dir))),
	)
}
