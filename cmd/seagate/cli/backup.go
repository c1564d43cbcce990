package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"seagate/cmd/seagate/terminal"
	"seagate/internal/durable"
)

func backupCommand() *cobra.Command {
	var encrypted encryption
	cmd := gatewayCommand("backup FILE", "Back up everything that a gateway keeps (root jail)", cobra.ExactArgs(1),
		func(ctx context.Context, t *task) error {
			to, err := encrypted.parse()
			if err != nil {
				return err
			}
			if t.Args[0] == "-" {
				return backupToOutput(ctx, t, to)
			}
			return backupToFile(ctx, t, t.Args[0], to)
		})
	encrypted.register(cmd)
	cmd.Long = `Back up everything that a gateway keeps, as it is at one moment, while the gateway
runs: all jails, clients, streams with their messages, and groups. The file is a
tar that only this user can read. It is checked while it is written, and gets its
name once it is complete. FILE.sha256 has its digest, and ` + "`seagate restore`" + ` checks it.

With recipients the file is encrypted with age (age-encryption.org): only who has
one of their identities can read it. Nothing unencrypted is written to the disk.

` + "`seagate restore`" + ` creates a data folder from it.`
	cmd.Example = `  seagate backup /var/backups/seagate.tar
  seagate backup - | zstd > seagate.tar.zst
  seagate backup seagate.tar.age --recipients-file operators.txt`
	return cmd
}

// saved is the result of a backup.
type saved struct {
	File      string `json:"file,omitzero"`
	Encrypted bool   `json:"encrypted,omitzero"`
	Archive
}

func (s saved) String() string {
	text := fmt.Sprintf("%d files, %s", s.Files, Bytes(s.Bytes))
	if s.Encrypted {
		text += ", encrypted"
	}
	return text
}

func backupToOutput(ctx context.Context, t *task, to recipients) error {
	if t.terminal {
		return usagef("a backup is not for a terminal: give the name of a file")
	}
	archive, err := download(ctx, t, t.out, to)
	if err != nil {
		return err
	}
	s := saved{"", len(to) > 0, archive}
	if t.JSON { // standard output has the backup
		return writeJSON(t.notes, s)
	}
	t.Note("the backup is complete: %v", s)
	return nil
}

// partial is the suffix of the name of a backup that is not complete.
const partial = ".partial"

// backupToFile writes to another file and renames it, so that a file with the name
// is always a complete backup.
func backupToFile(ctx context.Context, t *task, name string, to recipients) (err error) {
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
	sum := sha256.New()
	archive, err := download(ctx, t, io.MultiWriter(file, sum), to)
	if err := errors.Join(err, durable.SyncAndClose(file, nil)); err != nil {
		return err
	}
	if err := mustBeFree(name); err != nil { // somebody else may have created it
		return err
	}
	if err := writeDigest(name, sum.Sum(nil)); err != nil {
		return err
	}
	if err := durable.Rename(name+partial, name); err != nil {
		return err
	}
	s := saved{name, len(to) > 0, archive}
	return t.Done(s, "%s is complete: %v", name, s)
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

// A shownWriter shows how much was written to it.
type shownWriter struct {
	progress *terminal.Progress
	written  int64
}

// Write implements io.Writer.
func (s *shownWriter) Write(p []byte) (int, error) {
	s.written += int64(len(p))
	s.progress.Show(s.written, 0, "")
	return len(p), nil
}

// download writes a backup to w, encrypted if there are recipients, and checks it while it arrives.
func download(ctx context.Context, t *task, w io.Writer, to recipients) (Archive, error) {
	encrypted, err := encrypting(w, to)
	if err != nil {
		return Archive{}, err
	}
	archive, err := downloadPlain(ctx, t, encrypted)
	if err == nil {
		err = encrypted.Close() // without its end, what was written cannot be read
	}
	return archive, err
}

func downloadPlain(ctx context.Context, t *task, w io.Writer) (Archive, error) {
	out, in := io.Pipe()
	var archive Archive
	checked := make(chan error, 1)
	go func() {
		var err error
		archive, err = ReadArchive(out, func(string, io.Reader) error { return nil })
		if err == nil {
			_, err = io.Copy(io.Discard, out) // a tar has padding after its end
		}
		out.CloseWithError(err) // ends the download
		checked <- err
	}()
	progress := t.Progress("backup", Bytes)
	defer progress.Done()
	err := t.Backup(ctx, io.MultiWriter(w, in, &shownWriter{progress: progress}))
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
