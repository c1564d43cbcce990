package pebble

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

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
	// accepted. Below it, logs can still be read, trimmed and deleted, and
	// records be written. It must leave room for what is appended within a
	// second, and for the engine's own work on its files. 0 means no limit;
	// then a full disk ends the engine.
	MinFree int64

	// AppendKeys limits how many keys of appends are remembered at a time, in
	// all logs together, at some 150 bytes of memory each. An append with
	// another key is refused. 0 means no limit.
	AppendKeys int

	// OpenFiles is how many files the engine keeps open to read from, at most. It
	// opens some more for a short time. 0 means 1,000.
	OpenFiles int

	memTable uint64 // bytes; 0 means memTableSize
}

// memTableSize holds many batches, so that few flushes are needed. Tests use
// less, so that tables are written soon.
const memTableSize = 32 << 20

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
	if o.memTable == 0 {
		o.memTable = memTableSize
	}
	return dir, nil
}
