package storagetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seagate/storage"
)

// An appender appends to one log without waiting for the answers, and checks
// them as they come.
type appender struct {
	t    testing.TB
	log  *watchedLog
	name string
	n    int // appends made

	mu       sync.Mutex // guards what follows
	answered int
	failed   bool
	last     uint64 // number of the last entry that was answered
	waiting  sync.WaitGroup
}

// A watchedLog checks what is true of all answers of one log.
type watchedLog struct {
	storage.Log
	inside atomic.Int32 // calls of Done
	next   atomic.Uint64
	seen   sync.Map // number to text
}

func (a *appender) append(size int) {
	texts := make([]string, size)
	for i := range texts {
		texts[i] = fmt.Sprintf("%s/%d/%d", a.name, a.n, i)
	}
	n := a.n
	a.n++
	a.waiting.Add(1)
	a.log.Append(storage.Append{Payloads: payloads(texts...), Done: func(made storage.Appended, err error) {
		defer a.waiting.Done()
		if a.log.inside.Add(1) != 1 {
			a.t.Error("two calls of Done of one log at a time")
		}
		defer a.log.inside.Add(-1)
		a.answer(n, texts, made, err)
	}})
}

func (a *appender) answer(n int, texts []string, made storage.Appended, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		if !errors.Is(err, storage.ErrClosed) {
			a.t.Errorf("Append: %v", err)
		}
		a.failed = true
		return
	}
	if a.failed || n != a.answered {
		a.t.Errorf("append %d was answered after %d, failed %v", n, a.answered, a.failed)
	}
	if made.First <= a.last || !a.log.next.CompareAndSwap(made.First, made.First+uint64(len(texts))) {
		a.t.Errorf("append has number %d, the one before %d, of the log %d", made.First, a.last, a.log.next.Load()-1)
	}
	if b := a.log.Bounds(); b.Next < made.First+uint64(len(texts)) || b.LastTime.Before(made.Time) {
		a.t.Errorf("Done was called before Bounds shows the append: %+v, %+v", made, b)
	}
	a.answered, a.last = n+1, made.First+uint64(len(texts))-1
	for i, text := range texts {
		a.log.seen.Store(made.First+uint64(i), text)
	}
}

func watch(l storage.Log) *watchedLog {
	w := &watchedLog{Log: l}
	w.next.Store(1)
	return w
}

// check compares the log with what was answered.
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

