package storagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"seagate/storage"
)

// An appender appends to one log without waiting for results, and checks them as
// they come.
type appender struct {
	t    testing.TB
	log  *watchedLog
	name string
	n    int // appends made

	mu       sync.Mutex // guards what follows
	finished int
	failed   bool
	last     uint64 // number of the last entry that was acknowledged
	waiting  sync.WaitGroup
}

// A watchedLog checks what must be true of all results of one log.
type watchedLog struct {
	storage.Log
	inside atomic.Int32 // calls of Done
	next   atomic.Uint64
	seen   sync.Map // text by number
}

func (a *appender) append(size int) {
	texts := make([]string, size)
	for i := range texts {
		texts[i] = fmt.Sprintf("%s/%d/%d", a.name, a.n, i)
	}
	n := a.n
	a.n++
	a.waiting.Add(1)
	a.log.Append(storage.Append{Payloads: Payloads(texts...), Done: func(made storage.Appended, err error) {
		defer a.waiting.Done()
		if a.log.inside.Add(1) != 1 {
			a.t.Error("two calls of Done for one log at a time")
		}
		defer a.log.inside.Add(-1)
		a.check(n, texts, made, err)
	}})
}

func (a *appender) check(n int, texts []string, made storage.Appended, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		if !errors.Is(err, storage.ErrClosed) {
			a.t.Errorf("Append: %v", err)
		}
		a.failed = true
		return
	}
	if a.failed || n != a.finished {
		a.t.Errorf("append %d finished after %d, failed %v", n, a.finished, a.failed)
	}
	if made.First <= a.last || !a.log.next.CompareAndSwap(made.First, made.First+uint64(len(texts))) {
		a.t.Errorf("append has number %d, the appender had %d, the log %d", made.First, a.last, a.log.next.Load()-1)
	}
	if b := a.log.Bounds(); b.Next < made.First+uint64(len(texts)) || b.LastTime.Before(made.Time) {
		a.t.Errorf("Done was called before Bounds shows the append: %+v, %+v", made, b)
	}
	a.finished, a.last = n+1, made.First+uint64(len(texts))-1
	for i, text := range texts {
		a.log.seen.Store(made.First+uint64(i), text)
	}
}

func watch(l storage.Log) *watchedLog {
	w := &watchedLog{Log: l}
	w.next.Store(1)
	return w
}

// check compares the log with what was acknowledged.
func (w *watchedLog) check(t testing.TB) {
	t.Helper()
	var texts []string
	for seq := w.Bounds().First; ; seq++ {
		text, found := w.seen.Load(seq)
		if !found {
			break
		}
		texts = append(texts, text.(string))
	}
	wantEntries(t, w, w.Bounds().First, texts...)
}

// testLogAppenders has several goroutines append to several logs.
func testLogAppenders(t *testing.T, e storage.Engine) {
	var logs []*watchedLog
	for i := range 5 {
		logs = append(logs, watch(MustOpenLog(t, e, fmt.Sprint(i))))
	}
	together(func(i int) {
		var all []*appender
		for _, l := range logs {
			all = append(all, &appender{t: t, log: l, name: fmt.Sprint(i)})
		}
		for n := range 60 {
			all[(n+i)%len(all)].append(1 + n%3)
		}
		for _, a := range all {
			a.waiting.Wait()
		}
	})
	for _, l := range logs {
		l.check(t)
	}
}

// testLogReadersWhileAppending has readers follow a log. They see every entry, in
// order, and nothing beyond the bounds.
func testLogReadersWhileAppending(t *testing.T, e storage.Engine) {
	const n = 300
	l := MustOpenLog(t, e, "log")
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for from := uint64(1); from <= n && !t.Failed(); {
				entries, err := l.Read(t.Context(), from, 10, 1000)
				if err != nil {
					t.Errorf("Read(%d): %v", from, err)
				}
				next := l.Bounds().Next
				for _, entry := range entries {
					if entry.Seq != from || string(entry.Payload) != fmt.Sprint(from) || entry.Seq >= next {
						t.Errorf("read entry %d, %q, want %d, before %d", entry.Seq, entry.Payload, from, next)
					}
					from++
				}
			}
		})
	}
	for range n / 3 {
		fill(t, l, 3)
	}
	readers.Wait()
}

// testLogTrimWhileAppending has readers at both ends of a log that grows and is
// trimmed. Only entries that were trimmed are ErrTrimmed.
func testLogTrimWhileAppending(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() { readOldest(t, ctx, l) })
	}
	others.Go(func() {
		for ctx.Err() == nil {
			if err := l.Trim(ctx, storage.Retention{Messages: 5, Bytes: 15}); err != nil && ctx.Err() == nil {
				t.Errorf("Trim: %v", err)
			}
		}
	})
	for range 100 {
		fill(t, l, 3)
	}
	stop()
	others.Wait()
	MustTrim(t, l, storage.Retention{Messages: 2})
	wantEntries(t, l, 299, "299", "300")
}

