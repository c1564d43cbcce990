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
// acknowledgements do not count.
type logJournal struct {
	mu      sync.Mutex // guards what follows
	stopped bool
	begun   int
	logs    map[string]*logEntries
}

type logEntries struct {
	epoch        string
	acknowledged map[uint64]string // payload by number
	begun        map[string]bool   // all payloads of attempted appends
	keys         map[string]keyed  // of acknowledged appends
	trimmed      uint64            // at most the entries before this number were trimmed
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

// begin returns unique payloads, and a key for some appends.
func (j *logJournal) begin(name string, random *rand.Rand) (payloads [][]byte, key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.logs[name]
	if l == nil {
		l = &logEntries{acknowledged: map[uint64]string{}, begun: map[string]bool{}, keys: map[string]keyed{}}
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

// append appends, and calls done with the error and whether the append counts.
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
		done(j.acknowledge(name, l.Bounds().Epoch, key, payloads, made), nil)
	}})
	return nil
}

func (j *logJournal) acknowledge(name, epoch, key string, payloads [][]byte, made storage.Appended) (counts bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return false
	}
	l := j.logs[name]
	l.epoch = epoch
	for i, payload := range payloads {
		l.acknowledged[made.First+uint64(i)] = string(payload)
	}
	if key != "" {
		l.keys[key] = keyed{payloads, made.First}
	}
	return true
}

// trim keeps that many entries. It first notes that entries may be missing. Once the
// journal is stopped it trims nothing: the crash may show what is trimmed from then on.
func (j *logJournal) trim(e *pebble.Engine, name string, keep uint64) error {
	l, err := e.OpenLog(context.Background(), name)
	if err != nil {
		return err
	}
	if !j.beginTrim(name) {
		return nil
	}
	return l.Trim(context.Background(), storage.Retention{Messages: keep})
}

// beginTrim returns false if there is nothing to trim yet, or the journal is stopped.
func (j *logJournal) beginTrim(name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	known := j.logs[name]
	if known == nil || j.stopped {
		return false
	}
	known.trimmed = math.MaxUint64 // until check knows
	return true
}

// check compares the engine with the journal. Then it notes in the journal what
// became of appends that were not acknowledged.
func (j *logJournal) check(t *testing.T, e *pebble.Engine) {
	t.Helper()
	j.mu.Lock() // an engine that has failed may still call Done
	defer j.mu.Unlock()
	j.stopped = false
	for name, err := range e.Logs(t.Context()) {
		if err != nil || j.logs[name] == nil {
			t.Fatalf("log %q exists, but nobody appended to it (%v)", name, err)
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
	for i, entry := range mustReadAll(t, log) {
		text := string(entry.Payload)
		if entry.Seq != b.First+uint64(i) || seen[text] || !l.begun[text] {
			t.Fatalf("after the crash entry %d of log %q is %d, %.20q, twice %v, begun %v", b.First+uint64(i), name, entry.Seq, text, seen[text], l.begun[text])
		}
		found[entry.Seq], seen[text] = text, true
	}
	for seq, text := range l.acknowledged {
		if found[seq] != text && (seq >= b.First || seq >= l.trimmed) {
			t.Fatalf("after the crash entry %d of log %q is %.20q, was acknowledged as %.20q (%d to %d)", seq, name, found[seq], text, b.First, b.Next)
		}
	}
	l.acknowledged, l.trimmed = found, b.First
	if len(l.acknowledged) > 0 {
		l.epoch = b.Epoch
	}
}

func (l *logEntries) checkKeys(t *testing.T, name string, log storage.Log) {
	t.Helper()
	before := log.Bounds()
	for key, made := range l.keys {
		got := appendTo(log, storage.Append{Payloads: made.payloads, Key: key, Window: time.Hour})
		if got.Err != nil || !got.Repeat || got.First != made.first {
			t.Fatalf("after the crash key %q of log %q gives %+v, want a repeat of %d", key, name, got, made.first)
		}
	}
	if after := log.Bounds(); after != before {
		t.Fatalf("repeats changed log %q from %+v to %+v", name, before, after)
	}
}

// A logWriter appends to several logs and trims them until the journal is
// stopped or the engine stops.
type logWriter struct {
	journal      *logJournal
	engine       *pebble.Engine
	random       *rand.Rand
	acknowledged func() // called for each result

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

// append waits for the result of some appends, so that few are in flight.
func (w *logWriter) append(name string) error {
	done := make(chan struct{})
	err := w.journal.append(w.engine, name, w.random, func(counts bool, err error) {
		if !counts {
			w.end(err)
		}
		w.acknowledged()
		close(done)
	})
	if err != nil || w.random.IntN(4) > 0 {
		return err
	}
	select {
	case <-done:
	case <-time.After(time.Second): // a failed engine does not call Done
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
