package pebble

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
)

// A write is a change of a record: a Put, or a Delete if value is nil.
type write struct {
	key   []byte
	value []byte // see recordValue
	cond  storage.Condition

	revision uint64
	outcome
}

func (w *write) size() int { return len(w.key) + len(w.value) }

func (w *write) stage(b *batch) {
	current, err := b.current(w.key)
	switch {
	case err != nil:
		w.err = err
	case !w.cond.Holds(current != 0, current):
		w.err = storage.ErrConflict
	case w.value == nil && current == 0:
	case w.value == nil:
		w.err = b.delete(w.key, current)
	default:
		w.revision, w.err = b.put(w.key, w.value, current)
	}
}

// An outcome is that of a change which somebody waits for.
type outcome struct {
	err  error
	done chan struct{} // closed when the outcome is there
}

func (o *outcome) refuse(err error) { o.err = err }

func (o *outcome) answer() { close(o.done) }

// submit hands w to the committer and waits for the outcome. If it returns
// early, the write may still happen.
func (e *Engine) submit(ctx context.Context, w *write) (revision uint64, err error) {
	if err := e.submitAndWait(ctx, w, &w.outcome); err != nil {
		return 0, err
	}
	return w.revision, nil
}

// submitAndWait hands c to the committer and waits until its outcome is there,
// the engine has failed or ctx has ended.
func (e *Engine) submitAndWait(ctx context.Context, c change, o *outcome) error {
	if err := e.usable(ctx); err != nil {
		return err
	}
	o.done = make(chan struct{})
	if !e.queue.put(ctx, e.guard.stopping, c) {
		return e.usable(ctx)
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	case <-e.guard.broken:
		return e.guard.err()
	}
}

// put and delete add a write of the record to the batch.
func (b *batch) put(key, value []byte, current uint64) (revision uint64, err error) {
	revision = b.state.put(key, current)
	b.records[string(key)] = revision
	binary.BigEndian.PutUint64(value, revision)
	return revision, b.Set(key, value, nil)
}

func (b *batch) delete(key []byte, current uint64) error {
	b.state.delete(key, current)
	b.records[string(key)] = 0
	return b.Delete(key, nil)
}

// current returns the revision under key as the batch leaves it so far, 0 if
// there is no record. It may read the database without the snapshot: while the
// committer is here, all that was committed is durable.
func (b *batch) current(key []byte) (uint64, error) {
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
	_, revision, err := decodeRecordValue(value)
	if err != nil {
		return 0, b.engine.readError(err)
	}
	return revision, nil
}
