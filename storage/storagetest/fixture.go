package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"seagate/storage"
)

// Table is the table that the helpers for one record use.
const Table = "table"

// MustPut writes a record whatever is there, and returns its revision.
func MustPut(t testing.TB, e storage.Engine, key, value string) uint64 {
	t.Helper()
	return mustPut(t, e, Table, key, value, storage.Always())
}

func mustPut(t testing.TB, e storage.Engine, table, key, value string, cond storage.Condition) uint64 {
	t.Helper()
	revision, err := e.Put(t.Context(), table, key, []byte(value), cond)
	if err != nil {
		t.Fatalf("Put(%q, %q): %v", table, key, err)
	}
	if revision == 0 {
		t.Fatalf("Put(%q, %q) returned revision 0", table, key)
	}
	return revision
}

func mustDelete(t testing.TB, e storage.Engine, table, key string, cond storage.Condition) {
	t.Helper()
	if err := e.Delete(t.Context(), table, key, cond); err != nil {
		t.Fatalf("Delete(%q, %q): %v", table, key, err)
	}
}

// MustClose closes the engine.
func MustClose(t testing.TB, e storage.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// MustList returns the records that a listing yields.
func MustList(t testing.TB, e storage.Engine, table, prefix string) []storage.Record {
	t.Helper()
	var records []storage.Record
	for r, err := range e.List(t.Context(), table, prefix) {
		if err != nil {
			t.Fatalf("List(%q, %q): %v", table, prefix, err)
		}
		records = append(records, r)
	}
	return records
}

func wantRecord(t testing.TB, e storage.Engine, table, key, value string, revision uint64) {
	t.Helper()
	r, err := e.Get(t.Context(), table, key)
	if err != nil {
		t.Fatalf("Get(%q, %q): %v", table, key, err)
	}
	if r.Key != key || string(r.Value) != value || r.Revision != revision {
		t.Fatalf("Get(%q, %q) = %s, want %q at revision %d", table, key, show(r), value, revision)
	}
}

func wantAbsent(t testing.TB, e storage.Engine, table, key string) {
	t.Helper()
	if r, err := e.Get(t.Context(), table, key); !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("Get(%q, %q) = %s, %v, want ErrNotFound", table, key, show(r), err)
	}
}

func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

func keys(records []storage.Record) []string {
	names := make([]string, 0, len(records))
	for _, r := range records {
		names = append(names, r.Key)
	}
	return names
}

func show(r storage.Record) string {
	return fmt.Sprintf("{%q: %.40q at revision %d}", r.Key, r.Value, r.Revision)
}

// RecordCalls makes every call about records, and returns the errors.
func RecordCalls(ctx context.Context, e storage.Engine) map[string]error {
	_, get := e.Get(ctx, Table, "key")
	_, put := e.Put(ctx, Table, "key", []byte("called"), storage.Always())
	_, putIfAbsent := e.Put(ctx, Table, "key", nil, storage.IfAbsent())
	errs := map[string]error{
		"Get":           get,
		"Put":           put,
		"Put if absent": putIfAbsent,
		"Delete":        e.Delete(ctx, Table, "key", storage.Always()),
	}
	yields := 0
	for _, err := range e.List(ctx, Table, "") {
		errs["List"] = err
		yields++
	}
	if yields != 1 {
		errs["List"] = fmt.Errorf("yielded %d times, want an error alone", yields)
	}
	return errs
}

// LogCalls makes every call about a log that takes a context, and returns the
// errors.
func LogCalls(ctx context.Context, l storage.Log) map[string]error {
	_, read := l.Read(ctx, 1, 1, 1)
	_, find := l.Find(ctx, time.Now())
	_, header := l.Header(ctx)
	return map[string]error{"Header": header, "Read": read, "Find": find, "Trim": l.Trim(ctx, storage.Retention{Messages: 1})}
}

// LogsCalls makes every call about the set of logs, and returns the errors.
func LogsCalls(ctx context.Context, e storage.Engine) map[string]error {
	_, open := e.OpenLog(ctx, "log")
	var last error
	for _, err := range e.Logs(ctx) {
		last = err
	}
	return map[string]error{"OpenLog": open, "Logs": last, "DeleteLog": e.DeleteLog(ctx, "log")}
}

// WantErrors checks that every call returned the error.
func WantErrors(t testing.TB, calls map[string]error, want error) {
	t.Helper()
	for call, err := range calls {
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", call, err, want)
		}
	}
}

// MustOpenLog opens a log.
func MustOpenLog(t testing.TB, e storage.Engine, name string) storage.Log {
	t.Helper()
	l, err := e.OpenLog(t.Context(), name)
	if err != nil {
		t.Fatalf("OpenLog(%q): %v", name, err)
	}
	return l
}

