package pebble

import (
	"context"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
)

// A cut is a change of a log: the removal of its oldest entries.
type cut struct {
	log       *log
	first     uint64 // the oldest that stays
	before    uint64 // the end of the one before
	firstTime int64  // of the oldest that stays, 0 if it was not there yet
	outcome
}

func (c *cut) size() int { return 0 }

func (c *cut) stage(b *batch) { c.err = c.staged(b) }

func (c *cut) staged(b *batch) error {
	h := &c.log.staged
	if h.deleted {
		return storage.ErrNoLog
	}
	firstTime, err := c.timeOfFirst(b)
	if err != nil {
		return err
	}
	if h.number == 0 {
		b.number(c.log)
	}
	if c.first <= h.first {
		return nil
	}
	b.touch(c.log)
	if err := b.DeleteRange(entryKey(h.number, h.first), entryKey(h.number, c.first), nil); err != nil {
		return err
	}
	h.first, h.before, h.firstTime = c.first, c.before, firstTime
	return nil
}

// timeOfFirst knows the entries of this group by their one time; those of the
// groups before can be read.
func (c *cut) timeOfFirst(b *batch) (int64, error) {
	h := &c.log.staged
	switch {
	case c.firstTime != 0 || c.first <= h.first || c.first == h.next:
		return c.firstTime, nil
	case c.first >= c.log.durable.Load().next:
		return h.lastTime, nil
	}
	value, closer, err := b.engine.db.Get(entryKey(h.number, c.first))
	if err != nil {
		return 0, c.log.readError(missingIfNotFound(err))
	}
	defer closer.Close()
	stored, err := decodeEntry(value)
	return stored.time, c.log.readError(err)
}

func missingIfNotFound(err error) error {
	if errors.Is(err, pebble.ErrNotFound) {
		return errMissing
	}
	return err
}

// Trim implements storage.Log. What goes is found before the committer takes
// it up, so that a search holds up nobody else.
func (l *log) Trim(ctx context.Context, r storage.Retention) error {
	v, err := l.view(ctx)
	if err != nil {
		return err
	}
	c, err := v.cut(ctx, r)
	exists := v.number != 0
	v.close()
	if err != nil || exists && c.first == v.first {
		return err
	}
	return l.engine.submitAndWait(ctx, c, &c.outcome)
}

// cut returns what is to be done so that the log keeps no more than r.
func (v *view) cut(ctx context.Context, r storage.Retention) (*cut, error) {
	c := &cut{log: v.log}
	var err error
	if c.first, err = v.firstKept(ctx, r); err != nil {
		return nil, err
	}
	if c.first == v.next {
		c.before = v.end
		return c, nil
	}
	stored, err := v.step(c.first, true)
	c.before, c.firstTime = stored.before(), stored.time
	return c, err
}

// firstKept returns the number of the oldest entry that r lets be kept, next
// if it is none.
func (v *view) firstKept(ctx context.Context, r storage.Retention) (uint64, error) {
	first := v.first
	if v.isEmpty() {
		return first, nil
	}
	if r.Messages > 0 && v.next-first > r.Messages {
		first = v.next - r.Messages
	}
	if r.Bytes > 0 && v.end-v.before > uint64(r.Bytes) {
		fits, err := v.search(ctx, func(stored entry) bool { return v.end-stored.before() <= uint64(r.Bytes) })
		if err != nil {
			return 0, err
		}
		first = max(first, min(fits, v.next-1))
	}
	if r.Age > 0 {
		now := time.Unix(0, max(time.Now().UnixNano(), v.lastTime))
		young, err := v.findTime(ctx, now.Add(-r.Age))
		if err != nil {
			return 0, err
		}
		first = max(first, young)
	}
	return first, nil
}

// A removal is the deletion of a log.
type removal struct {
	log *log
	outcome
}

func (r *removal) size() int { return 0 }

func (r *removal) stage(b *batch) {
	h := &r.log.staged
	if h.deleted {
		return
	}
	b.touch(r.log)
	b.engine.keys.drop(r.log)
	if h.number != 0 {
		r.err = errors.Join(b.deleteNumbered(kindEntry, h.number), b.deleteNumbered(kindKey, h.number))
	}
	h.deleted, h.first, h.before, h.firstTime = true, h.next, h.end, 0
}

func (b *batch) deleteNumbered(kind byte, number uint64) error {
	return b.DeleteRange(numberedKey(kind, number), numberedKey(kind, number+1), nil)
}

// DeleteLog implements storage.Logs.
func (e *Engine) DeleteLog(ctx context.Context, name string) error {
	if err := storage.CheckLog(name); err != nil {
		return err
	}
	l, err := e.findLog(ctx, name)
	if err != nil || l == nil {
		return err
	}
	r := &removal{log: l}
	return e.submitAndWait(ctx, r, &r.outcome)
}

func (e *Engine) findLog(ctx context.Context, name string) (*log, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.logs[name], e.usable(ctx)
}