func readOldest(t testing.TB, ctx context.Context, l storage.Log) {
	for ctx.Err() == nil && !t.Failed() {
		b := l.Bounds()
		entries, err := l.Read(ctx, b.First, 10, 1000)
		switch {
		case errors.Is(err, storage.ErrTrimmed) && l.Bounds().First > b.First, ctx.Err() != nil:
		case err != nil:
			t.Errorf("Read(%d): %v", b.First, err)
		}
		for i, entry := range entries {
			if entry.Seq != b.First+uint64(i) || string(entry.Payload) != fmt.Sprint(entry.Seq) {
				t.Errorf("Read(%d): entry %d is %d, %q", b.First, i, entry.Seq, entry.Payload)
			}
		}
		if at, err := l.Find(ctx, b.FirstTime); err == nil && at < b.First && b.First != b.Next {
			t.Errorf("Find: %d, before %d", at, b.First)
		}
	}
}

// testLogModel makes random calls to the engine and to models of its logs, and
// compares them.
func testLogModel(t *testing.T, e storage.Engine) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	models := map[string]*logModel{} // of the logs that exist
	for range 600 {
		name := fmt.Sprint("log ", random.IntN(3))
		l, m := MustOpenLog(t, e, name), models[name]
		if m == nil {
			m = &logModel{first: 1, keys: map[string]string{}}
		}
		switch random.IntN(8) {
		case 0:
			m.trim(t, l, storage.Retention{Messages: uint64(random.IntN(10)), Bytes: int64(random.IntN(60))})
		case 1:
			if random.IntN(8) == 0 {
				mustDeleteLog(t, e, name)
				delete(models, name)
			}
			continue
		case 2:
			m.appendOnce(t, l, fmt.Sprint(random.IntN(20)), fmt.Sprint(random.IntN(2)))
		default:
			m.append(t, l, random)
		}
		if len(m.texts) > 0 || m.trimmed {
			models[name] = m
		}
		wantEntries(t, l, m.first, m.texts...)
		wantLogs(t, e, slices.Sorted(maps.Keys(models))...)
	}
}

// A logModel is what a log must hold.
type logModel struct {
	first   uint64
	texts   []string
	keys    map[string]string // text by key of the append
	trimmed bool
}

func (m *logModel) trim(t *testing.T, l storage.Log, keep storage.Retention) {
	MustTrim(t, l, keep)
	m.trimmed = true
	exceeds := func() bool {
		return keep.Messages > 0 && uint64(len(m.texts)) > keep.Messages ||
			keep.Bytes > 0 && len(strings.Join(m.texts, "")) > int(keep.Bytes)
	}
	for len(m.texts) > 1 && exceeds() {
		m.first, m.texts = m.first+1, m.texts[1:]
	}
}

func (m *logModel) appendOnce(t *testing.T, l storage.Log, key, text string) {
	got := appendOnce(l, key, text)
	before, used := m.keys[key]
	switch {
	case used && before != text:
		wantError(t, "Append", got.Err, storage.ErrKeyReused)
	case got.Err != nil || got.Repeat != used:
		t.Fatalf("Append with key %q: %+v, used before: %v", key, got, used)
	case !used:
		m.keys[key], m.texts = text, append(m.texts, text)
	}
}

func (m *logModel) append(t *testing.T, l storage.Log, random *rand.Rand) {
	var texts []string
	for range 1 + random.IntN(4) {
		texts = append(texts, strings.Repeat("x", random.IntN(20)))
	}
	if got := MustAppend(t, l, texts...); got.First != m.first+uint64(len(m.texts)) {
		t.Fatalf("Append: %+v, want first %d", got, m.first+uint64(len(m.texts)))
	}
	m.texts = append(m.texts, texts...)
}

func testLogCanceledContext(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	fill(t, l, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	WantErrors(t, LogsCalls(ctx, e), context.Canceled)
	WantErrors(t, LogCalls(ctx, l), context.Canceled)
	wantEntries(t, l, 1, "1", "2", "3")
}

func testLogClosed(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	fill(t, l, 3)
	before := l.Bounds()
	for name, err := range e.Logs(t.Context()) { // Close in the middle
		if err == nil && name == "log" {
			MustClose(t, e)
		}
	}
	wantError(t, "Append", AppendTo(l, storage.Append{Payloads: Payloads("x")}).Err, storage.ErrClosed)
	WantErrors(t, LogsCalls(t.Context(), e), storage.ErrClosed)
	WantErrors(t, LogCalls(t.Context(), l), storage.ErrClosed)
	if after := l.Bounds(); after != before {
		t.Errorf("Bounds after Close: %+v, before: %+v", after, before)
	}
}

func testLogCloseDuringAppends(t *testing.T, e storage.Engine) {
	appendUntilClosed(t, e, MustOpenLog(t, e, "log"))
}

// appendUntilClosed closes the engine in the middle of many appends. Each must
// get a result. It returns what the log must hold.
func appendUntilClosed(t *testing.T, e storage.Engine, l storage.Log) *watchedLog {
	w := watch(l)
	together(func(i int) {
		a := &appender{t: t, log: w, name: fmt.Sprint(i)}
		for n := 0; !a.hasFailed(); n++ {
			a.append(1)
			if i == 0 && n == 200 {
				go func() {
					if err := e.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				}()
			}
		}
		a.waiting.Wait()
	})
	return w
}

func (a *appender) hasFailed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}
