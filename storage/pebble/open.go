package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of an engine. The zero value is good for use.
type Options struct {
	// Logger takes what an operator should know, and at debug level what
	// Pebble says about its work. Default: slog.Default().
	Logger *slog.Logger

	// FS holds the folder. Default: the disk.
	FS vfs.FS

	// OnFatal is called once, after the reason has been logged, when the
	// engine cannot go on. It must not wait for anything of the engine's. If
	// it returns, every later call fails with the same reason, the folder
	// stays locked until the process ends, and an Open during which it was
	// called does not return. Default: exit with status 1.
	OnFatal func(error)
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.OnFatal == nil {
		o.OnFatal = exit
	}
}

// Open opens the data folder, which it creates, for this user alone, if it is
// not there. The folder belongs to the engine until Close. Errors that can be
// told apart are ErrInUse, ErrDamaged and ErrNewer.
//
// It reads every record once. What is found damaged is left as it is.
func Open(dir string, opts Options) (*Engine, error) {
	if opts.FS == nil {
		abs, err := filepath.Abs(dir) // a process knows its locks by their names
		if err != nil {
			return nil, fmt.Errorf("open data folder %q: %w", dir, err)
		}
		dir = abs
	}
	opts.setDefaults()
	if err := makeFolder(opts.FS, dir); err != nil {
		return nil, fmt.Errorf("make data folder %q: %w", dir, err)
	}
	lock, err := lockFolder(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	f := &folder{dir: dir, files: opts.FS, lock: lock, guard: newGuard(opts.Logger, opts.OnFatal)}
	e, err := f.open()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

// A folder is a locked data folder that is being opened.
type folder struct {
	dir   string
	files vfs.FS
	lock  *pebble.Lock
	guard *guard
}

func (f *folder) open() (*Engine, error) {
	isNew, err := readFormat(f.files, f.dir)
	if err != nil {
		return nil, err
	}
	w, err := openWitness(f.files, f.dir)
	if err != nil {
		return nil, openError(f.dir, err)
	}
	e, err := f.openEngine(isNew, w)
	if err != nil {
		return nil, errors.Join(err, w.marker.Close())
	}
	return e, nil
}

func (f *folder) openEngine(isNew bool, w *witness) (*Engine, error) {
	if err := f.verify(isNew, w); err != nil {
		return nil, err
	}
	db, err := f.openDatabase(&pebble.Options{ErrorIfNotExists: !isNew, EventListener: f.guard.events()})
	if err != nil {
		return nil, openError(f.dir, err)
	}
	s, err := readState(db)
	if err == nil && isNew {
		err = writeFormat(f.files, f.dir)
	}
	if err == nil {
		err = w.marker.RemoveObsolete()
	}
	if err != nil {
		return nil, errors.Join(openError(f.dir, err), db.Close())
	}
	return f.start(db, s, w), nil
}

// openDatabase turns the panics with which Pebble meets some kinds of damage
// into errors.
func (f *folder) openDatabase(options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", pebble.ErrCorruption, r)
		}
	}()
	// The default is the oldest. It cannot tell a log that lost its tail in a
	// crash from one with damage in the middle.
	options.FormatMajorVersion = pebble.FormatNewest
	options.FS = guardedFS{f.files, f.guard}
	options.Lock = f.lock
	options.Logger = f.guard
	options.WithFSDefaults() // watches for slow disks
	return pebble.Open(f.dir, options)
}

func (f *folder) start(db *pebble.DB, s state, w *witness) *Engine {
	e := &Engine{
		dir:      f.dir,
		db:       db,
		lock:     f.lock,
		guard:    f.guard,
		writes:   make(chan *write, maxGroup),
		stopped:  make(chan struct{}),
		state:    s,
		witness:  w,
		touched:  make(map[string]uint64),
		durable:  db.NewSnapshot(),
		listings: make(map[*listing]struct{}),
	}
	e.close = sync.OnceValue(e.release)
	f.guard.started.Store(true)
	go e.commitUntilStopped()
	return e
}
