package pebble

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/pebble/integrity"
	"seagate/storage/pebble/internal/format"
)

// Trim implements storage.Log. It searches for what to remove before it queues
// the operation, so that the search holds up nobody else.
func (l *log) Trim(ctx context.Context, r storage.Retention) error {
	v, err := l.view(ctx)
	if err != nil {
		return err
	}
	op, err := v.trimOp(ctx, r)
	stored := v.Number != 0
	v.close()
	if err != nil || stored && op.first == v.First {
		return err
	}
	return l.engine.submit(ctx, op, &op.waiter)
}

// A trimOp removes the oldest entries of a log.
type trimOp struct {
	log       *log
	first     uint64 // the oldest entry to keep
	before    uint64 // the end of the entry before it
	firstTime int64  // of the entry to keep, 0 if the view did not have it
	waiter
}

// trimOp returns the operation that makes the log keep no more than r allows.
func (v *view) trimOp(ctx context.Context, r storage.Retention) (*trimOp, error) {
	op := &trimOp{log: v.log}
	var err error
	if op.first, err = v.firstKept(ctx, r); err != nil {
		return nil, err
	}
	if op.first == v.Next {
		op.before = v.End
		return op, nil
	}
	stored, err := v.entry(op.first, true)
	op.before, op.firstTime = stored.Before(), stored.Time
	return op, err
}

// firstKept returns the number of the oldest entry that r allows to keep, Next
// if it allows none.
func (v *view) firstKept(ctx context.Context, r storage.Retention) (uint64, error) {
	first := v.First
	if v.IsEmpty() {
		return first, nil
	}
	if r.Messages > 0 && v.Next-first > r.Messages {
		first = v.Next - r.Messages
	}
	if r.Bytes > 0 && v.End-v.Before > uint64(r.Bytes) {
		fits, err := v.search(ctx, func(stored format.Entry) bool { return v.End-stored.Before() <= uint64(r.Bytes) })
		if err != nil {
			return 0, err
		}
		first = max(first, min(fits, v.Next-1))
	}
	if r.Age > 0 {
		now := r.Now
		if now.IsZero() {
			now = time.Unix(0, max(time.Now().UnixNano(), v.LastTime))
		}
		young, err := v.findTime(ctx, now.Add(-r.Age))
		if err != nil {
			return 0, err
		}
		first = max(first, young)
	}
	return first, nil
}

func (op *trimOp) tenant() string { return op.log.tenant }

func (op *trimOp) size() int { return 0 }

func (op *trimOp) stage(b *batch) { op.err = op.apply(b) }

func (op *trimOp) apply(b *batch) error {
	h := &op.log.staged
	if h.deleted {
		return storage.ErrNoLog
	}
	firstTime, err := op.timeOfFirst(b)
	if err != nil {
		return err
	}
	if h.Number == 0 {
		b.store(op.log)
	}
	if op.first <= h.First {
		return nil
	}
	b.change(op.log)
	b.shrinks = true
	if err := b.DeleteRange(format.EntryKey(h.Number, h.First), format.EntryKey(h.Number, op.first), nil); err != nil {
		return err
	}
	h.First, h.Before, h.FirstTime = op.first, op.before, firstTime
	return nil
}

// timeOfFirst returns the time of the oldest entry to keep, 0 if there is none.
// The view may not have had that entry, because the log has grown since.
func (op *trimOp) timeOfFirst(b *batch) (int64, error) {
	h := &op.log.staged
	switch {
	case op.firstTime != 0 || op.first <= h.First || op.first == h.Next:
		return op.firstTime, nil
	case op.first >= op.log.durable.Load().Next: // this batch appends it
		return h.LastTime, nil
	}
	value, closer, err := b.engine.db.Get(format.EntryKey(h.Number, op.first))
	if errors.Is(err, pebble.ErrNotFound) {
		err = integrity.ErrMissing
	}
	if err != nil {
		return 0, op.log.readError(err)
	}
	defer closer.Close()
	stored, err := format.DecodeEntry(value)
	return stored.Time, op.log.readError(err)
}
