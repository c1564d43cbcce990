package pebble

import (
	"bytes"
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"seagate/storage"
	"seagate/storage/pebble/integrity"
	"seagate/storage/pebble/internal/format"
)

// Read implements storage.Log.
func (l *log) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]storage.Entry, error) {
	v, err := l.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.close()
	switch {
	case from < v.First:
		return nil, storage.ErrTrimmed
	case from >= v.Next:
		return nil, nil
	}
	n := min(uint64(max(1, maxMessages)), v.Next-from)
	return v.read(ctx, from, from+n, maxBytes)
}

// Find implements storage.Log.
func (l *log) Find(ctx context.Context, t time.Time) (uint64, error) {
	v, err := l.view(ctx)
	if err != nil {
		return 0, err
	}
	defer v.close()
	return v.findTime(ctx, t)
}

// A view is a log as it is at one moment. It must be closed.
type view struct {
	format.Head
	log *log
	it  *pebble.Iterator
	key [format.EntryKeySize]byte // of the entry that is looked for
}

func (l *log) view(ctx context.Context) (*view, error) {
	e := l.engine
	e.reading.RLock()
	v, err := l.viewLocked(ctx)
	if err != nil {
		e.reading.RUnlock()
		return nil, err
	}
	return v, nil
}

// viewLocked returns a view whose close releases e.reading.
func (l *log) viewLocked(ctx context.Context) (*view, error) {
	e := l.engine
	e.mu.RLock()
	defer e.mu.RUnlock()
	if err := e.usable(ctx); err != nil {
		return nil, err
	}
	h := l.durable.Load()
	if h.deleted {
		return nil, storage.ErrNoLog
	}
	it, err := e.durable.NewIter(&pebble.IterOptions{
		LowerBound: format.EntryKey(h.Number, h.First),
		UpperBound: format.EntryKey(h.Number, h.Next),
	})
	if err != nil {
		return nil, l.readError(err)
	}
	return &view{Head: h.Head, log: l, it: it}, nil
}

func (v *view) close() {
	_ = v.it.Close() // returns an error that was returned before
	v.log.engine.reading.RUnlock()
}

// contextInterval is how many entries are read between two checks of the context.
const contextInterval = 256

// minEntry is the least size of an entry, in bytes, that read assumes when it reserves memory.
const minEntry = 64

// read returns the entries from the number from on and before the number to, as
// many as maxBytes allows and at least one.
func (v *view) read(ctx context.Context, from, to uint64, maxBytes int) ([]storage.Entry, error) {
	var entries []storage.Entry
	size := 0
	for seq := from; seq < to; seq++ {
		if (seq-from)%contextInterval == contextInterval-1 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		stored, err := v.entry(seq, seq == from)
		if err != nil {
			return nil, err
		}
		size += len(stored.Payload)
		if seq > from && size > maxBytes {
			break
		}
		if seq == from { // the others are likely to be as long
			entries = make([]storage.Entry, 0, min(to-from, uint64(maxBytes/max(size, minEntry)+1)))
		}
		entries = append(entries, storage.Entry{Seq: seq, Time: format.Time(stored.Time), Payload: bytes.Clone(stored.Payload)})
	}
	return entries, nil
}

// entry returns the entry with that number. Without seek it must be the one
// after the last that was returned. The payload is valid until the next call.
func (v *view) entry(seq uint64, seek bool) (format.Entry, error) {
	var found bool
	key := format.AppendEntryKey(v.key[:0], v.Number, seq)
	if seek {
		found = v.it.SeekGE(key)
	} else {
		found = v.it.Next()
	}
	if !found && v.it.Error() != nil {
		return format.Entry{}, v.log.readError(v.it.Error())
	}
	if !found || !bytes.Equal(v.it.Key(), key) {
		return format.Entry{}, v.log.readError(fmt.Errorf("%w: there is no entry %d", integrity.ErrMissing, seq))
	}
	b, err := v.it.ValueAndErr()
	if err != nil {
		return format.Entry{}, v.log.readError(err)
	}
	stored, err := format.DecodeEntry(b)
	if err != nil {
		return format.Entry{}, v.log.readError(fmt.Errorf("entry %d: %w", seq, err))
	}
	return stored, nil
}

// search returns the first number whose entry is wanted, or Next if none is. All
// entries after a wanted one must be wanted.
func (v *view) search(ctx context.Context, wanted func(format.Entry) bool) (uint64, error) {
	var err error
	n := sort.Search(int(v.Next-v.First), func(i int) bool {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return true
		}
		var stored format.Entry
		stored, err = v.entry(v.First+uint64(i), true)
		return err != nil || wanted(stored)
	})
	return v.First + uint64(n), err
}

// findTime returns the number of the first entry that is not older than t, or
// Next if all are.
func (v *view) findTime(ctx context.Context, t time.Time) (uint64, error) {
	switch {
	case v.IsEmpty() || t.After(format.Time(v.LastTime)):
		return v.Next, nil
	case !t.After(format.Time(v.FirstTime)):
		return v.First, nil
	}
	return v.search(ctx, func(stored format.Entry) bool { return !format.Time(stored.Time).Before(t) })
}
