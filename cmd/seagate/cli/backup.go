package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"seagate/internal/durable"
)

func backupCommand() *cobra.Command {
	cmd := newCommand("backup FILE", "Save everything that a gateway keeps, as a client of the root jail", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			if t.args[0] == "-" {
				return backupToOutput(ctx, t)
			}
			return backupToFile(ctx, t, t.args[0])
		})
	cmd.Long = `Save everything that a gateway keeps, as it is at one moment, while the gateway
goes on: all jails, clients, streams with their messages, and groups. The file is
a tar, for this user's eyes alone. It is checked while it is written, and has its
name only once it is complete.

` + "`seagate restore`" + ` makes a data folder of it.`
	cmd.Example = `  seagate backup /var/backups/seagate.tar
  seagate backup - | zstd > seagate.tar.zst`
	return cmd
}

// saved is the result of a backup.
type saved struct {
	File string `json:"file,omitzero"`
	Archive
}

func (s saved) String() string {
	return fmt.Sprintf("%d files, %d bytes", s.Files, s.Bytes)
}

func backupToOutput(ctx context.Context, t *task) error {
	if t.terminal {
		return usagef("a backup is not for a terminal: give the name of a file")
	}
	archive, err := download(ctx, t, t.out)
	if err != nil {
		return err
	}
	s := saved{"", archive}
	if t.json { // standard output is taken
		return writeJSON(t.notes, isTerminal(t.notes), s)
	}
	t.note("the backup is complete: %v", s)
	return nil
}

// partial ends the name of a backup that is not complete.
const partial = ".partial"

// backupToFile writes beside the file and renames that, so that the file is
// never anything but a backup.
func backupToFile(ctx context.Context, t *task, name string) (err error) {
	if err := mustBeFree(name); err != nil {
		return err
	}
	file, err := os.OpenFile(name+partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: another backup is being made, or one was killed; remove it if nobody writes to it", name+partial)
	case err != nil:
		return err
	}
	defer func() {
		if gone := os.Remove(name + partial); err != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	archive, err := download(ctx, t, file)
	if err := errors.Join(err, durable.SyncAndClose(file, nil)); err != nil {
		return err
	}
	if err := mustBeFree(name); err != nil { // somebody may have made it meanwhile
		return err
	}
	if err := durable.Rename(name+partial, name); err != nil {
		return err
	}
	s := saved{name, archive}
	return t.done(s, "%s is complete: %v", name, s)
}

func mustBeFree(name string) error {
	switch _, err := os.Lstat(name); {
	case err == nil:
		return fmt.Errorf("%s is there already: remove it, or choose another name", name)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// download writes a backup to w, and checks it on the way.
func download(ctx context.Context, t *task, w io.Writer) (Archive, error) {
	out, in := io.Pipe()
	var archive Archive
	checked := make(chan error, 1)
	go func() {
		var err error
		archive, err = ReadArchive(out, func(string, io.Reader) error { return nil })
		if err == nil {
			_, err = io.Copy(io.Discard, out) // a tar is filled up behind its end
		}
		out.CloseWithError(err) // which ends the download
		checked <- err
	}()
	err := t.Backup(ctx, io.MultiWriter(w, in))
	in.CloseWithError(err)
	wrong := <-checked
	switch {
	case ctx.Err() != nil:
		return archive, errors.New("interrupted; there is no backup")
	case err != nil:
		return archive, err
	}
	return archive, wrong
}
