package pebble

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/internal/names"
	"seagate/storage/internal/once"
)

// A log is a storage.Log. It shows what is durable of the head that the
// committer changes.
type log struct {
	engine *Engine
	name   string
	id     string
	epoch  string

	durable atomic.Pointer[head] // changes with Engine.durable, under Engine.mu

	// Owned by the committer.
	staged  head
	hash    uint64 // of the head that is stored, 0 if none is
	touched bool   // in the group that is being staged
	marks   once.Marks
	expired bool // there are marks on disk that are no longer in marks

	late sync.Mutex // answers that the answerer is no longer there to give
}

func newLog(e *Engine, name string, h head, incarnation [idSize]byte) *log {
	l := &log{engine: e, name: name, id: publicID(h.id), epoch: epochOf(h.id, incarnation), staged: h}
	l.durable.Store(&h)
	return l
}

// publishLocked shows the staged head.
func (l *log) publishLocked() {
	h := l.staged
	l.durable.Store(&h)
	l.touched = false
	if h.deleted {
		delete(l.engine.logs, l.name)
	}
}

// OpenLog implements storage.Logs.
func (e *Engine) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	if err := storage.CheckLog(name); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	l, found := e.logs[name]
	if !found {
		var id [idSize]byte
		_, _ = rand.Read(id[:]) // never fails
		l = newLog(e, name, newHead(id), e.incarnation)
		e.logs[name] = l
	}
	return l, nil
}

// Logs implements storage.Logs.
func (e *Engine) Logs(ctx context.Context) iter.Seq2[string, error] {
	return names.Each(ctx, e.logNames, e.usable)
}

func (e *Engine) logNames(ctx context.Context) ([]string, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	var names []string
	for name, l := range e.logs {
		if l.durable.Load().number != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Bounds implements storage.Log.
func (l *log) Bounds() storage.Bounds { return l.durable.Load().bounds(l.id, l.epoch) }

// Read implements storage.Log.
func (l *log) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]storage.Entry, error) {
	v, err := l.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	switch {
	case from < v.first:
		return nil, storage.ErrTrimmed
	case from >= v.next:
		return nil, nil
	}
	n := min(uint64(max(1, maxMessages)), v.next-from)
	return v.read(ctx, from, from+n, maxBytes)
}

// Find implements storage.Log.
func (l *log) Find(ctx context.Context, t time.Time) (uint64, error) {
	v, err := l.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.close()
	return v.findTime(ctx, t)
}

// A view is a log as it is at one moment. It must be closed.
type view struct {
	head
	log *log
	it  *pebble.Iterator
}

func (l *log) view(ctx context.Context) (*view, error) {
	e := l.engine
	e.reading.RLock()
	v, err := l.viewLocked(ctx)
	if err != nil {
		e.reading.RUnlock()
		return nil, err
	}
	return v, nil
}

func (l *log) viewLocked(ctx context.Context) (*view, error) {
	e := l.engine
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	h := *l.durable.Load()
	if h.deleted {
		return nil, storage.ErrNoLog
	}
	it, err := e.durable.NewIter(&pebble.IterOptions{
		LowerBound: entryKey(h.number, h.first),
		UpperBound: entryKey(h.number, h.next),
	})
	if err != nil {
		return nil, l.readError(err)
	}
	return &view{h, l, it}, nil
}

func (v *view) close() {
	_ = v.it.Close() // repeats an error that was returned
	v.log.engine.reading.RUnlock()
}

// checkEvery is how many entries are read between two looks at the context.
const checkEvery = 256

// read returns the entries from one number on and before another one, as many
// as maxBytes allows and at least one.
func (v *view) read(ctx context.Context, from, to uint64, maxBytes int) ([]storage.Entry, error) {
	entries := make([]storage.Entry, 0, min(to-from, checkEvery))
	size := 0
	for seq := from; seq < to; seq++ {
		if (seq-from)%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		stored, err := v.step(seq, seq == from)
		if err != nil {
			return nil, err
		}
		size += len(stored.payload)
		if seq > from && size > maxBytes {
			break
		}
		entries = append(entries, storage.Entry{Seq: seq, Time: asTime(stored.time), Payload: bytes.Clone(stored.payload)})
	}
	return entries, nil
}

// step returns the entry with that number, which is the next one of the
// iterator unless it has to seek. Its payload is good until the next step.
func (v *view) step(seq uint64, seek bool) (entry, error) {
	var found bool
	if seek {
		found = v.it.SeekGE(entryKey(v.number, seq))
	} else {
		found = v.it.Next()
	}
	if !found && v.it.Error() != nil {
		return entry{}, v.log.readError(v.it.Error())
	}
	if !found || !bytes.Equal(v.it.Key(), entryKey(v.number, seq)) {
		return entry{}, v.log.readError(fmt.Errorf("%w: there is no entry %d", errMissing, seq))
	}
	b, err := v.it.ValueAndErr()
	if err != nil {
		return entry{}, v.log.readError(err)
	}
	stored, err := decodeEntry(b)
	if err != nil {
		return entry{}, v.log.readError(fmt.Errorf("entry %d: %w", seq, err))
	}
	return stored, nil
}

// search returns the first number whose entry is what is sought, or next if
// none is. Whatever comes after one that is sought must be so too.
func (v *view) search(ctx context.Context, sought func(entry) bool) (uint64, error) {
	var err error
	n := sort.Search(int(v.next-v.first), func(i int) bool {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return true
		}
		var stored entry
		stored, err = v.step(v.first+uint64(i), true)
		return err != nil || sought(stored)
	})
	return v.first + uint64(n), err
}

func (v *view) findTime(ctx context.Context, t time.Time) (uint64, error) {
	switch {
	case v.isEmpty() || t.After(asTime(v.lastTime)):
		return v.next, nil
	case !t.After(asTime(v.firstTime)):
		return v.first, nil
	}
	return v.search(ctx, func(stored entry) bool { return !asTime(stored.time).Before(t) })
}

// readError says in which log the damage is.
func (l *log) readError(err error) error {
	if err == nil || errors.Is(err, ErrDamaged) {
		return err
	}
	return l.engine.readError(fmt.Errorf("log %q: %w", l.name, err))
}
