package httpapi

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/auth"
	"seagate/protocol"
)

// GET /backup sends a tar archive of the files of a store. The last file lists
// the others; an archive without it is not complete.
const (
	backupContents = "seagate-backup.json"
	backupFormat   = 1
)

// backupContent is the last file of the archive. The commands that read it
// declare the format again, as other programs do.
type backupContent struct {
	Format    int          `json:"format"`
	CreatedAt time.Time    `json:"createdAt"`
	Files     []backupFile `json:"files"`
}

type backupFile struct {
	Name   string `json:"name"` // with slashes, below the store
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // in hexadecimal digits
}

// backup is GET /backup: an archive of everything at one moment.
func (q *request) backup() (any, error) {
	// Gateway.Backup decides who may make a backup. A client that may not must
	// not block a backup here, or learn that one is being made.
	if q.principal.May(auth.BackUp, "") == nil {
		if !q.backingUp.TryLock() {
			return nil, protocol.Errorf(protocol.CodeRateLimited, "a backup is being made already, and there is one at a time")
		}
		defer q.backingUp.Unlock()
	}
	ctx, stop, err := q.attend()
	if err != nil {
		return nil, err
	}
	defer stop()
	dir := filepath.Join(q.backupDir(), copyPrefix+rand.Text())
	defer q.removeCopy(dir)
	if err := q.gateway.Backup(ctx, q.principal, dir); err != nil {
		return nil, err
	}
	q.sendCopy(ctx, dir)
	return nil, nil
}

// copyPrefix begins the name of a folder that holds a copy.
const copyPrefix = "seagate-backup-"

func (a *api) backupDir() string {
	if a.opts.BackupDir == "" {
		return os.TempDir()
	}
	return a.opts.BackupDir
}

// removeOldCopies removes the copies of a process that ended during a backup. It
// removes nothing from a folder that is not the API's own.
func (a *api) removeOldCopies() {
	if a.opts.BackupDir == "" {
		return
	}
	entries, err := os.ReadDir(a.opts.BackupDir)
	if err != nil {
		a.log.Warn("the folder for backups cannot be read", "error", err)
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() && strings.HasPrefix(name, copyPrefix) {
			a.removeCopy(filepath.Join(a.opts.BackupDir, name))
		}
	}
}

func (a *api) removeCopy(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		a.log.Error("the copy for a backup could not be removed; it takes up room", "folder", dir, "error", err)
	}
}

// sendCopy sends the archive. If it cannot complete the archive, or the credentials of
// the request end, it closes the connection, so that a client never takes a part for the
// whole.
func (q *request) sendCopy(ctx context.Context, dir string) {
	q.w.Header().Set("Content-Type", "application/x-tar")
	q.streaming = true
	if q.r.Method == http.MethodHead {
		return
	}
	to := &stallWriter{ctx: ctx, w: q.w, control: http.NewResponseController(q.w), stall: q.opts.BackupStall}
	// A write that waits for the client to read ends too.
	defer context.AfterFunc(ctx, func() { _ = to.control.SetWriteDeadline(time.Now()) })()
	if err := writeArchive(to, dir, time.Now().UTC()); err != nil {
		q.log.Error("a backup was cut off", "client", q.principal.ClientID, "address", q.r.RemoteAddr, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// A stallWriter fails when the client reads nothing for the stall time, and when the
// context has ended. It replaces the server's deadline for the whole response.
type stallWriter struct {
	ctx     context.Context
	w       io.Writer
	control *http.ResponseController
	stall   time.Duration
}

// Write implements io.Writer.
func (s *stallWriter) Write(b []byte) (int, error) {
	// A writer that does not support deadlines has none to replace.
	if err := s.control.SetWriteDeadline(time.Now().Add(s.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("set a deadline: %w", err)
	}
	if err := s.ctx.Err(); err != nil { // after the deadline, which its end may just have set
		return 0, err
	}
	return s.w.Write(b)
}

// writeArchive writes the files below dir, and then the list of them.
func writeArchive(w io.Writer, dir string, at time.Time) error {
	t := tar.NewWriter(w)
	content := backupContent{Format: backupFormat, CreatedAt: at, Files: []backupFile{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		file, err := addFile(t, path, filepath.ToSlash(name), at)
		content.Files = append(content.Files, file)
		return err
	})
	if err != nil {
		return fmt.Errorf("archive the copy: %w", err)
	}
	text, err := json.Marshal(content)
	if err == nil {
		err = t.WriteHeader(header(backupContents, int64(len(text)), at))
	}
	if err == nil {
		_, err = t.Write(text)
	}
	return errors.Join(err, t.Close())
}

func header(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at}
}

// addFile adds a file to the archive. A file whose size changes meanwhile is an
// error.
func addFile(t *tar.Writer, path, name string, at time.Time) (backupFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return backupFile{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return backupFile{}, err
	}
	if !info.Mode().IsRegular() {
		return backupFile{}, fmt.Errorf("%s is no regular file", name)
	}
	if err := t.WriteHeader(header(name, info.Size(), at)); err != nil {
		return backupFile{}, err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(t, sum), file); err != nil {
		return backupFile{}, err
	}
	return backupFile{name, info.Size(), hex.EncodeToString(sum.Sum(nil))}, nil
}
