package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
)

// Bounds of a group. They keep one batch within the memtable, since a larger
// one costs a flush of its own, and the wait for it short. What does not fit
// is in the next group.
const (
	maxGroup      = 1024
	maxGroupBytes = 1 << 20
)

// witnessDelay bounds what the witness costs, one sync of the folder, and what
// it cannot vouch for.
const witnessDelay = time.Second

// A write is a Put, or a Delete if value is nil, on its way to the committer.
type write struct {
	key   []byte
	value []byte // see recordValue
	cond  storage.Condition
	done  chan outcome // has room for one, so that the committer never waits
}

type outcome struct {
	revision uint64
	err      error
}

// submit hands w to the committer and waits for the outcome. If it returns
// early, the write may still happen.
func (e *Engine) submit(ctx context.Context, w *write) (revision uint64, err error) {
	if err := e.usable(ctx); err != nil {
		return 0, err
	}
	select {
	case e.writes <- w:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-e.stopped:
		return 0, e.guard.err()
	case <-e.guard.broken:
		return 0, e.guard.err()
	}
	select {
	case o := <-w.done:
		return o.revision, o.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-e.guard.broken:
		return 0, e.guard.err()
	case <-e.stopped:
	}
	select {
	case o := <-w.done: // it was in the last group
		return o.revision, o.err
	default:
		return 0, e.guard.err()
	}
}

// commitUntilStopped is the committer.
func (e *Engine) commitUntilStopped() {
	defer close(e.stopped)
	due := time.NewTimer(witnessDelay)
	due.Stop()
	defer due.Stop()
	waiting := false // for due
	for {
		var err error
		select {
		case w := <-e.writes:
			e.gather(w)
			err = e.commit()
			if !waiting {
				waiting = true
				due.Reset(witnessDelay)
			}
		case <-due.C:
			waiting = false
			err = e.witness.move(e.state.revision)
		case <-e.guard.stopping:
			return
		}
		if err != nil {
			e.guard.fail(err)
		}
	}
}

// gather makes a group of the first write and of all that wait behind it.
func (e *Engine) gather(first *write) {
	e.group = append(e.group[:0], first)
	size := len(first.value)
	for len(e.group) < maxGroup && size < maxGroupBytes {
		select {
		case w := <-e.writes:
			e.group = append(e.group, w)
			size += len(w.value)
		default:
			return
		}
	}
}

// commit makes the group durable and answers it. Nobody is answered before
// that, not even who is refused: the record that is in the way may be one that
// is not durable yet. After an error nobody is answered at all.
func (e *Engine) commit() error {
	batch := e.db.NewBatch()
	defer batch.Close()
	outcomes := make([]outcome, 0, len(e.group))
	clear(e.touched)
	for _, w := range e.group {
		outcomes = append(outcomes, e.stage(batch, w))
	}
	if len(e.touched) > 0 {
		if err := e.sync(batch); err != nil {
			return err
		}
		e.publish()
	}
	for i, w := range e.group {
		w.done <- outcomes[i]
	}
	clear(e.group)
	return nil
}

// stage adds w to the batch if its condition holds after the writes before it.
func (e *Engine) stage(batch *pebble.Batch, w *write) outcome {
	current, err := e.current(w.key)
	if err != nil {
		return outcome{err: err}
	}
	if !w.cond.Holds(current != 0, current) {
		return outcome{err: storage.ErrConflict}
	}
	if w.value == nil && current == 0 {
		return outcome{}
	}
	if w.value == nil {
		e.state.delete(w.key, current)
		e.touched[string(w.key)] = 0
		return outcome{err: batch.Delete(w.key, nil)}
	}
	revision := e.state.put(w.key, current)
	e.touched[string(w.key)] = revision
	binary.BigEndian.PutUint64(w.value, revision)
	return outcome{revision, batch.Set(w.key, w.value, nil)}
}

// current returns the revision under key as the group has left it so far, 0 if
// there is no record. It may read the database without the snapshot: while the
// committer is here, all that was committed is durable.
func (e *Engine) current(key []byte) (uint64, error) {
	if revision, found := e.touched[string(key)]; found {
		return revision, nil
	}
	b, closer, err := e.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, e.readError(err)
	}
	defer closer.Close()
	_, revision, err := decodeRecordValue(b)
	if err != nil {
		return 0, e.readError(err)
	}
	return revision, nil
}

// sync returns nil once the batch is durable. If Pebble finds that it is not,
// it panics or ends in guard.fail.
func (e *Engine) sync(batch *pebble.Batch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("storage: commit: %v\n%s", r, debug.Stack())
		}
	}()
	if err := batch.Set(stateKey, encodeState(e.state), nil); err != nil {
		return fmt.Errorf("storage: commit: %w", err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("storage: commit: %w", err)
	}
	return nil
}

// publish lets readers see what is durable now.
func (e *Engine) publish() {
	now := e.db.NewSnapshot()
	e.mu.Lock()
	before := e.durable
	e.durable = now
	e.mu.Unlock()
	_ = before.Close() // nobody reads from it without the lock; it has no error to return
}