// testLogAppenders has many goroutines append to many logs.
func testLogAppenders(t *testing.T, e storage.Engine) {
	var logs []*watchedLog
	for i := range 5 {
		logs = append(logs, watch(mustOpenLog(t, e, fmt.Sprint(i))))
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

// testLogReadersWhileAppending has readers follow a log: they see every entry,
// in order, and nothing beyond the bounds.
func testLogReadersWhileAppending(t *testing.T, e storage.Engine) {
	const n = 300
	l := mustOpenLog(t, e, "log")
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

// testLogTrimWhileAppending has readers at both ends of a log that grows and
// is trimmed: what is not there any more is ErrTrimmed, and nothing else.
func testLogTrimWhileAppending(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
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
	mustTrim(t, l, storage.Retention{Messages: 2})
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

// testLogModel does what comes to a random mind, to the engine and to a slice.
func testLogModel(t *testing.T, e storage.Engine) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	type model struct {
		first uint64
		texts []string
		keys  map[string]string
	}
	models := map[string]*model{}
	for range 600 {
		name := fmt.Sprint("log ", random.IntN(3))
		l := mustOpenLog(t, e, name)
		m := models[name]
		if m == nil {
			m = &model{first: 1, keys: map[string]string{}}
		}
		switch random.IntN(8) {
		case 0:
			keep := storage.Retention{Messages: uint64(random.IntN(10)), Bytes: int64(random.IntN(60))}
			mustTrim(t, l, keep)
			for len(m.texts) > 1 && (keep.Messages > 0 && uint64(len(m.texts)) > keep.Messages || keep.Bytes > 0 && len(strings.Join(m.texts, "")) > int(keep.Bytes)) {
				m.first, m.texts = m.first+1, m.texts[1:]
			}
			models[name] = m
		case 1:
			if random.IntN(8) > 0 {
				continue
			}
			wantError(t, "DeleteLog", e.DeleteLog(t.Context(), name), nil)
			delete(models, name)
			continue
		case 2:
			key, text := fmt.Sprint(random.IntN(20)), fmt.Sprint(random.IntN(2))
			got := once(l, key, text)
			before, used := m.keys[key]
			switch {
			case used && before != text:
				wantError(t, "Append", got.err, storage.ErrKeyReused)
			case got.err != nil || got.Repeat != used:
				t.Fatalf("Append with key %q: %+v, used before: %v", key, got, used)
			case !used:
				m.keys[key], m.texts = text, append(m.texts, text)
				models[name] = m
			}
		default:
			var texts []string
			for range 1 + random.IntN(4) {
				texts = append(texts, strings.Repeat("x", random.IntN(20)))
			}
			if got := mustAppend(t, l, texts...); got.First != m.first+uint64(len(m.texts)) {
				t.Fatalf("Append: %+v, want first %d", got, m.first+uint64(len(m.texts)))
			}
			m.texts = append(m.texts, texts...)
			models[name] = m
		}
		wantEntries(t, l, m.first, m.texts...)
		if got, want := logNames(t, e), slices.Sorted(maps.Keys(models)); !slices.Equal(got, want) {
			t.Fatalf("Logs: %q, want %q", got, want)
		}
	}
}

func testLogCanceledContext(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	fill(t, l, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, openErr := e.OpenLog(ctx, "log")
	_, readErr := l.Read(ctx, 1, 1, 1)
	_, findErr := l.Find(ctx, time.Now())
	for what, err := range map[string]error{
		"OpenLog":   openErr,
		"Read":      readErr,
		"Find":      findErr,
		"Trim":      l.Trim(ctx, storage.Retention{Messages: 1}),
		"DeleteLog": e.DeleteLog(ctx, "log"),
		"Logs":      lastError(e, ctx),
	} {
		wantError(t, what, err, context.Canceled)
	}
	wantEntries(t, l, 1, "1", "2", "3")
}

func lastError(e storage.Engine, ctx context.Context) (last error) {
	for _, err := range e.Logs(ctx) {
		last = err
	}
	return last
}

func testLogClosed(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	fill(t, l, 3)
	before := l.Bounds()
	for name, err := range e.Logs(t.Context()) { // closed in the middle
		if err == nil && name == "log" {
			mustClose(t, e)
		}
	}
	_, openErr := e.OpenLog(t.Context(), "log")
	_, readErr := l.Read(t.Context(), 1, 1, 1)
	_, findErr := l.Find(t.Context(), time.Now())
	for what, err := range map[string]error{
		"OpenLog":   openErr,
		"Append":    appendTo(l, storage.Append{Payloads: payloads("x")}).err,
		"Read":      readErr,
		"Find":      findErr,
		"Trim":      l.Trim(t.Context(), storage.Retention{Messages: 1}),
		"DeleteLog": e.DeleteLog(t.Context(), "log"),
		"Logs":      lastError(e, t.Context()),
	} {
		wantError(t, what, err, storage.ErrClosed)
	}
	if after := l.Bounds(); after != before {
		t.Errorf("Bounds after Close: %+v, before: %+v", after, before)
	}
}

func testLogCloseDuringAppends(t *testing.T, e storage.Engine) {
	appendUntilClosed(t, e, mustOpenLog(t, e, "log"))
}

// appendUntilClosed closes the engine in the middle of many appends, of which
// each must be answered. It returns what the log must hold.
func appendUntilClosed(t *testing.T, e storage.Engine, l storage.Log) *watchedLog {
	w := watch(l)
	together(func(i int) {
		a := &appender{t: t, log: w, name: fmt.Sprint(i)}
		for n := 0; !a.hasFailed(); n++ {
			a.append(1)
			if i == 0 && n == 200 {
				mustCloseInBackground(t, e)
			}
		}
		a.waiting.Wait()
	})
	return w
}

func mustCloseInBackground(t testing.TB, e storage.Engine) {
	go func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
}

func (a *appender) hasFailed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

func testAnsweredAppendsSurviveClose(t *testing.T, open func() storage.Engine) {
	e := open()
	w := appendUntilClosed(t, e, mustOpenLog(t, e, "log"))
	mustClose(t, e)
	e = open()
	defer mustClose(t, e)
	w.Log = mustOpenLog(t, e, "log")
	w.check(t)
}

func testLogsSurviveReopen(t *testing.T, open func() storage.Engine) {
	e := open()
	want := map[string]storage.Bounds{}
	for i := range 5 {
		l := mustOpenLog(t, e, fmt.Sprint(i))
		fill(t, l, 10*i)
		mustTrim(t, l, storage.Retention{Messages: uint64(7 * i)})
		want[fmt.Sprint(i)] = l.Bounds()
	}
	old := mustOpenLog(t, e, "all too old")
	fill(t, old, 5)
	for old.Bounds().First != old.Bounds().Next { // as soon as the clock has moved
		mustTrim(t, old, storage.Retention{Age: 1})
	}
	want["all too old"] = old.Bounds()
	mustOpenLog(t, e, "never appended to")
	for range 3 {
		mustClose(t, e)
		e = open()
		if got, want := logNames(t, e), slices.Sorted(maps.Keys(want)); !slices.Equal(got, want) {
			t.Fatalf("Logs: %q, want %q", got, want)
		}
		for name, before := range want {
			l := mustOpenLog(t, e, name)
			if b := l.Bounds(); b != before {
				t.Fatalf("log %q came back as %+v, was %+v", name, b, before)
			}
			for i, entry := range mustRead(t, l, before.First, math.MaxInt, math.MaxInt) {
				if entry.Seq != before.First+uint64(i) || string(entry.Payload) != fmt.Sprint(entry.Seq) {
					t.Fatalf("entry %d of log %q: %d, %q", i, name, entry.Seq, entry.Payload)
				}
			}
			fill(t, l, 2)
			if b := l.Bounds(); b.Next != before.Next+2 {
				t.Fatalf("log %q goes on with %+v, was %+v", name, b, before)
			}
			want[name] = l.Bounds()
		}
	}
	mustClose(t, e)
}

func testKeysSurviveReopen(t *testing.T, open func() storage.Engine) {
	e := open()
	l := mustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "a", "b")
	wantOnce(t, mustOpenLog(t, e, "other"), 1, false, "key", "c")
	brief := appendTo(l, storage.Append{Payloads: payloads("brief"), Key: "brief", Window: 1})
	wantError(t, "Append", brief.err, nil)
	made := l.Bounds().FirstTime
	for range 3 {
		mustClose(t, e)
		e = open()
		l = mustOpenLog(t, e, "log")
		if got := once(l, "key", "a", "b"); got.err != nil || got.First != 1 || !got.Repeat || got.Time != made {
			t.Fatalf("repeat after a restart: %+v", got)
		}
		wantError(t, "other payloads after a restart", once(l, "key", "a").err, storage.ErrKeyReused)
		wantOnce(t, mustOpenLog(t, e, "other"), 1, true, "key", "c")
	}
	wantOnce(t, l, 4, false, "brief", "brief")
	mustClose(t, e)
}

func testDeletedLogsStayDeleted(t *testing.T, open func() storage.Engine) {
	e := open()
	l := mustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "a")
	before := l.Bounds()
	wantError(t, "DeleteLog", e.DeleteLog(t.Context(), "log"), nil)
	mustClose(t, e)
	e = open()
	if names := logNames(t, e); len(names) != 0 {
		t.Fatalf("Logs: %q", names)
	}
	l = mustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "b")
	if b := l.Bounds(); b.Epoch == before.Epoch || b.ID == before.ID {
		t.Errorf("made anew it is %+v, was %+v", b, before)
	}
	mustClose(t, e)
	e = open()
	wantEntries(t, mustOpenLog(t, e, "log"), 1, "b")
	mustClose(t, e)
}
