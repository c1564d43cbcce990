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

func testLogAppend(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	wantEntries(t, l, 1)
	before := time.Now()
	first := MustAppend(t, l, "one")
	second := MustAppend(t, l, "", "three", "four")
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
	l.Append(storage.Append{Payloads: Payloads("no Done")})
	MustAppend(t, l, "six")
	wantEntries(t, l, 1, "one", "", "three", "four", "no Done", "six")
}

func testLogNames(t *testing.T, e storage.Engine) {
	names := []string{"\x01", " ", "A", "a", "a/", "a/b", "b", "é", "\U0010ffff", strings.Repeat("n", storage.MaxKey)}
	slices.Sort(names)
	for _, name := range slices.Backward(names) {
		l := MustOpenLog(t, e, name)
		if again := MustOpenLog(t, e, name); again != l {
			t.Fatal("two calls of OpenLog returned different logs")
		}
		MustAppend(t, l, name)
	}
	MustOpenLog(t, e, "never appended to")
	wantLogs(t, e, names...)
	ids := make(map[string]bool)
	for _, name := range names {
		l := MustOpenLog(t, e, name)
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
	l := MustOpenLog(t, e, "log")
	huge := make([]byte, storage.MaxAppendBytes/2+1)
	for what, a := range map[string]storage.Append{
		"nothing":         {},
		"too many":        {Payloads: make([][]byte, storage.MaxAppend+1)},
		"too long":        {Payloads: [][]byte{huge, huge}},
		"key too long":    {Payloads: Payloads("x"), Key: strings.Repeat("k", storage.MaxAppendKey+1), Window: time.Hour},
		"window too long": {Payloads: Payloads("x"), Key: "k", Window: storage.MaxAppendWindow + 1},
	} {
		wantError(t, what, AppendTo(l, a).Err, storage.ErrInvalid)
	}
	wantEntries(t, l, 1)
	wantLogs(t, e)
}

// testLogLargestAppends makes the largest appends that are allowed.
func testLogLargestAppends(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	many := AppendTo(l, storage.Append{Payloads: make([][]byte, storage.MaxAppend)})
	wantError(t, "most payloads", many.Err, nil)
	largest := AppendTo(l, storage.Append{Payloads: [][]byte{make([]byte, storage.MaxAppendBytes)}, Key: strings.Repeat("k", storage.MaxAppendKey), Window: storage.MaxAppendWindow})
	wantError(t, "longest payload", largest.Err, nil)
	if got := mustRead(t, l, largest.First, 1, 1); len(got) != 1 || len(got[0].Payload) != storage.MaxAppendBytes {
		t.Fatal("the longest payload is missing")
	}
	if b := l.Bounds(); b.Next != storage.MaxAppend+2 || b.Bytes != storage.MaxAppendBytes {
		t.Fatalf("Bounds: %+v", b)
	}
}

func testLogRead(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	MustAppend(t, l, "drop", "drop", "333", "", "55", "6", strings.Repeat("7", 100), "8")
	MustTrim(t, l, storage.Retention{Messages: 6})
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

// testLogFind searches at and around each time that entries have.
func testLogFind(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	wantFound(t, l, time.Unix(0, 0), 1)
	wantFound(t, l, time.Now(), 1)
	for i := range 50 {
		MustAppend(t, l, payloadsOf(1+i%3)...)
	}
	MustTrim(t, l, storage.Retention{Messages: 90})
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

// testLogTrim trims logs of ten entries, of ten bytes each.
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
		l := MustOpenLog(t, e, fmt.Sprint(i))
		texts := slices.Repeat([]string{"0123456789"}, 10)
		MustAppend(t, l, texts...)
		for range 2 { // the second trim changes nothing
			MustTrim(t, l, test.keep)
			wantEntries(t, l, test.first, texts[test.first-1:]...)
		}
		_, err := l.Read(t.Context(), test.first-1, 1, 1)
		wantError(t, "Read", err, storage.ErrTrimmed)
		if got := MustAppend(t, l, "next"); got.First != 11 {
			t.Errorf("after Trim(%+v) the next entry has number %d", test.keep, got.First)
		}
		wantEntries(t, l, test.first, append(texts[test.first-1:], "next")...)
	}
}

// testLogTrimBegins trims a log that was never appended to.
func testLogTrimBegins(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	MustTrim(t, l, storage.Retention{Messages: 1, Bytes: 1, Age: 1})
	wantLogs(t, e, "log")
	wantEntries(t, l, 1)
}

func testLogTrimByAge(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	for i := range 10 {
		MustAppend(t, l, fmt.Sprint(i), fmt.Sprint(i))
		time.Sleep(time.Minute)
	}
	for _, test := range []struct {
		keep  storage.Retention
		first uint64
	}{
		{storage.Retention{Age: 11 * time.Minute}, 1},
		{storage.Retention{Age: 10 * time.Minute}, 1},
		{storage.Retention{Age: time.Minute, Now: time.Now().Add(-9 * time.Minute)}, 1},
		{storage.Retention{Age: 10*time.Minute - 1}, 3},
		{storage.Retention{Age: 5 * time.Minute, Messages: 15}, 11},
		{storage.Retention{Age: 5 * time.Minute, Messages: 5}, 16},
		{storage.Retention{Age: time.Minute, Now: time.Now().Add(-time.Hour)}, 16},
		{storage.Retention{Age: 2 * time.Minute, Bytes: 5}, 17},
		{storage.Retention{Age: 2 * time.Minute, Bytes: 3}, 18},
		{storage.Retention{Age: time.Second}, 21},
	} {
		MustTrim(t, l, test.keep)
		if b := l.Bounds(); b.First != test.first || b.Next != 21 || b.Bytes != int64(21-b.First) {
			t.Fatalf("after Trim(%+v): %+v, want First %d", test.keep, b, test.first)
		}
	}
	wantEntries(t, l, 21)
	wantFound(t, l, time.Time{}, 21)
	MustAppend(t, l, "after all")
	wantEntries(t, l, 21, "after all")
}

func testLogTimes(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	for range 3 {
		now := time.Now()
		if got := MustAppend(t, l, "text", "text"); !got.Time.Equal(now) {
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
	mustDeleteLog(t, e, "log")
	other := MustOpenLog(t, e, "other")
	MustAppend(t, other, "stays")
	for _, fillFirst := range []bool{true, false} {
		l := MustOpenLog(t, e, "log")
		before := l.Bounds()
		if fillFirst {
			MustAppend(t, l, "a", "b")
		}
		mustDeleteLog(t, e, "log")
		wantDeleted(t, l)
		mustDeleteLog(t, e, "log")
		wantLogs(t, e, "other")
		again := MustOpenLog(t, e, "log")
		after := again.Bounds()
		if again == l || after.Epoch == before.Epoch || after.ID == before.ID {
			t.Errorf("the new log is %+v, the deleted one was %+v", after, before)
		}
		wantEntries(t, again, 1)
		if got := MustAppend(t, again, "again"); got.First != 1 {
			t.Errorf("the new log begins with %d", got.First)
		}
		wantEntries(t, again, 1, "again")
		wantDeleted(t, l)
		mustDeleteLog(t, e, "log")
	}
	wantEntries(t, other, 1, "stays")
}

func wantDeleted(t testing.TB, l storage.Log) {
	t.Helper()
	late := AppendTo(l, storage.Append{Payloads: Payloads("x"), Refusal: context.Canceled})
	wantError(t, "Append to a deleted log", late.Err, storage.ErrNoLog)
	WantErrors(t, LogCalls(t.Context(), l), storage.ErrNoLog)
	if b := l.Bounds(); b.First != b.Next || b.Bytes != 0 || !b.FirstTime.IsZero() {
		t.Errorf("Bounds of a deleted log: %+v", b)
	}
}
