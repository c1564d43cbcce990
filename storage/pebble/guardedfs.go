package pebble

import (
	"fmt"
	"os"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A guardedFS stands between Pebble and the disk for three reasons.
//
// It tells the guard what goes wrong with the log of the database, before Pebble knows it.
// Where Pebble changes to the next log, which is where a full disk is likely to
// stop it, it panics with a lock in a state in which nothing can recover from
// that or say why.
//
// It keeps three changes of a folder in their order: a new MANIFEST file, the
// marker that names it, and the removal of the marker before. Pebble syncs the
// folder only after the last one. Common file systems keep the order even so,
// but none has promised it, and any other order loses the whole database.
//
// It makes folders, those of checkpoints, for this user alone.
type guardedFS struct {
	vfs.FS
	dir   string
	guard *guard
}

// Unwrap implements vfs.FS.
func (f guardedFS) Unwrap() vfs.FS { return f.FS }

// MkdirAll implements vfs.FS.
func (f guardedFS) MkdirAll(dir string, perm os.FileMode) error {
	return f.FS.MkdirAll(dir, perm&0o700)
}

// Create implements vfs.FS.
func (f guardedFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.settleMarker(name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	return f.guarded(name, file, err)
}

// Remove implements vfs.FS.
func (f guardedFS) Remove(name string) error {
	if err := f.settleMarker(name); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

// settleMarker makes durable what has changed in the folder so far, if a
// marker is the next to change.
func (f guardedFS) settleMarker(name string) error {
	if !strings.HasPrefix(f.PathBase(name), "marker.") {
		return nil
	}
	return syncFolder(f.FS, f.PathDir(name))
}

// ReuseForWrite implements vfs.FS. It makes a new file all the same: in one
// that is reused, what was there before stands behind the end of what is
// written, and a copy that a checkpoint makes meanwhile may have both.
func (f guardedFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.FS.Remove(oldname); err != nil {
		return f.guarded(newname, nil, err)
	}
	file, err := f.FS.Create(newname, category)
	return f.guarded(newname, file, err)
}

func (f guardedFS) guarded(name string, file vfs.File, err error) (vfs.File, error) {
	inside := f.PathDir(name) == f.PathDir(f.PathJoin(f.dir, "file"))
	if !inside || !strings.HasSuffix(name, ".log") {
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
	guard *guard
}

// checked leaves errors before the engine has started to the caller of Open.
func (f logFile) checked(operation string, err error) error {
	if err != nil && f.guard.started.Load() {
		f.guard.fail(fmt.Errorf("storage: %s %s: %w", operation, f.name, err))
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
