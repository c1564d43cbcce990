package memory

import (
	"context"
	"crypto/rand"
	"iter"
	"slices"
	"sync"
	"time"

	"seagate/storage"
	"seagate/storage/internal/dedup"
	"seagate/storage/internal/snapshot"
)

// A log is a storage.Log.
type log struct {
	engine *Engine
	epoch  string
	id     string

	// appending is held from the start of an append to the end of its Done, so
	// that the calls of Done come in the order of the numbers. Lock it before
	// the engine's mu.
	appending sync.Mutex

	// The engine's mu guards what follows.

	header  storage.LogHeader
	entries entries // those from next-entries.len on
	next    uint64
	bytes   int64     // of the payloads
	keys    int       // that are remembered
	last    time.Time // of the newest entry there ever was
	exists  bool      // the log was appended to, or trimmed
	deleted bool
}

// OpenLog implements storage.Logs.
func (e *Engine) OpenLog(ctx context.Context, name string) (storage.Log, error) {
	if err := storage.CheckLog(name); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usableLocked(ctx); err != nil {
		return nil, err
	}
	l, found := e.logs[name]
	if !found {
		l = &log{engine: e, epoch: rand.Text(), id: rand.Text(), next: 1}
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
	if err := e.usableLocked(ctx); err != nil {
		return nil, err
	}
	var names []string
	for name, l := range e.logs {
		if l.exists {
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
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.usableLocked(ctx); err != nil {
		return err
	}
	if l, found := e.logs[name]; found {
		delete(e.logs, name)
		e.dedup.Drop(l)
		l.deleted, l.entries, l.bytes, l.header = true, entries{}, 0, storage.LogHeader{}
	}
	return nil
}

// Append implements storage.Log. It calls a.Done before it returns.
func (l *log) Append(a storage.Append) {
	var request dedup.Request
	err := storage.CheckAppend(a)
	if err == nil {
		request = dedup.NewRequest(a)
	}
	l.appending.Lock()
	defer l.appending.Unlock()
	var made storage.Appended
	if err == nil {
		made, err = l.append(a, request)
	}
	if a.Done != nil {
		a.Done(made, err)
	}
}

func (l *log) append(a storage.Append, request dedup.Request) (storage.Appended, error) {
	e := l.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := l.usableLocked(context.Background()); err != nil {
		return storage.Appended{}, err
	}
	if e.dedup.Len() > 0 {
		for range e.dedup.Expired() { // forgets what has expired in any log
		}
	}
	now := l.nowLocked()
	if first, repeat, err := e.dedup.Repeat(l, request, now); repeat {
		return first, err
	}
	if a.Refusal != nil {
		return storage.Appended{}, a.Refusal
	}
	if _, _, err := e.dedup.Add(l, request, l.next, now); err != nil {
		return storage.Appended{}, err
	}
	made := storage.Appended{First: l.next, Time: now}
	for _, payload := range a.Payloads {
		l.entries.add(now, payload)
		l.next++
		l.bytes += int64(len(payload))
	}
	l.last, l.exists = now, true
	if a.Header != nil {
		l.header = storage.LogHeader{Seq: l.next - 1, Value: a.Header}
	}
	return made, nil
}

// nowLocked returns the current time, but none before that of the newest entry, even if the clock
// was set back.
func (l *log) nowLocked() time.Time {
	now := time.Now().Round(0).UTC()
	if now.Before(l.last) {
		now = l.last
	}
	return now
}

// Bounds implements storage.Log.
func (l *log) Bounds() storage.Bounds {
	l.engine.mu.RLock()
	defer l.engine.mu.RUnlock()
	b := storage.Bounds{First: l.firstLocked(), Next: l.next, Bytes: l.bytes, Epoch: l.epoch, ID: l.id, Keys: l.keys}
	if n := l.entries.len; n > 0 {
		b.FirstTime, b.LastTime = l.entries.timeAt(0), l.entries.timeAt(n-1)
	}
	return b
}

// Header implements storage.Log.
func (l *log) Header(ctx context.Context) (storage.LogHeader, error) {
	l.engine.mu.RLock()
	defer l.engine.mu.RUnlock()
	if err := l.usableLocked(ctx); err != nil {
		return storage.LogHeader{}, err
	}
	return l.header, nil
}

func (l *log) firstLocked() uint64 { return l.next - uint64(l.entries.len) }

// Read implements storage.Log.
func (l *log) Read(ctx context.Context, from uint64, maxMessages, maxBytes int) ([]storage.Entry, error) {
	l.engine.mu.RLock()
	defer l.engine.mu.RUnlock()
	if err := l.usableLocked(ctx); err != nil {
		return nil, err
	}
	switch {
	case from < l.firstLocked():
		return nil, storage.ErrTrimmed
	case from >= l.next:
		return nil, nil
	}
	return l.entries.read(int(from-l.firstLocked()), from, maxMessages, maxBytes), nil
}

// Find implements storage.Log.
func (l *log) Find(ctx context.Context, t time.Time) (uint64, error) {
	l.engine.mu.RLock()
	defer l.engine.mu.RUnlock()
	if err := l.usableLocked(ctx); err != nil {
		return 0, err
	}
	return l.firstLocked() + uint64(l.entries.older(t)), nil
}

// Trim implements storage.Log.
func (l *log) Trim(ctx context.Context, r storage.Retention) error {
	l.engine.mu.Lock()
	defer l.engine.mu.Unlock()
	if err := l.usableLocked(ctx); err != nil {
		return err
	}
	l.exists = true
	if r.Age > 0 {
		now := r.Now
		if now.IsZero() {
			now = l.nowLocked()
		}
		l.dropLocked(l.entries.older(now.Add(-r.Age)))
	}
	for l.entries.len > 1 && l.exceedsLocked(r) {
		l.dropLocked(1)
	}
	return nil
}

func (l *log) exceedsLocked(r storage.Retention) bool {
	return r.Bytes > 0 && l.bytes > r.Bytes || r.Messages > 0 && uint64(l.entries.len) > r.Messages
}

// dropLocked drops the n oldest entries.
func (l *log) dropLocked(n int) {
	for range n {
		l.bytes -= int64(l.entries.drop())
	}
}

func (l *log) usableLocked(ctx context.Context) error {
	if err := l.engine.usableLocked(ctx); err != nil {
		return err
	}
	if l.deleted {
		return storage.ErrNoLog
	}
	return nil
}
