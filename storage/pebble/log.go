package pebble

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/storage"
	"seagate/storage/internal/snapshot"
	"seagate/storage/pebble/integrity"
	"seagate/storage/pebble/internal/format"
)

// A log is a storage.Log. The committer changes staged; everybody else sees
// durable.
type log struct {
	engine *Engine
	name   string
	tenant string
	id     string
	epoch  string

	durable atomic.Pointer[head] // replaced together with Engine.durable, under Engine.mu
	keys    atomic.Int64         // that are remembered; written by the committer

	// The committer owns what follows.

	staged  head
	hash    uint64 // format.HeadHash of the stored head, 0 if there is none
	changed bool   // by the batch that is being staged

	rejecting sync.Mutex // held while rejecting an append without the notifier
}

// A head is the head of a log, which may be deleted.
type head struct {
	format.Head
	deleted bool
}

func newLog(e *Engine, name string, h format.Head) *log {
	l := &log{engine: e, name: name, tenant: storage.Tenant(name), id: h.ID.String(), epoch: h.ID.Epoch(e.incarnation), staged: head{Head: h}}
	l.durable.Store(&head{Head: h})
	return l
}

// publishLocked shows readers the staged head, which is durable now. The engine's mu is held.
func (l *log) publishLocked() {
	h := l.staged
	l.durable.Store(&h)
	l.changed = false
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
		h := format.Head{First: 1, Next: 1}
		_, _ = rand.Read(h.ID[:]) // never fails
		l = newLog(e, name, h)
		e.logs[name] = l
	}
	return l, nil
}

// Logs implements storage.Logs.
func (e *Engine) Logs(ctx context.Context) iter.Seq2[string, error] {
	return snapshot.Each(ctx, e.logNames, e.usable)
}

func (e *Engine) logNames(ctx context.Context) ([]string, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	var names []string
	for name, l := range e.logs {
		if l.durable.Load().Number != 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// DeleteLog implements storage.Logs.
func (e *Engine) DeleteLog(ctx context.Context, name string) error {
	if err := storage.CheckLog(name); err != nil {
		return err
	}
	e.mu.RLock()
	l, err := e.logs[name], e.usable(ctx)
	e.mu.RUnlock()
	if err != nil || l == nil {
		return err
	}
	op := &deleteOp{log: l}
	return e.submit(ctx, op, &op.waiter)
}

// A deleteOp deletes a log.
type deleteOp struct {
	log *log
	waiter
}

func (op *deleteOp) tenant() string { return op.log.tenant }

func (op *deleteOp) size() int { return 0 }

func (op *deleteOp) stage(b *batch) {
	h := &op.log.staged
	if h.deleted {
		return
	}
	b.change(op.log)
	b.shrinks = true
	b.engine.dedup.Drop(op.log)
	if h.Number != 0 {
		op.err = errors.Join(b.deleteAll(format.KindEntry, h.Number), b.deleteAll(format.KindAppendKey, h.Number), b.deleteHeader(op.log))
	}
	h.deleted, h.First, h.Before, h.FirstTime = true, h.Next, h.End, 0
}

// deleteAll deletes all keys of a kind that belong to one log.
func (b *batch) deleteAll(kind byte, number uint64) error {
	return b.DeleteRange(format.LogPrefix(kind, number), format.LogPrefix(kind, number+1), nil)
}

// change notes that the batch changes the log.
func (b *batch) change(l *log) {
	if !l.changed {
		l.changed = true
		b.logs = append(b.logs, l)
	}
}

// store is change, and gives a log that is not stored yet its number.
func (b *batch) store(l *log) {
	b.change(l)
	if l.staged.Number == 0 {
		b.state.Numbers++
		l.staged.Number = b.state.Numbers
	}
}

// setHead stores the head that the batch leaves.
func (b *batch) setHead(l *log) error {
	if l.staged.Number == 0 { // deleted before it was ever stored
		return nil
	}
	key, before := format.HeadKey(l.name), l.hash
	if l.staged.deleted {
		l.hash = 0
		b.state.ReplaceHead(before, l.hash)
		return b.Delete(key, nil)
	}
	value := l.staged.Encode()
	l.hash = format.HeadHash(key, value)
	b.state.ReplaceHead(before, l.hash)
	return b.Set(key, value, nil)
}

// Bounds implements storage.Log.
func (l *log) Bounds() storage.Bounds {
	h := l.durable.Load()
	b := storage.Bounds{First: h.First, Next: h.Next, Bytes: int64(h.End - h.Before), Epoch: l.epoch, ID: l.id, Keys: int(l.keys.Load())}
	if !h.IsEmpty() {
		b.FirstTime, b.LastTime = format.Time(h.FirstTime), format.Time(h.LastTime)
	}
	return b
}

// readError adds to an error in which log it was met.
func (l *log) readError(err error) error {
	if err == nil || errors.Is(err, integrity.ErrDamaged) {
		return err
	}
	return l.engine.readError(fmt.Errorf("log %q: %w", l.name, err))
}
