package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"seagate/storage"
)

// RunDurable checks that records and logs outlive their engine. Each call of
// place makes a new, empty place, and returns a function that opens an engine on
// it, each time after the previous engine was closed.
func RunDurable(t *testing.T, place func(t *testing.T) (open func() storage.Engine)) {
	tests := []struct {
		name string
		run  func(t *testing.T, open func() storage.Engine)
	}{
		{"RecordsSurviveReopen", testRecordsSurviveReopen},
		{"RevisionsGrowOverReopen", testRevisionsGrowOverReopen},
		{"AcknowledgedWritesSurviveClose", testAcknowledgedWritesSurviveClose},
		{"LogsSurviveReopen", testLogsSurviveReopen},
		{"KeysSurviveReopen", testKeysSurviveReopen},
		{"LogHeadersSurviveReopen", testLogHeadersSurviveReopen},
		{"DeletedLogsStayDeleted", testDeletedLogsStayDeleted},
		{"AcknowledgedAppendsSurviveClose", testAcknowledgedAppendsSurviveClose},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, place(t)) })
	}
}

func testRecordsSurviveReopen(t *testing.T, open func() storage.Engine) {
	e := open()
	kept := MustPut(t, e, "kept", "value")
	MustPut(t, e, "gone", "value")
	mustDelete(t, e, "table", "gone", storage.Always())
	big := strings.Repeat("v", storage.MaxValue)
	bigRevision := MustPut(t, e, "big", big)
	MustClose(t, e)

	for range 2 {
		e = open()
		wantRecord(t, e, "table", "kept", "value", kept)
		wantRecord(t, e, "table", "big", big, bigRevision)
		wantAbsent(t, e, "table", "gone")
		if got, want := keys(MustList(t, e, "table", "")), []string{"big", "kept"}; !slices.Equal(got, want) {
			t.Fatalf("List after reopening: %q, want %q", got, want)
		}
		MustClose(t, e)
	}
}

func testRevisionsGrowOverReopen(t *testing.T, open func() storage.Engine) {
	var last uint64
	for range 3 {
		e := open()
		revision := mustPut(t, e, "table", "key", "value", storage.IfAbsent())
		if revision <= last {
			t.Fatalf("revision %d after reopening follows %d", revision, last)
		}
		last = revision
		// No record has the newest revision when the engine closes, so the
		// engine cannot learn it from the records.
		mustDelete(t, e, "table", "key", storage.IfRevision(revision))
		MustClose(t, e)
	}
}

func testAcknowledgedWritesSurviveClose(t *testing.T, open func() storage.Engine) {
	acknowledged := writeUntilClosed(t, open())
	e := open()
	defer MustClose(t, e)
	for key, revision := range acknowledged {
		wantRecord(t, e, "table", key, "value", revision)
	}
}

func testAcknowledgedAppendsSurviveClose(t *testing.T, open func() storage.Engine) {
	e := open()
	w := appendUntilClosed(t, e, MustOpenLog(t, e, "log"))
	MustClose(t, e)
	e = open()
	defer MustClose(t, e)
	w.Log = MustOpenLog(t, e, "log")
	w.check(t)
}

func testLogsSurviveReopen(t *testing.T, open func() storage.Engine) {
	e := open()
	want := map[string]storage.Bounds{}
	for i := range 5 {
		l := MustOpenLog(t, e, fmt.Sprint(i))
		fill(t, l, 10*i)
		MustTrim(t, l, storage.Retention{Messages: uint64(7 * i)})
		want[fmt.Sprint(i)] = l.Bounds()
	}
	old := MustOpenLog(t, e, "all too old")
	fill(t, old, 5)
	for old.Bounds().First != old.Bounds().Next { // as soon as the clock has moved
		MustTrim(t, old, storage.Retention{Age: 1})
	}
	want["all too old"] = old.Bounds()
	MustOpenLog(t, e, "never appended to")
	for range 3 {
		MustClose(t, e)
		e = open()
		wantLogs(t, e, slices.Sorted(maps.Keys(want))...)
		for name, before := range want {
			l := MustOpenLog(t, e, name)
			if b := l.Bounds(); b != before {
				t.Fatalf("log %q is %+v, was %+v", name, b, before)
			}
			for _, entry := range MustReadAll(t, l) {
				if string(entry.Payload) != fmt.Sprint(entry.Seq) {
					t.Fatalf("entry %d of log %q: %q", entry.Seq, name, entry.Payload)
				}
			}
			fill(t, l, 2)
			if b := l.Bounds(); b.Next != before.Next+2 {
				t.Fatalf("log %q goes on with %+v, was %+v", name, b, before)
			}
			want[name] = l.Bounds()
		}
	}
	MustClose(t, e)
}

func testKeysSurviveReopen(t *testing.T, open func() storage.Engine) {
	e := open()
	l := MustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "a", "b")
	wantOnce(t, MustOpenLog(t, e, "other"), 1, false, "key", "c")
	brief := AppendTo(l, storage.Append{Payloads: Payloads("brief"), Key: "brief", Window: 1})
	wantError(t, "Append", brief.Err, nil)
	made := l.Bounds().FirstTime
	for range 3 {
		MustClose(t, e)
		e = open()
		l = MustOpenLog(t, e, "log")
		if got := appendOnce(l, "key", "a", "b"); got.Err != nil || got.First != 1 || !got.Repeat || got.Time != made {
			t.Fatalf("repeat after a restart: %+v", got)
		}
		wantError(t, "other payloads after a restart", appendOnce(l, "key", "a").Err, storage.ErrKeyReused)
		wantOnce(t, MustOpenLog(t, e, "other"), 1, true, "key", "c")
	}
	wantOnce(t, l, 4, false, "brief", "brief")
	MustClose(t, e)
}

func testDeletedLogsStayDeleted(t *testing.T, open func() storage.Engine) {
	e := open()
	l := MustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "a")
	before := l.Bounds()
	mustDeleteLog(t, e, "log")
	MustClose(t, e)
	e = open()
	wantLogs(t, e)
	l = MustOpenLog(t, e, "log")
	wantOnce(t, l, 1, false, "key", "b")
	if b := l.Bounds(); b.Epoch == before.Epoch || b.ID == before.ID {
		t.Errorf("the new log is %+v, the deleted one was %+v", b, before)
	}
	MustClose(t, e)
	e = open()
	wantEntries(t, MustOpenLog(t, e, "log"), 1, "b")
	MustClose(t, e)
}
