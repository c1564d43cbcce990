package pebble

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/internal/durable"
	"seagate/storage/internal/dedup"
	"seagate/storage/pebble/integrity"
	"seagate/storage/pebble/internal/failstop"
	"seagate/storage/pebble/internal/format"
	"seagate/storage/pebble/internal/reserve"
)

var (
	// ErrInUse reports that another engine, most likely of another process, has
	// the folder open.
	ErrInUse = errors.New("data folder is in use by another process")
	// ErrDamaged reports that the folder does not hold what was written to it.
	ErrDamaged = integrity.ErrDamaged
	// ErrNewer reports that a newer release wrote the folder.
	ErrNewer = integrity.ErrNewer
)

// Open opens the data folder. If it does not exist, Open creates it, for this
// user alone. The folder belongs to the engine until Close. The errors that can
// be told apart are ErrInUse, ErrDamaged and ErrNewer.
//
// Open reads every record, and both ends of every log; see package integrity. A
// folder that is damaged stays as it is.
func Open(dir string, opts Options) (*Engine, error) {
	return open(dir, opts, false)
}

// Renew prepares a folder that was restored from a backup: the epochs of all
// logs change, because what was appended after the backup is gone and its
// numbers will be used again. The folder must not be open.
func Renew(dir string, opts Options) error {
	e, err := open(dir, opts, true)
	if err != nil {
		return err
	}
	return e.Close()
}

