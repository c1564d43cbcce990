package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"seagate/storage"
)

func mustOpenLog(t testing.TB, e storage.Engine, name string) storage.Log {
	t.Helper()
	l, err := e.OpenLog(t.Context(), name)
	if err != nil {
		t.Fatalf("OpenLog(%q): %v", name, err)
	}
	return l
}

// answer is what Done was called with.
type answer struct {
	storage.Appended
	err error
}

// appendTo appends and waits for the answer.
func appendTo(l storage.Log, a storage.Append) answer {
	answers := make(chan answer, 1)
	a.Done = func(made storage.Appended, err error) { answers <- answer{made, err} }
	l.Append(a)
	return <-answers
}

func payloads(texts ...string) [][]byte {
	var list [][]byte
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list
}

func mustAppend(t testing.TB, l storage.Log, texts ...string) storage.Appended {
	t.Helper()
	got := appendTo(l, storage.Append{Payloads: payloads(texts...)})
	if got.err != nil {
		t.Fatalf("Append: %v", got.err)
	}
	return got.Appended
}

// fill appends n entries, 1 to n of an empty log, each its number.
func fill(t testing.TB, l storage.Log, n int) {
	t.Helper()
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprint(int(l.Bounds().Next)+i))
	}
	if n > 0 {
		mustAppend(t, l, texts...)
	}
}

func mustTrim(t testing.TB, l storage.Log, r storage.Retention) {
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

// wantEntries reads the whole log, and checks all that must be true of any.
func wantEntries(t testing.TB, l storage.Log, first uint64, texts ...string) {
	t.Helper()
	b := l.Bounds()
	if b.First != first || b.Next != first+uint64(len(texts)) {
		t.Fatalf("Bounds: %d to %d, want %d to %d", b.First, b.Next, first, first+uint64(len(texts)))
	}
	entries := mustRead(t, l, b.First, math.MaxInt, math.MaxInt)
	if len(entries) != len(texts) {
		t.Fatalf("Read: %d entries, want %d", len(entries), len(texts))
	}
	bytes, last := 0, time.Time{}
	for i, entry := range entries {
		if entry.Seq != first+uint64(i) || string(entry.Payload) != texts[i] || entry.Time.Before(last) || entry.Time.Location() != time.UTC {
			t.Fatalf("entry %d is {%d %v %.40q}, after %v, want %.40q", first+uint64(i), entry.Seq, entry.Time, entry.Payload, last, texts[i])
		}
		bytes, last = bytes+len(entry.Payload), entry.Time
	}
	if b.Bytes != int64(bytes) {
		t.Fatalf("Bounds: %d bytes, want %d", b.Bytes, bytes)
	}
	wantBoundTimes(t, b, entries)
}

func wantBoundTimes(t testing.TB, b storage.Bounds, entries []storage.Entry) {
	t.Helper()
	var first, last time.Time
	if len(entries) > 0 {
		first, last = entries[0].Time, entries[len(entries)-1].Time
	}
	if b.FirstTime != first || b.LastTime != last {
		t.Fatalf("Bounds: times %v and %v, want %v and %v", b.FirstTime, b.LastTime, first, last)
	}
}

func logNames(t testing.TB, e storage.Engine) []string {
	t.Helper()
	var names []string
	for name, err := range e.Logs(t.Context()) {
		if err != nil {
			t.Fatalf("Logs: %v", err)
		}
		names = append(names, name)
	}
	return names
}

func testLogAppend(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	wantEntries(t, l, 1)
	before := time.Now()
	first := mustAppend(t, l, "one")
	second := mustAppend(t, l, "", "three", "four")
	after := time.Now()
	if first.First != 1 || second.First != 2 || first.Repeat || second.Repeat {
		t.Fatalf("Append: %+v and %+v", first, second)
	}
	wantEntries(t, l, 1, "one", "", "three", "four")
	for i, entry := range mustRead(t, l, 1, 10, 10) {
		want := second.Time
		if i == 0 {
			want = first.Time
		}
		if entry.Time != want || want.Before(before.Round(0).Add(-time.Microsecond)) || want.After(after) {
			t.Errorf("entry %d has time %v, Append said %v, between %v and %v", entry.Seq, entry.Time, want, before, after)
		}
	}
	l.Append(storage.Append{Payloads: payloads("nobody asks")}) // no Done
	mustAppend(t, l, "six")
	wantEntries(t, l, 1, "one", "", "three", "four", "nobody asks", "six")
}

func testLogNames(t *testing.T, e storage.Engine) {
	names := []string{"\x01", " ", "A", "a", "a/", "a/b", "b", "é", "\U0010ffff", strings.Repeat("n", storage.MaxKey)}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		l := mustOpenLog(t, e, name)
		if again := mustOpenLog(t, e, name); again != l {
			t.Fatal("two calls of OpenLog returned different logs")
		}
		mustAppend(t, l, name)
	}
	mustOpenLog(t, e, "never appended to")
	if got := logNames(t, e); !slices.Equal(got, names) {
		t.Fatalf("Logs: %.40q, want %.40q", got, names)
	}
	ids := make(map[string]bool)
	for _, name := range names {
		l := mustOpenLog(t, e, name)
		wantEntries(t, l, 1, name)
		b := l.Bounds()
		if !regexp.MustCompile(`^[A-Za-z0-9]{16,32}$`).MatchString(b.Epoch) || b.ID == "" || ids[b.ID] || ids[b.Epoch] {
			t.Errorf("log %.10q has ID %q and epoch %q", name, b.ID, b.Epoch)
		}
		ids[b.ID], ids[b.Epoch] = true, true
	}
	for name, err := range e.Logs(t.Context()) {
		if err != nil || name != names[0] {
			t.Errorf("Logs begins with %q, %v", name, err)
		}
		break
	}
}

