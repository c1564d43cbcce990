// Package storagetest is the one suite that every storage engine passes. What
// it checks is the contract of package storage, and nothing that one engine
// happens to do.
package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"seagate/storage"
)

// Run checks the engines that open returns. Each call of open gives a new and
// empty one; Run closes it.
func Run(t *testing.T, open func(t *testing.T) storage.Engine) {
	tests := []struct {
		name string
		run  func(t *testing.T, e storage.Engine)
	}{
		{"Get", testGet},
		{"Conditions", testConditions},
		{"Revisions", testRevisions},
		{"Copies", testCopies},
		{"Bounds", testBounds},
		{"OutOfBounds", testOutOfBounds},
		{"ListOrder", testListOrder},
		{"ListPrefix", testListPrefix},
		{"ListSeparatesTables", testListSeparatesTables},
		{"ListIsSnapshot", testListIsSnapshot},
		{"ListStops", testListStops},
		{"Model", testModel},
		{"CanceledContext", testCanceledContext},
		{"Closed", testClosed},
		{"CloseDuringList", testCloseDuringList},
		{"CloseDuringWrites", testCloseDuringWrites},
		{"ConcurrentCreate", testConcurrentCreate},
		{"ConcurrentDelete", testConcurrentDelete},
		{"ConcurrentIncrement", testConcurrentIncrement},
		{"ConcurrentReaders", testConcurrentReaders},
		{"LogAppend", testLogAppend},
		{"LogNames", testLogNames},
		{"LogOutOfBounds", testLogOutOfBounds},
		{"LogRead", testLogRead},
		{"LogFind", testLogFind},
		{"LogTrim", testLogTrim},
		{"LogTrimBegins", testLogTrimBegins},
		{"LogTrimWhileAppending", testLogTrimWhileAppending},
		{"LogDelete", testLogDelete},
		{"LogModel", testLogModel},
		{"LogKeys", testLogKeys},
		{"LogKeyRefusals", testLogKeyRefusals},
		{"LogKeysAtOnce", testLogKeysAtOnce},
		{"LogKeyOutlivesEntries", testLogKeyOutlivesEntries},
		{"LogAppenders", testLogAppenders},
		{"LogReadersWhileAppending", testLogReadersWhileAppending},
		{"LogCanceledContext", testLogCanceledContext},
		{"LogClosed", testLogClosed},
		{"LogCloseDuringAppends", testLogCloseDuringAppends},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { runOn(t, open, test.run) })
	}
	// In these time passes when nothing else happens.
	timed := []struct {
		name string
		run  func(t *testing.T, e storage.Engine)
	}{
		{"LogTimes", testLogTimes},
		{"LogTrimByAge", testLogTrimByAge},
		{"LogKeyWindow", testLogKeyWindow},
	}
	for _, test := range timed {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runOn(t, open, test.run) })
		})
	}
}

func runOn(t *testing.T, open func(t *testing.T) storage.Engine, run func(t *testing.T, e storage.Engine)) {
	e := open(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	run(t, e)
}

// RunKeyBound checks the bound of keys of an engine that open returns, which
// remembers no more than most of them.
func RunKeyBound(t *testing.T, most int, open func(t *testing.T) storage.Engine) {
	synctest.Test(t, func(t *testing.T) {
		runOn(t, open, func(t *testing.T, e storage.Engine) { testLogKeyBound(t, e, most) })
	})
}

// RunLargest appends as much at once as there may be. It takes a while.
func RunLargest(t *testing.T, open func(t *testing.T) storage.Engine) {
	runOn(t, open, testLogLargestAppends)
}

// RunDurable checks that records outlive their engine. Each call of place
// makes a new and empty place, and returns what opens an engine on it, again
// and again, each after the one before was closed.
func RunDurable(t *testing.T, place func(t *testing.T) (open func() storage.Engine)) {
	tests := []struct {
		name string
		run  func(t *testing.T, open func() storage.Engine)
	}{
		{"RecordsSurviveReopen", testRecordsSurviveReopen},
		{"RevisionsGrowOverReopen", testRevisionsGrowOverReopen},
		{"AnsweredWritesSurviveClose", testAnsweredWritesSurviveClose},
		{"LogsSurviveReopen", testLogsSurviveReopen},
		{"KeysSurviveReopen", testKeysSurviveReopen},
		{"DeletedLogsStayDeleted", testDeletedLogsStayDeleted},
		{"AnsweredAppendsSurviveClose", testAnsweredAppendsSurviveClose},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, place(t)) })
	}
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

func mustClose(t testing.TB, e storage.Engine) {
	t.Helper()
	if err := e.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
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

func list(t testing.TB, e storage.Engine, table, prefix string) []storage.Record {
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