// Check reads everything in a data folder, which must not be open, and changes
// nothing but its lock file. What is damaged is in the report. An error says why
// the folder could not be read: ErrInUse, ErrNewer, or an error of the system.
// progress, if it is not nil, is called now and then with the number of bytes
// read, and about how many there are.
func Check(dir string, opts Options, progress func(done, total int64)) (integrity.Report, error) {
	dir, err := opts.complete(dir)
	if err != nil {
		return integrity.Report{}, err
	}
	if _, err := opts.FS.Stat(dir); err != nil {
		return integrity.Report{}, fmt.Errorf("check data folder %q: %w", dir, err)
	}
	o, err := lockFolder(dir, opts)
	if err != nil {
		return integrity.Report{}, err
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	report, err := o.Folder.Check(progress)
	return report, errors.Join(err, o.Lock.Close())
}

func open(dir string, opts Options, renew bool) (*Engine, error) {
	dir, err := opts.complete(dir)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(opts.FS, dir); err != nil {
		return nil, fmt.Errorf("make data folder %q: %w", dir, err)
	}
	o, err := lockFolder(dir, opts)
	if err != nil {
		return nil, err
	}
	o.keepReserve()
	e, err := o.open(renew)
	if err != nil {
		return nil, errors.Join(err, o.Lock.Close())
	}
	return e, nil
}

// An opening is a locked data folder on its way to become an Engine.
type opening struct {
	integrity.Folder
	opts    Options
	guard   *failstop.Guard
	reserve *reserve.Reserve // nil without Options.MinFree
}

// keepReserve makes everything be written through the reserve, if Options.MinFree asks for one.
func (o *opening) keepReserve() {
	if o.opts.MinFree <= 0 {
		return
	}
	o.reserve = reserve.New(o.FS, o.Dir, reserveFor(o.opts.memTable), o.opts.Logger, o.guard.Stopping())
	o.FS = o.reserve.FS()
}

func lockFolder(dir string, opts Options) (*opening, error) {
	lock, err := pebble.LockDirectory(dir, opts.FS)
	var pathError *fs.PathError // the lock file cannot be made, so nobody holds it
	switch {
	case errors.As(err, &pathError):
		return nil, fmt.Errorf("lock data folder %q: %w", dir, err)
	case err != nil:
		return nil, integrity.NewError(ErrInUse, fmt.Sprintf(
			"data folder %q is in use by another process: stop that process or name another folder", dir), err)
	}
	if opts.memTable == 0 {
		opts.memTable = memTableFor(opts.FS, dir)
	}
	guard := failstop.New(opts.Logger, opts.OnFatal)
	folder := integrity.Folder{Dir: dir, FS: opts.FS, Lock: lock, Logger: guard, MemTableSize: opts.memTable}
	return &opening{Folder: folder, opts: opts, guard: guard}, nil
}

func (o *opening) open(renew bool) (*Engine, error) {
	version, err := o.Version()
	if err != nil {
		return nil, err
	}
	m, err := o.OpenMarker()
	if err != nil {
		return nil, err
	}
	e, err := o.openVerified(version, m, renew)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return e, nil
}

// openVerified opens the database for writing once it is verified.
func (o *opening) openVerified(version int, m *integrity.DurableMarker, renew bool) (*Engine, error) {
	isNew := version == 0
	contents, err := o.Verify(isNew, m)
	if err != nil {
		return nil, err
	}
	damaged := o.DamagedOptions()
	db, err := o.OpenDatabase(&pebble.Options{
		FS:               o.guard.FS(o.FS, o.Dir),
		ErrorIfNotExists: !isNew,
		EventListener:    o.guard.Events(),
		MaxOpenFiles:     o.opts.OpenFiles, // 0 means 1,000 to Pebble too
	})
	if err != nil {
		return nil, integrity.Explain("open", o.Dir, err)
	}
	o.removeOptions(damaged)
	e, err := o.load(db, contents, version, m, renew)
	if err != nil {
		return nil, errors.Join(integrity.Explain("open", o.Dir, err), db.Close())
	}
	e.start()
	return e, nil
}

// removeOptions removes the files that the opening of the database has replaced.
func (o *opening) removeOptions(damaged []string) {
	for _, name := range damaged {
		err := o.FS.Remove(o.FS.PathJoin(o.Dir, name))
		o.opts.Logger.Warn("storage replaced a damaged file; nothing is lost, but look at the disk", "file", name, "error", err)
	}
}

// load makes an engine of what is stored, and completes the folder.
func (o *opening) load(db *pebble.DB, c integrity.Contents, version int, m *integrity.DurableMarker, renew bool) (*Engine, error) {
	if removed := version == format.Version && !m.Exists(); removed || renew {
		if err := newIncarnation(db, &c.State, m); err != nil {
			return nil, err
		}
	}
	if err := o.Complete(version, c.State, m); err != nil {
		return nil, err
	}
	e := o.engine(db, c.State, m)
	byNumber := make(map[uint64]*log, len(c.Logs))
	for _, stored := range c.Logs {
		l := newLog(e, stored.Name, stored.Head)
		l.hash = stored.Hash
		e.logs[l.name] = l
		byNumber[stored.Number] = l
	}
	return e, e.loadAppendKeys(byNumber)
}

func newIncarnation(db *pebble.DB, s *format.State, m *integrity.DurableMarker) error {
	_, _ = rand.Read(s.Incarnation[:]) // never fails
	s.Revision++
	if err := db.Set(format.StateKey(), s.Encode(), pebble.Sync); err != nil {
		return err
	}
	return m.Move(s.Revision)
}

func (e *Engine) loadAppendKeys(logs map[uint64]*log) error {
	now := time.Now().UnixNano()
	return integrity.EachAppend(e.db, func(number uint64, entry dedup.Entry) (found bool) {
		l, found := logs[number]
		if found {
			e.dedup.Load(l, entry, format.Time(max(now, l.staged.LastTime)))
		}
		return found
	})
}

func (o *opening) engine(db *pebble.DB, s format.State, m *integrity.DurableMarker) *Engine {
	e := &Engine{
		dir:         o.Dir,
		opts:        o.opts,
		db:          db,
		lock:        o.Lock,
		guard:       o.guard,
		space:       o.freeSpace(),
		incarnation: s.Incarnation,
		queue:       newQueue(o.opts.TenantQueue),
		finished:    make(chan []operation, maxFinished),
		notified:    make(chan struct{}),
		state:       s,
		marker:      m,
		records:     make(map[string]uint64),
		dedup:       dedup.NewTable(o.opts.AppendKeys, func(l *log, n int) { l.keys.Store(int64(n)) }),
		listings:    make(map[*listing]struct{}),
		logs:        make(map[string]*log),
	}
	e.space.returning = e.returning
	e.close = sync.OnceValue(e.release)
	return e
}

func (o *opening) freeSpace() *freeSpace {
	return &freeSpace{
		fs:      o.FS,
		dir:     o.Dir,
		minFree: o.opts.MinFree,
		least:   min(o.opts.MinFree/2, needs(o.opts.memTable)),
		log:     o.opts.Logger,
		reserve: o.reserve,
		news:    make(chan struct{}, 1),
	}
}

func (e *Engine) start() {
	e.durable = e.db.NewSnapshot()
	e.guard.Start()
	go e.runCommitter()
	go e.runNotifier()
}