func testLogOutOfBounds(t *testing.T, e storage.Engine) {
	for _, name := range []string{"", "\x00", "a\x00", "\xff", strings.Repeat("n", storage.MaxKey+1)} {
		_, err := e.OpenLog(t.Context(), name)
		wantError(t, "OpenLog", err, storage.ErrInvalid)
		wantError(t, "DeleteLog", e.DeleteLog(t.Context(), name), storage.ErrInvalid)
	}
	l := mustOpenLog(t, e, "log")
	huge := make([]byte, storage.MaxAppendBytes/2+1)
	for what, a := range map[string]storage.Append{
		"nothing":         {},
		"too many":        {Payloads: make([][]byte, storage.MaxAppend+1)},
		"too long":        {Payloads: [][]byte{huge, huge}},
		"key too long":    {Payloads: payloads("x"), Key: strings.Repeat("k", storage.MaxAppendKey+1), Window: time.Hour},
		"window too long": {Payloads: payloads("x"), Key: "k", Window: storage.MaxAppendWindow + 1},
	} {
		wantError(t, what, appendTo(l, a).err, storage.ErrInvalid)
	}
	wantEntries(t, l, 1)
	if names := logNames(t, e); len(names) != 0 {
		t.Errorf("Logs: %q, but nothing was appended", names)
	}
}

// testLogLargestAppends has as much in one append as there may be.
func testLogLargestAppends(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	many := appendTo(l, storage.Append{Payloads: make([][]byte, storage.MaxAppend)})
	wantError(t, "most payloads", many.err, nil)
	largest := appendTo(l, storage.Append{Payloads: [][]byte{make([]byte, storage.MaxAppendBytes)}, Key: strings.Repeat("k", storage.MaxAppendKey), Window: storage.MaxAppendWindow})
	wantError(t, "longest payload", largest.err, nil)
	if got := mustRead(t, l, largest.First, 1, 1); len(got) != 1 || len(got[0].Payload) != storage.MaxAppendBytes {
		t.Fatal("the longest payload is not there")
	}
	if b := l.Bounds(); b.Next != storage.MaxAppend+2 || b.Bytes != storage.MaxAppendBytes {
		t.Fatalf("Bounds: %+v", b)
	}
}

