package pebble

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/pebble/internal/format"
)

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
	b, closer, err := e.durable.Get(format.RecordKey(table, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return storage.Record{}, storage.ErrNotFound
	}
	if err != nil {
		return storage.Record{}, e.readError(err)
	}
	defer closer.Close()
	return e.decodeRecord(key, b)
}

func (e *Engine) decodeRecord(key string, b []byte) (storage.Record, error) {
	value, revision, err := format.DecodeRecordValue(b)
	if err != nil {
		return storage.Record{}, e.readError(err)
	}
	return storage.Record{Key: key, Value: bytes.Clone(value), Revision: revision}, nil
}

// List implements storage.Records. Until a listing ends, the files that it reads
// are kept on disk.
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

// A listing is an iterator that Close may close between any two records, so
// that a caller who stops in the middle cannot hold up Close.
type listing struct {
	it        *pebble.Iterator
	started   bool
	keyOffset int // where the record's key begins in the database's key
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
	lower, upper := format.RecordRange(table, prefix)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	it, err := e.durable.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, e.readError(err)
	}
	l := &listing{it: it, keyOffset: len(format.RecordKey(table, ""))}
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
	r, err = e.decodeRecord(string(l.it.Key()[l.keyOffset:]), b)
	return r, true, err
}

func (e *Engine) end(l *listing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, open := e.listings[l]
	delete(e.listings, l)
	if open && e.guard.Failure() == nil {
		_ = l.it.Close() // returns an error that next has returned
	}
}

// Put implements storage.Records.
func (e *Engine) Put(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	if err := storage.CheckRecord(table, key, value); err != nil {
		return 0, err
	}
	op := &recordOp{key: format.RecordKey(table, key), value: format.NewRecordValue(value), cond: cond}
	if err := e.submit(ctx, op, &op.waiter); err != nil {
		return 0, err
	}
	return op.revision, nil
}

// Delete implements storage.Records.
func (e *Engine) Delete(ctx context.Context, table, key string, cond storage.Condition) error {
	if err := storage.CheckKey(table, key); err != nil {
		return err
	}
	op := &recordOp{key: format.RecordKey(table, key), cond: cond}
	return e.submit(ctx, op, &op.waiter)
}

// A recordOp is a Put, or a Delete if value is nil.
type recordOp struct {
	key   []byte
	value []byte // see format.NewRecordValue
	cond  storage.Condition

	revision uint64
	waiter
}

func (op *recordOp) tenant() string { return "" }

func (op *recordOp) size() int { return len(op.key) + len(op.value) }

func (op *recordOp) stage(b *batch) {
	current, err := b.revisionOf(op.key)
	switch {
	case err != nil:
		op.err = err
	case !op.cond.Holds(current != 0, current):
		op.err = storage.ErrConflict
	case op.value != nil && b.critical && b.grows(op, current):
		op.err = storage.ErrNoSpace
	case op.value != nil:
		op.revision, op.err = b.putRecord(op.key, op.value, current)
	case current != 0:
		op.err = b.deleteRecord(op.key, current)
	}
}

// smallRecord is the size up to which a record may grow while there is too little space for
// others: the progress of a group, or a jail whose quotas are set. New records are refused.
const smallRecord = 4096

// grows reports whether a Put needs space that must be left for others: it creates a record, or a
// larger one of more than smallRecord bytes.
func (b *batch) grows(op *recordOp, current uint64) bool {
	if current == 0 || len(op.value) <= smallRecord {
		return current == 0
	}
	value, closer, err := b.engine.db.Get(op.key)
	if err != nil {
		return true
	}
	defer closer.Close()
	return len(op.value) > len(value)
}

// putRecord stores a record over one with the revision current, 0 for none. The
// value is that of format.NewRecordValue.
func (b *batch) putRecord(key, value []byte, current uint64) (revision uint64, err error) {
	revision = b.state.PutRecord(key, current)
	b.records[string(key)] = revision
	format.SetRevision(value, revision)
	return revision, b.Set(key, value, nil)
}

func (b *batch) deleteRecord(key []byte, current uint64) error {
	b.state.DeleteRecord(key, current)
	b.records[string(key)] = 0
	return b.Delete(key, nil)
}

// revisionOf returns the revision under a key as the batch leaves it so far, 0
// if there is no record. It reads the database without the snapshot: while the
// committer stages a batch, every earlier one is durable.
func (b *batch) revisionOf(key []byte) (uint64, error) {
	if revision, found := b.records[string(key)]; found {
		return revision, nil
	}
	value, closer, err := b.engine.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, b.engine.readError(err)
	}
	defer closer.Close()
	_, revision, err := format.DecodeRecordValue(value)
	return revision, b.engine.readError(err)
}