func mustDeleteLog(t testing.TB, e storage.Engine, name string) {
	t.Helper()
	if err := e.DeleteLog(t.Context(), name); err != nil {
		t.Fatalf("DeleteLog(%q): %v", name, err)
	}
}

// A Result is what Done was called with.
type Result struct {
	storage.Appended
	Err error
}

// StartAppend appends, and returns the channel that receives the result.
func StartAppend(l storage.Log, a storage.Append) <-chan Result {
	results := make(chan Result, 1)
	a.Done = func(made storage.Appended, err error) { results <- Result{made, err} }
	l.Append(a)
	return results
}

// AppendTo appends and waits for the result.
func AppendTo(l storage.Log, a storage.Append) Result { return <-StartAppend(l, a) }

// Payloads returns the texts as payloads.
func Payloads(texts ...string) [][]byte {
	var payloads [][]byte
	for _, text := range texts {
		payloads = append(payloads, []byte(text))
	}
	return payloads
}

// MustAppend appends entries with these texts.
func MustAppend(t testing.TB, l storage.Log, texts ...string) storage.Appended {
	t.Helper()
	got := AppendTo(l, storage.Append{Payloads: Payloads(texts...)})
	if got.Err != nil {
		t.Fatalf("Append: %v", got.Err)
	}
	return got.Appended
}

// fill appends n entries, each with its number as its text.
func fill(t testing.TB, l storage.Log, n int) {
	t.Helper()
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprint(int(l.Bounds().Next)+i))
	}
	if n > 0 {
		MustAppend(t, l, texts...)
	}
}

// MustTrim trims the log.
func MustTrim(t testing.TB, l storage.Log, r storage.Retention) {
	t.Helper()
	if err := l.Trim(t.Context(), r); err != nil {
		t.Fatalf("Trim(%+v): %v", r, err)
	}
}

func mustRead(t testing.TB, l storage.Log, from uint64, maxMessages, maxBytes int) []storage.Entry {
	t.Helper()
	entries, err := l.Read(t.Context(), from, maxMessages, maxBytes)
	if err != nil {
		t.Fatalf("Read(%d): %v", from, err)
	}
	return entries
}

// MustReadAll reads the whole log, which nobody changes meanwhile.
func MustReadAll(t testing.TB, l storage.Log) []storage.Entry {
	t.Helper()
	b := l.Bounds()
	entries := mustRead(t, l, b.First, math.MaxInt, math.MaxInt)
	if len(entries) != int(b.Next-b.First) {
		t.Fatalf("Read: %d entries, but the bounds are %d to %d", len(entries), b.First, b.Next)
	}
	for i, entry := range entries {
		if entry.Seq != b.First+uint64(i) {
			t.Fatalf("Read: entry %d has number %d", b.First+uint64(i), entry.Seq)
		}
	}
	return entries
}

// wantEntries reads the whole log, and checks everything that must be true of
// any log.
func wantEntries(t testing.TB, l storage.Log, first uint64, texts ...string) {
	t.Helper()
	b := l.Bounds()
	if b.First != first || b.Next != first+uint64(len(texts)) {
		t.Fatalf("Bounds: %d to %d, want %d to %d", b.First, b.Next, first, first+uint64(len(texts)))
	}
	bytes, firstTime, lastTime := 0, time.Time{}, time.Time{}
	for i, entry := range MustReadAll(t, l) {
		if string(entry.Payload) != texts[i] || entry.Time.Before(lastTime) || entry.Time.Location() != time.UTC {
			t.Fatalf("entry %d is {%v %.40q}, after %v, want %.40q", entry.Seq, entry.Time, entry.Payload, lastTime, texts[i])
		}
		if i == 0 {
			firstTime = entry.Time
		}
		bytes, lastTime = bytes+len(entry.Payload), entry.Time
	}
	if b.Bytes != int64(bytes) {
		t.Fatalf("Bounds: %d bytes, want %d", b.Bytes, bytes)
	}
	if b.FirstTime != firstTime || b.LastTime != lastTime {
		t.Fatalf("Bounds: times %v and %v, want %v and %v", b.FirstTime, b.LastTime, firstTime, lastTime)
	}
}

func wantLogs(t testing.TB, e storage.Engine, want ...string) {
	t.Helper()
	var names []string
	for name, err := range e.Logs(t.Context()) {
		if err != nil {
			t.Fatalf("Logs: %v", err)
		}
		names = append(names, name)
	}
	if fmt.Sprintf("%q", names) != fmt.Sprintf("%q", want) {
		t.Fatalf("Logs: %.40q, want %.40q", names, want)
	}
}