func testLogRead(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	mustAppend(t, l, "drop", "drop", "333", "", "55", "6", strings.Repeat("7", 100), "8")
	mustTrim(t, l, storage.Retention{Messages: 6})
	tests := []struct {
		from               uint64
		messages, maxBytes int
		want               []uint64
		err                error
	}{
		{0, 10, 10, nil, storage.ErrTrimmed},
		{2, 10, 10, nil, storage.ErrTrimmed},
		{3, 10, 1000, []uint64{3, 4, 5, 6, 7, 8}, nil},
		{3, 10, 6, []uint64{3, 4, 5, 6}, nil},
		{3, 10, 5, []uint64{3, 4, 5}, nil},
		{3, 10, 3, []uint64{3, 4}, nil},
		{3, 10, 0, []uint64{3}, nil},
		{3, 10, -1, []uint64{3}, nil},
		{3, 2, 1000, []uint64{3, 4}, nil},
		{3, 1, 1000, []uint64{3}, nil},
		{3, 0, 0, []uint64{3}, nil},
		{3, -1, -1, []uint64{3}, nil},
		{7, 10, 10, []uint64{7}, nil},
		{7, 10, 101, []uint64{7, 8}, nil},
		{8, 10, 10, []uint64{8}, nil},
		{9, 10, 10, nil, nil},
		{10, 10, 10, nil, nil},
		{math.MaxUint64, math.MaxInt, math.MaxInt, nil, nil},
	}
	for _, test := range tests {
		entries, err := l.Read(t.Context(), test.from, test.messages, test.maxBytes)
		var got []uint64
		for _, entry := range entries {
			got = append(got, entry.Seq)
		}
		if !slices.Equal(got, test.want) || !errors.Is(err, test.err) {
			t.Errorf("Read(%d, %d, %d) = %d, %v, want %d, %v", test.from, test.messages, test.maxBytes, got, err, test.want, test.err)
		}
	}
}

// testLogFind looks around every time that entries have.
func testLogFind(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	wantFound(t, l, time.Unix(0, 0), 1)
	wantFound(t, l, time.Now(), 1)
	for i := range 50 {
		mustAppend(t, l, payloadsOf(1+i%3)...)
	}
	mustTrim(t, l, storage.Retention{Messages: 90})
	entries := mustRead(t, l, l.Bounds().First, math.MaxInt, math.MaxInt)
	find := func(at time.Time) uint64 {
		for _, entry := range entries {
			if !entry.Time.Before(at) {
				return entry.Seq
			}
		}
		return l.Bounds().Next
	}
	for _, entry := range entries {
		for _, d := range []time.Duration{-1, 0, 1} {
			at := entry.Time.Add(d).In(time.FixedZone("", 3600))
			wantFound(t, l, at, find(at))
		}
	}
	wantFound(t, l, time.Time{}, l.Bounds().First)
	wantFound(t, l, time.Unix(1<<40, 0), l.Bounds().Next)
}

func payloadsOf(n int) []string { return slices.Repeat([]string{"text"}, n) }

func wantFound(t testing.TB, l storage.Log, at time.Time, want uint64) {
	t.Helper()
	if got, err := l.Find(t.Context(), at); err != nil || got != want {
		t.Errorf("Find(%v) = %d, %v, want %d", at, got, err, want)
	}
}

// testLogTrim has ten entries, of ten bytes each.
func testLogTrim(t *testing.T, e storage.Engine) {
	tests := []struct {
		keep  storage.Retention
		first uint64
	}{
		{storage.Retention{}, 1},
		{storage.Retention{Messages: 11, Bytes: 101, Age: time.Hour}, 1},
		{storage.Retention{Messages: 10, Bytes: 100}, 1},
		{storage.Retention{Messages: 9}, 2},
		{storage.Retention{Messages: 1}, 10},
		{storage.Retention{Bytes: 99}, 2},
		{storage.Retention{Bytes: 90}, 2},
		{storage.Retention{Bytes: 10}, 10},
		{storage.Retention{Bytes: 9}, 10},
		{storage.Retention{Bytes: 1}, 10},
		{storage.Retention{Bytes: -1, Age: -1}, 1},
		{storage.Retention{Bytes: 50, Messages: 4}, 7},
		{storage.Retention{Bytes: 40, Messages: 5}, 7},
		{storage.Retention{Bytes: 40, Messages: 5, Age: time.Hour}, 7},
	}
	for i, test := range tests {
		l := mustOpenLog(t, e, fmt.Sprint(i))
		texts := slices.Repeat([]string{"0123456789"}, 10)
		mustAppend(t, l, texts...)
		for range 2 { // the second changes nothing
			mustTrim(t, l, test.keep)
			wantEntries(t, l, test.first, texts[test.first-1:]...)
		}
		_, err := l.Read(t.Context(), test.first-1, 1, 1)
		wantError(t, "Read", err, storage.ErrTrimmed)
		if got := mustAppend(t, l, "next"); got.First != 11 {
			t.Errorf("after Trim(%+v) the next entry has number %d", test.keep, got.First)
		}
		wantEntries(t, l, test.first, append(texts[test.first-1:], "next")...)
	}
}

// testLogTrimBegins trims a log that was never appended to.
func testLogTrimBegins(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	mustTrim(t, l, storage.Retention{Messages: 1, Bytes: 1, Age: 1})
	if names := logNames(t, e); !slices.Equal(names, []string{"log"}) {
		t.Errorf("Logs: %q", names)
	}
	wantEntries(t, l, 1)
}

