package pebble

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options configure an engine. The zero value is usable.
type Options struct {
	// Logger takes what an operator should know, and at debug level what
	// Pebble reports about its work. nil means slog.Default().
	Logger *slog.Logger

	// FS holds the folder. nil means the disk.
	FS vfs.FS

	// OnFatal is called once, after the reason was logged, when the engine
	// cannot go on. It must not wait for anything of the engine. If it returns,
	// every later call fails with the same reason, the folder stays locked
	// until the process ends, and an Open that is still opening does not
	// return. nil means to exit with status 1.
	OnFatal func(error)

	// MinFree is how many bytes of the disk must be free for appends to be
	// accepted. What compactions are about to give back counts as free. Below it,
	// logs can still be read, trimmed and deleted, and records can be written.
	// Below half of it, or below Needs if that is less, no record is created, and
	// none of more than 4 KiB grows. It must leave
	// room for the engine's own work on its files: see Needs. 0 means no limit;
	// then a full disk ends the engine. Otherwise the engine keeps a reserve on
	// the disk, with which it goes on for a while when the disk is full: see
	// package reserve.
	MinFree int64

	// AppendKeys limits how many keys of appends are remembered at a time, in
	// all logs together, at some 150 bytes of memory each. An append with
	// another key is refused. 0 means no limit.
	AppendKeys int

	// TenantQueue is how many changes of the logs of one tenant (see
	// storage.Tenant) wait to become durable, at most. Its further writers wait, and
	// those of others do not. 0 means as many as the queue has room for.
	TenantQueue int

	// OpenFiles is how many files the engine keeps open to read from, at most. It
	// opens some more for a short time. 0 means 1,000.
	OpenFiles int

	// Committed is told how long each commit took: the write of a batch and its sync. It is called by
	// the committer, and must not block. nil means that nobody wants to know.
	Committed func(time.Duration)

	memTable uint64 // bytes; 0 means what memTableFor returns
}

// memTableSize holds many batches, so that few flushes are needed. Tests use
// less, so that tables are written soon, and so do small disks: see memTableFor.
const (
	memTableSize    = 32 << 20
	minMemTableSize = 1 << 20
)

// memTableFor returns the size of memtables for a disk. Memtables and the write-ahead log take
// several times as much space as one of them, so on a small disk they are small.
func memTableFor(files vfs.FS, dir string) uint64 {
	usage, err := files.GetDiskUsage(dir)
	if err != nil || usage.TotalBytes == 0 {
		return memTableSize
	}
	return min(max(usage.TotalBytes/64, minMemTableSize), memTableSize)
}

// reserveFor returns the size of the reserve. It has room for the files of the write-ahead log, and
// for the memtables that wait to be flushed, since each of them becomes a table.
func reserveFor(memTable uint64) int64 { return 4 * int64(memTable) }

// Needs returns how many bytes of the disk the engine in a folder needs to be free for flushes,
// compactions and the write-ahead log. A lower Options.MinFree does not keep the disk from
// becoming full. The folder need not exist yet.
func Needs(dir string) int64 {
	dir, err := filepath.Abs(dir)
	for err == nil && dir != filepath.Dir(dir) {
		if _, missing := os.Stat(dir); missing == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return needs(memTableFor(vfs.Default, dir))
}

func needs(memTable uint64) int64 { return 8 * int64(memTable) }

// complete fills in what is not set, and returns the name of the folder to use.
func (o *Options) complete(dir string) (string, error) {
	if o.FS == nil {
		abs, err := filepath.Abs(dir) // locks within a process are told apart by name
		if err != nil {
			return "", fmt.Errorf("open data folder %q: %w", dir, err)
		}
		dir, o.FS = abs, vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.OnFatal == nil {
		o.OnFatal = func(error) { os.Exit(1) }
	}
	return dir, nil
}
