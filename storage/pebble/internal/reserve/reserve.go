// Package reserve keeps an engine writing on a full disk for as long as it takes to make room.
//
// A Reserve is a file that takes room and holds nothing. When a write of the engine meets a full
// disk, the file is removed and the write is made again. So the write-ahead log and flushes go on
// while deletions free space, and a gateway can start although its disk is full. Once there is
// room, the file is made again.
//
// Compactions do not get the reserve, since the log needs it. One that meets a full disk fails,
// is cleaned up and is tried again, no more than once in Pause.
package reserve

import (
	"errors"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fileName is the name of the file in the folder of the engine.
const fileName = "reserve"

// Pause is how long compactions wait after one has met a full disk.
const Pause = time.Second

// A Reserve is safe for concurrent use.
type Reserve struct {
	fs       vfs.FS
	path     string
	size     int64
	log      *slog.Logger
	stopping <-chan struct{}

	mu     sync.Mutex // guards what follows
	held   bool
	failed bool      // the file system cannot reserve
	full   time.Time // when a compaction met a full disk last
}

// New returns the Reserve of a folder. It takes size bytes. Compactions stop waiting when stopping
// is closed.
func New(fs vfs.FS, dir string, size int64, log *slog.Logger, stopping <-chan struct{}) *Reserve {
	r := &Reserve{fs: fs, path: fs.PathJoin(dir, fileName), size: size, log: log, stopping: stopping}
	info, err := fs.Stat(r.path)
	r.held = err == nil && info != nil
	return r
}

// Size returns how many bytes the file takes.
func (r *Reserve) Size() int64 { return r.size }

// Missing returns how many bytes the file would take if it were there.
func (r *Reserve) Missing() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held || r.failed {
		return 0
	}
	return r.size
}

// Release removes the file. It reports whether there was one.
func (r *Reserve) Release() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held {
		return false
	}
	if err := r.fs.Remove(r.path); err != nil {
		r.log.Error("the reserve of the data folder could not be used", "file", r.path, "error", err)
		return false
	}
	r.held = false
	r.log.Error("the disk is full; the reserve of the data folder is used", "file", r.path, "bytes", r.size,
		"advice", "delete jails or streams, or make room on the disk")
	return true
}

// Fill makes the file if it is not there. The caller has checked that there is room. A file system
// that cannot reserve space gets no file.
func (r *Reserve) Fill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held || r.failed {
		return
	}
	file, err := r.fs.Create(r.path, vfs.WriteCategoryUnspecified)
	if err == nil {
		err = errors.Join(file.Preallocate(0, r.size), file.Close())
	}
	if err == nil {
		r.held = true
		return
	}
	r.failed = !errors.Is(err, syscall.ENOSPC)
	_ = r.fs.Remove(r.path) // what is there of it reserves nothing
	r.log.Debug("no reserve could be made", "file", r.path, "error", err)
}

// FS returns the file system that the engine is to write through.
func (r *Reserve) FS() vfs.FS { return reservedFS{r.fs, r} }

type reservedFS struct {
	vfs.FS
	reserve *Reserve
}

// Unwrap implements vfs.FS.
func (f reservedFS) Unwrap() vfs.FS { return f.FS }

// again calls do, and calls it once more if the disk was full and the reserve made room.
func (r *Reserve) again(do func() error) error {
	err := do()
	if errors.Is(err, syscall.ENOSPC) && r.Release() {
		err = do()
	}
	return err
}

// Create implements vfs.FS.
func (f reservedFS) Create(name string, category vfs.DiskWriteCategory) (file vfs.File, err error) {
	if isCompaction(category) {
		f.reserve.awaitRoom()
		file, err = f.FS.Create(name, category)
		f.reserve.note(err)
	} else {
		err = f.reserve.again(func() (err error) {
			file, err = f.FS.Create(name, category)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	return reservedFile{file, f.reserve, isCompaction(category)}, nil
}

// isCompaction reports whether Pebble writes a file for a compaction.
func isCompaction(category vfs.DiskWriteCategory) bool {
	return category == "pebble-compaction" || category == "pebble-blob-file-rewrite"
}

// Rename implements vfs.FS.
func (f reservedFS) Rename(oldname, newname string) error {
	return f.reserve.again(func() error { return f.FS.Rename(oldname, newname) })
}

// Link implements vfs.FS.
func (f reservedFS) Link(oldname, newname string) error {
	return f.reserve.again(func() error { return f.FS.Link(oldname, newname) })
}

// note remembers that a compaction met a full disk.
func (r *Reserve) note(err error) {
	if errors.Is(err, syscall.ENOSPC) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.full = time.Now()
	}
}

// awaitRoom holds up a compaction if one has met a full disk just now.
func (r *Reserve) awaitRoom() {
	r.mu.Lock()
	full := r.full
	r.mu.Unlock()
	if full.IsZero() {
		return
	}
	select {
	case <-time.After(Pause - time.Since(full)):
	case <-r.stopping:
	}
}

// A reservedFile is a file that is written.
type reservedFile struct {
	vfs.File
	reserve    *Reserve
	compaction bool
}

// Write implements vfs.File.
func (f reservedFile) Write(p []byte) (n int, err error) {
	if f.compaction {
		n, err = f.File.Write(p)
		f.reserve.note(err)
		return n, err
	}
	err = f.reserve.again(func() error {
		written, err := f.File.Write(p[n:])
		n += written
		return err
	})
	return n, err
}