func testLogTrimByAge(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	for i := range 10 {
		mustAppend(t, l, fmt.Sprint(i), fmt.Sprint(i))
		time.Sleep(time.Minute)
	}
	for _, test := range []struct {
		keep  storage.Retention
		first uint64
	}{
		{storage.Retention{Age: 11 * time.Minute}, 1},
		{storage.Retention{Age: 10 * time.Minute}, 1},
		{storage.Retention{Age: 10*time.Minute - 1}, 3},
		{storage.Retention{Age: 5 * time.Minute, Messages: 15}, 11},
		{storage.Retention{Age: 5 * time.Minute, Messages: 5}, 16},
		{storage.Retention{Age: 2 * time.Minute, Bytes: 5}, 17},
		{storage.Retention{Age: 2 * time.Minute, Bytes: 3}, 18},
		{storage.Retention{Age: time.Second}, 21},
	} {
		mustTrim(t, l, test.keep)
		if b := l.Bounds(); b.First != test.first || b.Next != 21 || b.Bytes != int64(21-b.First) {
			t.Fatalf("after Trim(%+v): %+v, want First %d", test.keep, b, test.first)
		}
	}
	wantEntries(t, l, 21)
	wantFound(t, l, time.Time{}, 21)
	mustAppend(t, l, "after all")
	wantEntries(t, l, 21, "after all")
}

func testLogTimes(t *testing.T, e storage.Engine) {
	l := mustOpenLog(t, e, "log")
	for range 3 {
		now := time.Now()
		if got := mustAppend(t, l, "text", "text"); !got.Time.Equal(now) {
			t.Errorf("Append at %v returned %v", now, got.Time)
		}
		time.Sleep(time.Hour)
	}
	b := l.Bounds()
	if b.LastTime.Sub(b.FirstTime) != 2*time.Hour {
		t.Errorf("Bounds: %v to %v", b.FirstTime, b.LastTime)
	}
	wantFound(t, l, b.FirstTime.Add(1), 3)
	wantFound(t, l, b.FirstTime.Add(time.Hour), 3)
	wantFound(t, l, b.LastTime, 5)
}

func testLogDelete(t *testing.T, e storage.Engine) {
	wantError(t, "DeleteLog of none", e.DeleteLog(t.Context(), "log"), nil)
	other := mustOpenLog(t, e, "other")
	mustAppend(t, other, "stays")
	for _, fillFirst := range []bool{true, false} {
		l := mustOpenLog(t, e, "log")
		before := l.Bounds()
		if fillFirst {
			mustAppend(t, l, "a", "b")
		}
		wantError(t, "DeleteLog", e.DeleteLog(t.Context(), "log"), nil)
		wantDeleted(t, l)
		wantError(t, "DeleteLog again", e.DeleteLog(t.Context(), "log"), nil)
		if names := logNames(t, e); !slices.Equal(names, []string{"other"}) {
			t.Errorf("Logs: %q", names)
		}
		anew := mustOpenLog(t, e, "log")
		after := anew.Bounds()
		if anew == l || after.Epoch == before.Epoch || after.ID == before.ID {
			t.Errorf("made anew it is %+v, was %+v", after, before)
		}
		wantEntries(t, anew, 1)
		if got := mustAppend(t, anew, "anew"); got.First != 1 {
			t.Errorf("made anew it begins with %d", got.First)
		}
		wantEntries(t, anew, 1, "anew")
		wantDeleted(t, l)
		wantError(t, "DeleteLog", e.DeleteLog(t.Context(), "log"), nil)
	}
	wantEntries(t, other, 1, "stays")
}

func wantDeleted(t testing.TB, l storage.Log) {
	t.Helper()
	_, readErr := l.Read(t.Context(), 1, 1, 1)
	_, findErr := l.Find(t.Context(), time.Now())
	for what, err := range map[string]error{
		"Append": appendTo(l, storage.Append{Payloads: payloads("x"), Refusal: context.Canceled}).err,
		"Read":   readErr,
		"Find":   findErr,
		"Trim":   l.Trim(t.Context(), storage.Retention{Messages: 1}),
	} {
		wantError(t, what+" of a deleted log", err, storage.ErrNoLog)
	}
	if b := l.Bounds(); b.First != b.Next || b.Bytes != 0 || !b.FirstTime.IsZero() {
		t.Errorf("Bounds of a deleted log: %+v", b)
	}
}
