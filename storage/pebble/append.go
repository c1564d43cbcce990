package pebble

import (
	"context"

	"seagate/storage"
	"seagate/storage/internal/once"
)

// An addition is a change of a log: an append.
type addition struct {
	log     *log
	asked   storage.Append
	bytes   int
	mark    once.Mark // what is known of it before it is made, if it has a key
	invalid error

	made storage.Appended
	err  error
}

// Append implements storage.Log. It blocks while the queue is full.
func (l *log) Append(a storage.Append) {
	added := newAddition(l, a)
	e := l.engine
	if !e.queue.put(context.Background(), e.guard.stopping, added) {
		l.refuseLate(added)
	}
}

func newAddition(l *log, a storage.Append) *addition {
	added := &addition{log: l, invalid: storage.CheckAppend(a)}
	if added.invalid != nil {
		a.Payloads = nil // nothing waits for them
	}
	added.asked, added.bytes = a, int(a.Bytes())
	if a.Key != "" {
		added.mark = once.MarkOf(a)
	}
	return added
}

// refuseLate answers an append that came when the engine was closing, behind
// all that came before. If the engine has failed, nobody is answered.
func (l *log) refuseLate(added *addition) {
	e := l.engine
	select {
	case <-e.stopped:
	case <-e.guard.broken:
		return
	}
	l.late.Lock()
	defer l.late.Unlock()
	added.refuse(e.guard.err())
	added.answer()
}

// entryOverhead is what an entry costs beside its payload.
const entryOverhead = 64

func (a *addition) size() int { return a.bytes + entryOverhead*len(a.asked.Payloads) }

func (a *addition) refuse(err error) { a.err = err }

func (a *addition) answer() {
	if a.asked.Done != nil {
		a.asked.Done(a.made, a.err)
	}
}

func (a *addition) stage(b *batch) { a.made, a.err = a.staged(b) }

func (a *addition) staged(b *batch) (storage.Appended, error) {
	now := a.log.now(b)
	switch made, repeat, err := a.repeats(b, now); {
	case a.invalid != nil:
		return storage.Appended{}, a.invalid
	case a.log.staged.deleted:
		return storage.Appended{}, storage.ErrNoLog
	case repeat:
		return made, err
	case a.asked.Refusal != nil:
		return storage.Appended{}, a.asked.Refusal
	case b.low:
		return storage.Appended{}, storage.ErrNoSpace
	}
	if err := a.remember(b, now); err != nil {
		return storage.Appended{}, err
	}
	made := storage.Appended{First: a.log.staged.next, Time: asTime(now)}
	return made, b.add(a.log, a.asked.Payloads, now)
}

// now is the time of what the group appends to the log: never before that of
// the newest entry, even if the clock was set back.
func (l *log) now(b *batch) int64 { return max(b.now, l.staged.lastTime, 1) }

func (a *addition) repeats(b *batch, now int64) (made storage.Appended, repeat bool, err error) {
	if a.asked.Key == "" {
		return storage.Appended{}, false, nil
	}
	return a.log.marks.Repeat(a.mark, asTime(now))
}

// remember keeps the key of an append that is about to be made.
func (a *addition) remember(b *batch, now int64) error {
	if a.asked.Key == "" || a.asked.Window <= 0 {
		return nil
	}
	l := a.log
	if err := b.engine.keys.makeRoom(b, l); err != nil {
		return err
	}
	b.number(l)
	a.mark.First, a.mark.Time, a.mark.Expires = l.staged.next, asTime(now), asTime(now).Add(a.asked.Window)
	b.engine.keys.add(l, a.mark)
	return b.Set(markKey(l.staged.number, a.mark), encodeMark(a.mark), nil)
}

// touch notes that the log changes, and number that it is stored from now on.
func (b *batch) touch(l *log) {
	if !l.touched {
		l.touched = true
		b.logs = append(b.logs, l)
	}
}

func (b *batch) number(l *log) {
	b.touch(l)
	if l.staged.number == 0 {
		b.state.numbers++
		l.staged.number = b.state.numbers
	}
}

func (b *batch) add(l *log, payloads [][]byte, now int64) error {
	b.number(l)
	h := &l.staged
	if h.isEmpty() {
		h.firstTime = now
	}
	h.lastTime = now
	for _, payload := range payloads {
		h.end += uint64(len(payload))
		op := b.SetDeferred(entryKeySize, entryFieldSize+len(payload))
		copy(op.Key, entryKey(h.number, h.next))
		putEntry(op.Value, entry{now, h.end, payload})
		if err := op.Finish(); err != nil {
			return err
		}
		h.next++
	}
	return nil
}

// setHead stores what the group has left of the log.
func (b *batch) setHead(l *log) error {
	key := headKey(l.name)
	switch {
	case l.staged.number == 0: // deleted before it was ever stored
		return nil
	case l.staged.deleted:
		b.state.replaceHead(l.hash, 0)
		l.hash = 0
		return b.Delete(key, nil)
	}
	value := encodeHead(l.staged)
	hash := headHash(key, value)
	b.state.replaceHead(l.hash, hash)
	l.hash = hash
	return b.Set(key, value, nil)
}
