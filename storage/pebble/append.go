package pebble

import (
	"context"
	"time"

	"seagate/storage"
	"seagate/storage/internal/dedup"
	"seagate/storage/pebble/internal/format"
)

// entryOverhead is about what an entry costs beside its payload, in bytes.
const entryOverhead = 64

// An appendOp appends to a log.
type appendOp struct {
	storage.Append
	log     *log
	bytes   int // of the payloads
	request dedup.Request
	invalid error // from storage.CheckAppend

	made storage.Appended
	err  error
}

// Append implements storage.Log. It blocks while the queue is full.
func (l *log) Append(a storage.Append) {
	op := &appendOp{Append: a, log: l, invalid: storage.CheckAppend(a)}
	if op.invalid != nil {
		op.Payloads, op.Header = nil, nil // do not keep them while the operation waits
	} else {
		op.bytes, op.request = int(a.Bytes()), dedup.NewRequest(a)
	}
	if e := l.engine; !e.queue.put(context.Background(), e.guard.Stopping(), op) {
		l.rejectLate(op)
	}
}

// rejectLate calls Done of an append that came while the engine was closing, after
// all earlier operations were notified. If the engine has failed, it calls nothing.
func (l *log) rejectLate(op *appendOp) {
	e := l.engine
	select {
	case <-e.notified:
	case <-e.guard.Failed():
		return
	}
	l.rejecting.Lock()
	defer l.rejecting.Unlock()
	op.reject(e.guard.Err())
	op.notify()
}

func (op *appendOp) tenant() string { return op.log.tenant }

func (op *appendOp) size() int { return op.bytes + len(op.Header) + entryOverhead*len(op.Payloads) }

func (op *appendOp) reject(err error) { op.err = err }

func (op *appendOp) notify() {
	if op.Done != nil {
		op.Done(op.made, op.err)
	}
}

func (op *appendOp) stage(b *batch) { op.made, op.err = op.apply(b) }

func (op *appendOp) apply(b *batch) (storage.Appended, error) {
	l := op.log
	switch {
	case op.invalid != nil:
		return storage.Appended{}, op.invalid
	case l.staged.deleted:
		return storage.Appended{}, storage.ErrNoLog
	}
	now := b.timeFor(l)
	if first, repeat, err := b.engine.dedup.Repeat(l, op.request, now); repeat {
		return first, err
	}
	switch {
	case op.Refusal != nil:
		return storage.Appended{}, op.Refusal
	case b.lowSpace:
		return storage.Appended{}, storage.ErrNoSpace
	}
	made := storage.Appended{First: l.staged.Next, Time: now}
	key, keyed, err := b.engine.dedup.Add(l, op.request, made.First, now)
	if err != nil {
		return storage.Appended{}, err
	}
	b.store(l)
	if keyed {
		if err := b.Set(format.AppendKey(l.staged.Number, key), format.EncodeAppend(key), nil); err != nil {
			return storage.Appended{}, err
		}
	}
	if err := b.append(l, op.Payloads, now.UnixNano()); err != nil {
		return storage.Appended{}, err
	}
	if op.Header == nil {
		return made, nil
	}
	return made, b.putHeader(l, op.Header)
}

// timeFor returns the time of what the batch appends to the log: never before
// the newest entry, even if the clock was set back.
func (b *batch) timeFor(l *log) time.Time {
	return format.Time(max(b.now, l.staged.LastTime, 1))
}

func (b *batch) append(l *log, payloads [][]byte, now int64) error {
	h := &l.staged
	if h.IsEmpty() {
		h.FirstTime = now
	}
	h.LastTime = now
	for _, payload := range payloads {
		h.End += uint64(len(payload))
		entry := format.Entry{Time: now, End: h.End, Payload: payload}
		op := b.SetDeferred(format.EntryKeySize, format.EntryFieldSize+len(payload))
		copy(op.Key, format.EntryKey(h.Number, h.Next))
		entry.Put(op.Value)
		if err := op.Finish(); err != nil {
			return err
		}
		h.Next++
	}
	return nil
}
