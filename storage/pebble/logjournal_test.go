package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"seagate/storage"
	"seagate/storage/pebble"
)

// A logJournal knows what logs must hold after a crash. While it is stopped,
// answers count no more.
type logJournal struct {
	mu      sync.Mutex // guards what follows
	stopped bool
	begun   int
	logs    map[string]*logEntries
}

type logEntries struct {
	epoch    string
	answered map[uint64]string // number to payload
	begun    map[string]bool   // all payloads that somebody tried to append
	keys     map[string]keyed  // of appends that were answered
	trimmed  uint64            // at most the entries before this one were trimmed
}

type keyed struct {
	payloads [][]byte
	first    uint64
}

func newLogJournal() *logJournal { return &logJournal{logs: make(map[string]*logEntries)} }

func (j *logJournal) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
}

// begin returns payloads that are like no others, and maybe a key.
func (j *logJournal) begin(name string, random *rand.Rand) (payloads [][]byte, key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.logs[name]
	if l == nil {
		l = &logEntries{answered: map[uint64]string{}, begun: map[string]bool{}, keys: map[string]keyed{}}
		j.logs[name] = l
	}
	for range 1 + random.IntN(4) {
		j.begun++
		text := fmt.Sprintf("%d %s", j.begun, strings.Repeat("x", random.IntN(2000)))
		l.begun[text] = true
		payloads = append(payloads, []byte(text))
	}
	if random.IntN(3) == 0 {
		key = fmt.Sprint("key ", j.begun)
	}
	return payloads, key
}

// append appends once, and tells done whether that went well and counts.
func (j *logJournal) append(e *pebble.Engine, name string, random *rand.Rand, done func(counts bool, err error)) error {
	l, err := e.OpenLog(context.Background(), name)
	if err != nil {
		return err
	}
	payloads, key := j.begin(name, random)
	l.Append(storage.Append{Payloads: payloads, Key: key, Window: time.Hour, Done: func(made storage.Appended, err error) {
		if err != nil {
			done(false, err)
			return
		}
		done(j.answer(name, l.Bounds().Epoch, key, payloads, made), nil)
	}})
	return nil
}

func (j *logJournal) answer(name, epoch, key string, payloads [][]byte, made storage.Appended) (counts bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return false
	}
	l := j.logs[name]
	l.epoch = epoch
	for i, payload := range payloads {
		l.answered[made.First+uint64(i)] = string(payload)
	}
	if key != "" {
		l.keys[key] = keyed{payloads, made.First}
	}
	return true
}

// trim keeps so many entries. What it may remove is noted before.
func (j *logJournal) trim(e *pebble.Engine, name string, keep uint64) error {
	l, err := e.OpenLog(context.Background(), name)
	if err != nil {
		return err
	}
	j.mu.Lock()
	if known := j.logs[name]; known != nil && !j.stopped {
		known.trimmed = math.MaxUint64 // until check looks how far it went
	}
	j.mu.Unlock()
	return l.Trim(context.Background(), storage.Retention{Messages: keep})
}

// check compares the engine with the journal, and makes the journal certain of
// what was open.
func (j *logJournal) check(t *testing.T, e *pebble.Engine) {
	t.Helper()
	j.mu.Lock() // an engine that has failed may be answering still
	defer j.mu.Unlock()
	j.stopped = false
	for name, err := range e.Logs(t.Context()) {
		if err != nil || j.logs[name] == nil {
			t.Fatalf("there is a log %q that nobody made (%v)", name, err)
		}
	}
	for name, l := range j.logs {
		log := mustOpenLog(t, e, name)
		l.check(t, name, log)
		l.checkKeys(t, name, log)
	}
}

