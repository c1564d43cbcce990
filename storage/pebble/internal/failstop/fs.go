package failstop

import (
	"fmt"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/internal/durable"
)

// FS returns the file system that Pebble is to write the folder dir through.
// It differs from files in four ways:
//
// It tells the Guard about errors of the write-ahead log before Pebble knows
// them. When Pebble fails to begin the next log, most likely on a full disk, it
// panics with a lock in a state that nothing can recover from or report.
//
// It keeps three changes of the folder in order: a new MANIFEST file, the
// marker that names it, and the removal of the previous marker. Pebble syncs
// the folder only after the last one. Common file systems keep the order, but
// none promises it, and any other order loses the whole database.
//
// It never reuses a log file. What was in the file before stays after the end
// of what is written, and a copy that a checkpoint makes may contain both.
//
// It makes folders, those of checkpoints, for this user alone.
func (g *Guard) FS(files vfs.FS, dir string) vfs.FS { return guardedFS{files, dir, g} }

type guardedFS struct {
	vfs.FS
	dir   string
	guard *Guard
}

// Unwrap implements vfs.FS.
func (f guardedFS) Unwrap() vfs.FS { return f.FS }

// MkdirAll implements vfs.FS.
func (f guardedFS) MkdirAll(dir string, perm os.FileMode) error {
	return f.FS.MkdirAll(dir, perm&0o700)
}

// Create implements vfs.FS.
func (f guardedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.syncBeforeMarker(name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	return f.guarded(name, file, err)
}

// Remove implements vfs.FS.
func (f guardedFS) Remove(name string) error {
	if err := f.syncBeforeMarker(name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// syncBeforeMarker makes durable what has changed in the folder so far, if the
// next change is of a marker.
func (f guardedFS) syncBeforeMarker(name string) error {
	if !strings.HasPrefix(f.PathBase(name), "marker.") {
		return nil
	}
	return durable.SyncAndClose(f.OpenDir(f.PathDir(name)))
}

// ReuseForWrite implements vfs.FS. It creates a new file.
func (f guardedFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.FS.Remove(oldname); err != nil {
		return f.guarded(newname, nil, err)
	}
	file, err := f.FS.Create(newname, category)
	return f.guarded(newname, file, err)
}

// guarded wraps the write-ahead log's files.
func (f guardedFS) guarded(name string, file vfs.File, err error) (vfs.File, error) {
	inFolder := f.PathDir(name) == f.PathDir(f.PathJoin(f.dir, "file"))
	if !inFolder || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	log := logFile{file, name, f.guard}
	if err != nil {
		return nil, log.checked("create", err)
	}
	return log, nil
}

type logFile struct {
	vfs.File
	name  string
	guard *Guard
}

func (f logFile) checked(operation string, err error) error {
	if err != nil && f.guard.started.Load() {
		f.guard.Fail(fmt.Errorf("storage: %s %s: %w", operation, f.name, err))
	}
	return err
}

// Write implements vfs.File.
func (f logFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.checked("write", err)
}

// Sync implements vfs.File.
func (f logFile) Sync() error {
	return f.checked("sync", f.File.Sync())
}

// SyncData implements vfs.File.
func (f logFile) SyncData() error {
	return f.checked("sync", f.File.SyncData())
}
