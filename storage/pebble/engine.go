package pebble

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
)

// An Engine is a storage.Engine in a folder. Safe for concurrent use.
type Engine struct {
	dir         string
	files       vfs.FS
	db          *pebble.DB
	lock        *pebble.Lock
	guard       *guard
	space       *space
	incarnation [idSize]byte
	memTable    uint64 // see Options
	close       func() error
	queue       *queue
	answers     chan []change // groups that are durable, or refused
	stopped     chan struct{} // closed when all was answered

	// Owned by the committer.
	state   state
	witness *witness
	touched map[string]uint64 // see batch
	keys    *remembered

	// reading is held by who reads the database without mu, so that Close
	// waits for them. It comes before mu.
	reading sync.RWMutex

	mu       sync.RWMutex // guards what follows, and keeps readers from a closed database
	durable  *pebble.Snapshot
	listings map[*listing]struct{} // that have not ended
	logs     map[string]*log
}

var _ storage.Engine = (*Engine)(nil)

// Get implements storage.Records.
func (e *Engine) Get(ctx context.Context, table, key string) (storage.Record, error) {
	if err := storage.CheckKey(table, key); err != nil {
		return storage.Record{}, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return storage.Record{}, err
	}
	b, closer, err := e.durable.Get(recordKey(table, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.Record{}, storage.ErrNotFound
	}
	if err != nil {
		return storage.Record{}, e.readError(err)
	}
	defer closer.Close()
	return e.record(key, b)
}

// List implements storage.Records. A listing keeps the files that it reads
// from being removed until it ends.
func (e *Engine) List(ctx context.Context, table, prefix string) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		l, err := e.begin(ctx, table, prefix)
		if err != nil {
			yield(storage.Record{}, err)
			return
		}
		defer e.end(l)
		for {
			r, more, err := e.next(ctx, l)
			if err == nil && !more {
				return
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// A listing is an iterator that Close may close at any time between two
// records, so that one which nobody reads on cannot hold it up.
type listing struct {
	it        *pebble.Iterator
	started   bool
	keyOffset int // where the record's key begins in the database's
}

func (l *listing) advance() bool {
	if l.started {
		return l.it.Next()
	}
	l.started = true
	return l.it.First()
}

func (e *Engine) begin(ctx context.Context, table, prefix string) (*listing, error) {
	if err := storage.CheckTable(table); err != nil {
		return nil, err
	}
	lower, upper := recordRange(table, prefix)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	it, err := e.durable.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, e.readError(err)
	}
	l := &listing{it: it, keyOffset: len(recordKey(table, ""))}
	e.listings[l] = struct{}{}
	return l, nil
}

// next returns the next record. more is false after the last one.
func (e *Engine) next(ctx context.Context, l *listing) (r storage.Record, more bool, err error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return storage.Record{}, false, err
	}
	if !l.advance() {
		return storage.Record{}, false, e.readError(l.it.Error())
	}
	b, err := l.it.ValueAndErr()
	if err != nil {
		return storage.Record{}, false, e.readError(err)
	}
	r, err = e.record(string(l.it.Key()[l.keyOffset:]), b)
	return r, true, err
}

func (e *Engine) end(l *listing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, open := e.listings[l]
	delete(e.listings, l)
	if open && e.guard.failure() == nil {
		_ = l.it.Close() // repeats the error that next has returned
	}
}

func (e *Engine) record(key string, b []byte) (storage.Record, error) {
	value, revision, err := decodeRecordValue(b)
	if err != nil {
		return storage.Record{}, e.readError(err)
	}
	return storage.Record{Key: key, Value: bytes.Clone(value), Revision: revision}, nil
}

// Put implements storage.Records.
func (e *Engine) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	if err := storage.CheckRecord(table, key, value); err != nil {
		return 0, err
	}
	return e.submit(ctx, &write{
		key:   recordKey(table, key),
		value: recordValue(value),
		cond:  cond,
	})
}

// Delete implements storage.Records.
func (e *Engine) Delete(ctx context.Context, table, key string, cond storage.Condition) error {
	if err := storage.CheckKey(table, key); err != nil {
		return err
	}
	_, err := e.submit(ctx, &write{key: recordKey(table, key), cond: cond})
	return err
}

// Close waits for the changes that are being made durable, answers those that
// were not begun with ErrClosed, and releases the folder. It must not be called
// by a Done.
func (e *Engine) Close() error {
	return e.close()
}

func (e *Engine) release() error {
	e.guard.stop()
	select {
	case <-e.stopped:
	case <-e.guard.broken:
	}
	if err := e.guard.failure(); err != nil {
		return err // the database is in no state to be closed
	}
	e.reading.Lock()
	defer e.reading.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	for l := range e.listings {
		_ = l.it.Close() // nobody will ask for its error
	}
	clear(e.listings)
	return errors.Join(
		e.witness.move(e.state.revision),
		e.witness.marker.Close(),
		e.durable.Close(),
		e.db.Close(),
		e.lock.Close(),
	)
}

func (e *Engine) usable(ctx context.Context) error {
	if err := e.guard.err(); err != nil {
		return err
	}
	return ctx.Err()
}