func (l *logEntries) check(t *testing.T, name string, log storage.Log) {
	t.Helper()
	b := log.Bounds()
	if l.epoch != "" && b.Epoch != l.epoch {
		t.Fatalf("after the crash log %q has epoch %q, had %q", name, b.Epoch, l.epoch)
	}
	found := make(map[uint64]string)
	seen := make(map[string]bool)
	for i, entry := range readAll(t, log) {
		text := string(entry.Payload)
		if entry.Seq != b.First+uint64(i) || seen[text] || !l.begun[text] {
			t.Fatalf("after the crash entry %d of log %q is %d, %.20q, twice %v, begun %v", b.First+uint64(i), name, entry.Seq, text, seen[text], l.begun[text])
		}
		found[entry.Seq], seen[text] = text, true
	}
	for seq, text := range l.answered {
		if found[seq] != text && (seq >= b.First || seq >= l.trimmed) {
			t.Fatalf("after the crash entry %d of log %q is %.20q, was answered as %.20q (%d to %d)", seq, name, found[seq], text, b.First, b.Next)
		}
	}
	l.answered, l.trimmed = found, b.First
	if len(l.answered) > 0 {
		l.epoch = b.Epoch
	}
}

func (l *logEntries) checkKeys(t *testing.T, name string, log storage.Log) {
	t.Helper()
	before := log.Bounds()
	for key, made := range l.keys {
		got := appendTo(log, storage.Append{Payloads: made.payloads, Key: key, Window: time.Hour})
		if got.err != nil || !got.Repeat || got.First != made.first {
			t.Fatalf("after the crash key %q of log %q gives %+v, want a repeat of %d", key, name, got, made.first)
		}
	}
	if after := log.Bounds(); after != before {
		t.Fatalf("repeats changed log %q from %+v to %+v", name, before, after)
	}
}

func readAll(t testing.TB, log storage.Log) []storage.Entry {
	t.Helper()
	b := log.Bounds()
	entries, err := log.Read(t.Context(), b.First, math.MaxInt, math.MaxInt)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != int(b.Next-b.First) {
		t.Fatalf("log has %d entries, its bounds are %d to %d", len(entries), b.First, b.Next)
	}
	return entries
}

func mustOpenLog(t testing.TB, e *pebble.Engine, name string) storage.Log {
	t.Helper()
	l, err := e.OpenLog(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type answer struct {
	storage.Appended
	err error
}

func startAppend(l storage.Log, a storage.Append) <-chan answer {
	answers := make(chan answer, 1)
	a.Done = func(made storage.Appended, err error) { answers <- answer{made, err} }
	l.Append(a)
	return answers
}

func appendTo(l storage.Log, a storage.Append) answer { return <-startAppend(l, a) }

func texts(list ...string) [][]byte {
	var payloads [][]byte
	for _, text := range list {
		payloads = append(payloads, []byte(text))
	}
	return payloads
}

func mustAppend(t testing.TB, l storage.Log, list ...string) storage.Appended {
	t.Helper()
	got := appendTo(l, storage.Append{Payloads: texts(list...)})
	if got.err != nil {
		t.Fatalf("Append: %v", got.err)
	}
	return got.Appended
}

// logWriter appends to several logs and trims them until the journal's answers
// count no more, or the engine stops.
type logWriter struct {
	journal *logJournal
	engine  *pebble.Engine
	random  *rand.Rand
	answer  func() // called for each answer

	mu   sync.Mutex // guards what follows
	over bool
	err  error
}

func (w *logWriter) run() error {
	for !w.isOver() {
		name := fmt.Sprint("log ", w.random.IntN(3))
		var err error
		if w.random.IntN(20) == 0 {
			err = w.journal.trim(w.engine, name, 1+w.random.Uint64N(20))
		} else {
			err = w.append(name)
		}
		if err != nil {
			w.end(err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// append has at most a few appends in flight.
func (w *logWriter) append(name string) error {
	done := make(chan struct{})
	err := w.journal.append(w.engine, name, w.random, func(counts bool, err error) {
		if !counts {
			w.end(err)
		}
		w.answer()
		close(done)
	})
	if err != nil || w.random.IntN(4) > 0 {
		return err
	}
	select {
	case <-done:
	case <-time.After(time.Second): // a failed engine does not answer
	}
	return nil
}

func (w *logWriter) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.err = errors.Join(w.err, err)
}

func (w *logWriter) isOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over
}
