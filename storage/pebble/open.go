package pebble

import (
	"crypto/rand"
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

	// MinFree is how many bytes of the disk must be free for anything to be
	// appended to logs. Below it they can still be read, trimmed and deleted,
	// and records written. It must leave room for what comes within a second,
	// and for the engine's own work on its files. Default: 0, no bound; then a
	// full disk ends the engine.
	MinFree int64

	// AppendKeys is how many keys of appends are remembered at the most, in
	// all logs together, each with some 150 bytes of memory. An append with a
	// key that is one too many is refused. Default: 1,000,000.
	AppendKeys int

	memTable uint64 // bytes; tests use less, so that files come soon
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
	if o.memTable == 0 {
		o.memTable = 32 << 20
	}
	if o.AppendKeys == 0 {
		o.AppendKeys = 1_000_000
	}
}

// Open opens the data folder, which it creates, for this user alone, if it is
// not there. The folder belongs to the engine until Close. Errors that can be
// told apart are ErrInUse, ErrDamaged and ErrNewer.
//
// It reads every record once, and the ends of every log. What is found damaged
// is left as it is.
func Open(dir string, opts Options) (*Engine, error) {
	return open(dir, opts, false)
}

// Renew makes a folder that was restored from a backup one of its own: the
// epochs of all logs change, since what was appended after the backup is gone
// and its numbers will be used again. The folder must not be open.
func Renew(dir string, opts Options) error {
	e, err := open(dir, opts, true)
	if err != nil {
		return err
	}
	return e.Close()
}

func open(dir string, opts Options, renew bool) (*Engine, error) {
	dir, err := opts.complete(dir)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(opts.FS, dir); err != nil {
		return nil, fmt.Errorf("make data folder %q: %w", dir, err)
	}
	f, err := lockedFolder(dir, opts)
	if err != nil {
		return nil, err
	}
	f.renew = renew
	e, err := f.open()
	if err != nil {
		return nil, errors.Join(err, f.lock.Close())
	}
	return e, nil
}

// complete sets the defaults and returns how the folder is called from then on.
func (o *Options) complete(dir string) (string, error) {
	if o.FS == nil {
		abs, err := filepath.Abs(dir) // a process knows its locks by their names
		if err != nil {
			return "", fmt.Errorf("open data folder %q: %w", dir, err)
		}
		dir = abs
	}
	o.setDefaults()
	return dir, nil
}

// A folder is a locked data folder that is being opened.
type folder struct {
	dir   string
	opts  Options
	files vfs.FS
	lock  *pebble.Lock
	guard *guard
	renew bool // begin a new incarnation
}

func lockedFolder(dir string, opts Options) (*folder, error) {
	lock, err := lockFolder(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, opts: opts, files: opts.FS, lock: lock, guard: newGuard(opts.Logger, opts.OnFatal)}, nil
}

func (f *folder) open() (*Engine, error) {
	version, err := readFormat(f.files, f.dir)
	if err != nil {
		return nil, err
	}
	w, err := openWitness(f.files, f.dir)
	if err != nil {
		return nil, openError(f.dir, err)
	}
	e, err := f.openEngine(version, w)
	if err != nil {
		return nil, errors.Join(err, w.marker.Close())
	}
	return e, nil
}

func (f *folder) openEngine(version int, w *witness) (*Engine, error) {
	isNew := version == 0
	if _, err := f.verify(isNew, w); err != nil {
		return nil, err
	}
	db, err := f.openDatabase(&pebble.Options{ErrorIfNotExists: !isNew, EventListener: f.guard.events()})
	if err != nil {
		return nil, openError(f.dir, err)
	}
	e, err := f.load(db, version, w)
	if err != nil {
		return nil, errors.Join(openError(f.dir, err), db.Close())
	}
	e.start()
	return e, nil
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
	options.FS = guardedFS{f.files, f.dir, f.guard}
	options.Lock = f.lock
	options.Logger = f.guard
	// Messages come faster than records, and what has to be written again and
	// again to be kept in order is less if it is sorted in large pieces.
	options.MemTableSize = f.opts.memTable
	options.MemTableStopWritesThreshold = 4
	options.CacheSize = 32 << 20
	options.WithFSDefaults() // watches for slow disks
	return pebble.Open(f.dir, options)
}

// load makes an engine of what is stored, and completes the folder.
func (f *folder) load(db *pebble.DB, version int, w *witness) (*Engine, error) {
	s, err := readState(db)
	if err != nil {
		return nil, err
	}
	if removed := version == formatVersion && !w.exists; removed || f.renew {
		if err := renew(db, &s, w); err != nil {
			return nil, err
		}
	}
	if err := f.complete(version, s, w); err != nil {
		return nil, err
	}
	e := f.engine(db, s, w)
	return e, e.loadLogs()
}

// renew begins a new incarnation.
func renew(db *pebble.DB, s *state, w *witness) error {
	_, _ = rand.Read(s.incarnation[:]) // never fails
	s.revision++
	if err := db.Set(stateKey, encodeState(*s), pebble.Sync); err != nil {
		return err
	}
	return w.move(s.revision)
}

// complete writes what marks the folder as one that is complete, the format
// last.
func (f *folder) complete(version int, s state, w *witness) error {
	if !w.exists {
		if err := w.move(s.revision); err != nil {
			return err
		}
	}
	if version < formatVersion {
		if err := writeFormat(f.files, f.dir); err != nil {
			return err
		}
	}
	return w.marker.RemoveObsolete()
}

func (f *folder) engine(db *pebble.DB, s state, w *witness) *Engine {
	e := &Engine{
		dir:         f.dir,
		files:       f.files,
		db:          db,
		lock:        f.lock,
		guard:       f.guard,
		space:       &space{files: f.files, dir: f.dir, least: f.opts.MinFree, log: f.opts.Logger},
		incarnation: s.incarnation,
		queue:       newQueue(),
		answers:     make(chan []change, maxUnanswered),
		stopped:     make(chan struct{}),
		state:       s,
		witness:     w,
		touched:     make(map[string]uint64),
		keys:        newRemembered(f.opts.AppendKeys),
		listings:    make(map[*listing]struct{}),
		logs:        make(map[string]*log),
		memTable:    f.opts.memTable,
	}
	e.close = sync.OnceValue(e.release)
	return e
}

func (e *Engine) start() {
	e.durable = e.db.NewSnapshot()
	e.guard.started.Store(true)
	go e.commitUntilStopped()
	go e.answerUntilStopped()
}
