package storagetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"seagate/storage"
)

func appendWithHeader(l storage.Log, key, header string, texts ...string) Result {
	return AppendTo(l, storage.Append{Payloads: Payloads(texts...), Key: key, Window: time.Hour, Header: []byte(header)})
}

func wantHeader(t testing.TB, l storage.Log, seq uint64, value string) {
	t.Helper()
	h, err := l.Header(t.Context())
	if err != nil || h.Seq != seq || string(h.Value) != value {
		t.Fatalf("Header: %d:%.40q, %v, want %d:%.40q", h.Seq, h.Value, err, seq, value)
	}
}

func testLogHeader(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	wantHeader(t, l, 0, "")
	MustAppend(t, l, "one")
	wantHeader(t, l, 0, "")
	wantError(t, "Append", appendWithHeader(l, "", "first", "two", "three").Err, nil)
	wantHeader(t, l, 3, "first")
	MustAppend(t, l, "four")
	wantHeader(t, l, 3, "first")
	wantError(t, "Append", appendWithHeader(l, "", "", "five").Err, nil)
	wantHeader(t, l, 5, "")
	long := strings.Repeat("h", storage.MaxAppendHeader)
	wantError(t, "Append", appendWithHeader(l, "", long, "six").Err, nil)
	wantHeader(t, l, 6, long)
	MustTrim(t, l, storage.Retention{Messages: 1})
	MustAppend(t, l, "seven")
	MustTrim(t, l, storage.Retention{Messages: 1})
	wantHeader(t, l, 6, long)
	wantEntries(t, l, 7, "seven")
	wantHeader(t, MustOpenLog(t, e, "another"), 0, "")
}

// testLogHeaderRefusals checks that a header is set if and only if the entries are appended.
func testLogHeaderRefusals(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	wantError(t, "Append", appendWithHeader(l, "k", "first", "one").Err, nil)
	repeat := appendWithHeader(l, "k", "first", "one")
	if MustAppend(t, l, "two"); repeat.Err != nil || !repeat.Repeat || repeat.First != 1 {
		t.Fatalf("a repeat: %+v", repeat)
	}
	wantError(t, "the key with another header", appendWithHeader(l, "k", "second", "one").Err, storage.ErrKeyReused)
	wantError(t, "the key without a header", appendOnce(l, "k", "one").Err, storage.ErrKeyReused)
	refusal := storage.Append{Payloads: Payloads("x"), Header: []byte("x"), Refusal: storage.ErrNoSpace}
	wantError(t, "a refusal", AppendTo(l, refusal).Err, storage.ErrNoSpace)
	tooLong := strings.Repeat("h", storage.MaxAppendHeader+1)
	wantError(t, "too long a header", appendWithHeader(l, "", tooLong, "x").Err, storage.ErrInvalid)
	wantError(t, "no entries", AppendTo(l, storage.Append{Header: []byte("x")}).Err, storage.ErrInvalid)
	wantHeader(t, l, 1, "first")
	wantEntries(t, l, 1, "one", "two")
}

func testLogHeaderDeleted(t *testing.T, e storage.Engine) {
	l := MustOpenLog(t, e, "log")
	wantError(t, "Append", appendWithHeader(l, "", "old", "one").Err, nil)
	mustDeleteLog(t, e, "log")
	_, err := l.Header(t.Context())
	wantError(t, "Header of a deleted log", err, storage.ErrNoLog)
	l = MustOpenLog(t, e, "log")
	wantHeader(t, l, 0, "")
	MustAppend(t, l, "one")
	wantHeader(t, l, 0, "")
}

// testLogHeaderIsNoRecord checks that no listing shows the header of a log, whatever the table and
// the log are called.
func testLogHeaderIsNoRecord(t *testing.T, e storage.Engine) {
	for _, name := range []string{"log", "headers", "\x01", "\U0010ffff"} {
		wantError(t, "Append", appendWithHeader(MustOpenLog(t, e, name), "", "header", "one").Err, nil)
		for _, table := range []string{"headers", name, "\U0010ffff", "ÿheaders"} {
			if list := MustList(t, e, table, ""); len(list) > 0 {
				t.Errorf("table %q has %v", table, list)
			}
		}
	}
}

// testLogHeadersSurviveReopen appends to several logs at once, and deletes one
// now and then.
func testLogHeadersSurviveReopen(t *testing.T, open func() storage.Engine) {
	random := rand.New(rand.NewPCG(1, 2))
	want := map[string]storage.LogHeader{}
	for round := range 5 {
		e := open()
		for name, h := range want {
			wantHeader(t, MustOpenLog(t, e, name), h.Seq, string(h.Value))
		}
		var results []<-chan Result
		for i := range 50 {
			name := fmt.Sprint(random.IntN(4))
			header := fmt.Sprintf("%d/%d", round, i)
			l := MustOpenLog(t, e, name)
			result := StartAppend(l, storage.Append{Payloads: Payloads("a", "b"), Header: []byte(header)})
			results = append(results, result)
			want[name] = storage.LogHeader{Seq: want[name].Seq + 2, Value: []byte(header)}
		}
		for _, result := range results {
			wantError(t, "Append", (<-result).Err, nil)
		}
		gone := fmt.Sprint(round % 4)
		mustDeleteLog(t, e, gone)
		delete(want, gone)
		MustClose(t, e)
	}
}
