package pebble

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/internal/panics"
	"seagate/internal/yield"
	"seagate/storage/pebble/internal/format"
)

// markerDelay is how long after a batch the durable marker moves at the latest.
// Moving it costs a sync of the folder; until it moves, integrity does not
// notice the loss of the batch.
const markerDelay = time.Second

// maxFinished is how many batches may wait for the notifier while it calls back
// for another one.
const maxFinished = 1

// A batch is what the committer writes at once.
type batch struct {
	*pebble.Batch
	engine   *Engine
	state    *format.State
	now      int64 // nanoseconds since 1970, the same for the whole batch
	lowSpace bool  // too little space is left to append
	critical bool  // too little space is left for records that grow
	shrinks  bool  // the batch deletes entries of logs

	records map[string]uint64 // those that the batch writes: key to revision, 0 for deleted
	logs    []*log            // those that the batch changes
}

func (b *batch) isEmpty() bool { return len(b.records) == 0 && len(b.logs) == 0 }

// runCommitter is the committer.
//
// Before it takes a batch, it lets all other goroutines run: callers that were notified after the
// last sync, and callers whose requests came during it. With one processor no other goroutine runs
// while a file is synced. The committer is woken first, and would find only the few operations that
// were queued before the sync began. If a whole batch waits already, it does not let others run:
// what they add would not be in this batch.
func (e *Engine) runCommitter() {
	defer close(e.finished)
	markerDue := time.NewTimer(markerDelay)
	markerDue.Stop()
	defer markerDue.Stop()
	waiting := false // for markerDue
	last := yield.New()
	defer last.Close()
	for e.guard.Err() == nil {
		var err error
		select {
		case <-e.queue.ready:
			if !e.queue.fillsBatch() {
				last.ToAll()
			}
			err = e.commit(e.queue.take())
			if !waiting {
				waiting = true
				markerDue.Reset(markerDelay)
			}
		case <-markerDue.C:
			waiting = false
			err = e.marker.Move(e.state.Revision)
		case <-e.guard.Stopping():
		}
		if err != nil {
			e.guard.Fail(err)
		}
	}
	rest := e.queue.close()
	for _, op := range rest {
		op.reject(e.guard.Err())
	}
	e.finished <- rest
}

// runNotifier is the notifier.
func (e *Engine) runNotifier() {
	defer close(e.notified)
	for ops := range e.finished {
		for _, op := range ops {
			notifyContained(op)
		}
	}
}

// notifyContained contains a panic in the callback of an operation, so that the notifier goes on.
func notifyContained(op operation) {
	defer panics.Contain("notifier")
	op.notify()
}

// commit makes the changes of the operations durable and hands the operations to
// the notifier. Even a refused operation waits for that, because the record that
// conflicts with it may not be durable yet. After an error nobody is notified.
func (e *Engine) commit(ops []operation) error {
	clear(e.records)
	var bytes int64
	for _, op := range ops {
		bytes += int64(op.size())
	}
	low, critical := e.space.state(bytes)
	b := &batch{
		Batch:    e.db.NewBatch(),
		engine:   e,
		state:    &e.state,
		now:      time.Now().UnixNano(),
		lowSpace: low,
		critical: critical,
		records:  e.records,
	}
	defer b.Close()
	for _, op := range ops {
		op.stage(b)
	}
	if !b.isEmpty() {
		start := time.Now()
		if err := b.sync(); err != nil {
			return fmt.Errorf("storage: commit: %w", err)
		}
		if e.opts.Committed != nil {
			e.opts.Committed(time.Since(start))
		}
		e.publish(b)
		e.commits.Add(1)
		e.committed.Add(uint64(len(ops)))
	}
	if b.lowSpace && b.shrinks {
		e.flushSoon()
	}
	e.finished <- ops
	return nil
}

// flushInterval is how often deletions cause a flush while space is low.
const flushInterval = 5 * time.Second

// flushSoon lets deletions free space: until they leave the memtable, nothing that they delete is
// removed from the disk. Only the committer calls it.
func (e *Engine) flushSoon() {
	if now := time.Now(); now.Sub(e.flushed) >= flushInterval {
		e.flushed = now
		_, _ = e.db.AsyncFlush() // a flush that fails ends the engine by itself
	}
}

// sync returns nil once the batch is durable. If it cannot be made durable,
// Pebble panics, or calls Fatalf of the guard, which does not return.
func (b *batch) sync() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v\n%s", r, debug.Stack())
		}
	}()
	for _, l := range b.logs {
		if err := b.setHead(l); err != nil {
			return err
		}
	}
	if err := b.deleteExpiredKeys(); err != nil {
		return err
	}
	if err := b.Set(format.StateKey(), b.state.Encode(), nil); err != nil {
		return err
	}
	return b.Commit(pebble.Sync)
}

// deleteExpiredKeys removes keys of appends that have expired from the disk.
func (b *batch) deleteExpiredKeys() error {
	for l, until := range b.engine.dedup.Expired() {
		number := l.staged.Number
		from, to := format.LogPrefix(format.KindAppendKey, number), format.ExpiryKey(number, until.UnixNano()+1)
		if err := b.DeleteRange(from, to, nil); err != nil {
			return err
		}
	}
	return nil
}

// publish shows readers what is durable now.
func (e *Engine) publish(b *batch) {
	now := e.db.NewSnapshot()
	e.mu.Lock()
	before := e.durable
	e.durable = now
	for _, l := range b.logs {
		l.publishLocked()
	}
	e.mu.Unlock()
	_ = before.Close() // nobody reads from it without the lock; it never fails
}
