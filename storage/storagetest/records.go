package storagetest

import (
	"context"
	"strings"
	"testing"

	"seagate/storage"
)

func testGet(t *testing.T, e storage.Engine) {
	wantAbsent(t, e, "table", "key")
	revision := MustPut(t, e, "key", "value")
	wantRecord(t, e, "table", "key", "value", revision)
	wantAbsent(t, e, "table", "other")
	wantAbsent(t, e, "other", "key")
	mustDelete(t, e, "table", "key", storage.Always())
	wantAbsent(t, e, "table", "key")
}

// testConditions tries each condition for Put and Delete on a key with and
// without a record, and checks that a refused write changes nothing.
func testConditions(t *testing.T, e storage.Engine) {
	tests := []struct {
		name    string
		present bool
		cond    func(revision uint64) storage.Condition
		want    error
	}{
		{"always, absent", false, func(uint64) storage.Condition { return storage.Always() }, nil},
		{"always, present", true, func(uint64) storage.Condition { return storage.Always() }, nil},
		{"zero value, present", true, func(uint64) storage.Condition { return storage.Condition{} }, nil},
		{"if absent, absent", false, func(uint64) storage.Condition { return storage.IfAbsent() }, nil},
		{"if absent, present", true, func(uint64) storage.Condition { return storage.IfAbsent() }, storage.ErrConflict},
		{"if revision, same", true, storage.IfRevision, nil},
		{"if revision, older", true, func(r uint64) storage.Condition { return storage.IfRevision(r - 1) }, storage.ErrConflict},
		{"if revision, newer", true, func(r uint64) storage.Condition { return storage.IfRevision(r + 1) }, storage.ErrConflict},
		{"if revision, absent", false, storage.IfRevision, storage.ErrConflict},
		{"if revision 0, absent", false, func(uint64) storage.Condition { return storage.IfRevision(0) }, storage.ErrConflict},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			prepare := func(key string) uint64 {
				mustPut(t, e, test.name, key, "first", storage.Always())
				revision := mustPut(t, e, test.name, key, "before", storage.Always())
				if !test.present {
					mustDelete(t, e, test.name, key, storage.Always())
				}
				return revision
			}
			unchanged := func(key string, revision uint64) {
				if test.present {
					wantRecord(t, e, test.name, key, "before", revision)
				} else {
					wantAbsent(t, e, test.name, key)
				}
			}

			before := prepare("put")
			revision, err := e.Put(t.Context(), test.name, "put", []byte("after"), test.cond(before))
			wantError(t, "Put", err, test.want)
			if test.want == nil {
				wantRecord(t, e, test.name, "put", "after", revision)
			} else {
				unchanged("put", before)
			}

			before = prepare("delete")
			err = e.Delete(t.Context(), test.name, "delete", test.cond(before))
			wantError(t, "Delete", err, test.want)
			if test.want == nil {
				wantAbsent(t, e, test.name, "delete")
			} else {
				unchanged("delete", before)
			}
		})
	}
}

func testRevisions(t *testing.T, e storage.Engine) {
	var last uint64
	next := func() {
		t.Helper()
		revision := MustPut(t, e, "key", "value")
		if revision <= last {
			t.Fatalf("revision %d follows %d", revision, last)
		}
		last = revision
	}
	next()
	next()
	stale := last
	mustDelete(t, e, "table", "key", storage.IfRevision(last))
	next()
	if _, err := e.Put(t.Context(), "table", "key", nil, storage.IfRevision(stale)); err == nil {
		t.Fatal("a revision of the deleted record matches the new one")
	}
	mustDelete(t, e, "table", "key", storage.Always())
	mustDelete(t, e, "table", "key", storage.Always())
	next()
}

func testCopies(t *testing.T, e storage.Engine) {
	value := []byte("value")
	revision, err := e.Put(t.Context(), "table", "key", value, storage.Always())
	wantError(t, "Put", err, nil)
	clear(value)
	wantRecord(t, e, "table", "key", "value", revision)

	got, err := e.Get(t.Context(), "table", "key")
	wantError(t, "Get", err, nil)
	clear(got.Value)
	wantRecord(t, e, "table", "key", "value", revision)

	listed := MustList(t, e, "table", "")
	clear(listed[0].Value)
	wantRecord(t, e, "table", "key", "value", revision)
}

func testBounds(t *testing.T, e storage.Engine) {
	tests := []struct {
		name, table, key, value string
	}{
		{"empty value", "t", "empty", ""},
		{"shortest", "t", "k", "v"},
		{"longest table", strings.Repeat("t", storage.MaxTable), "k", "v"},
		{"longest key", "t", strings.Repeat("k", storage.MaxKey), "v"},
		{"longest value", "t", "big", strings.Repeat("v", storage.MaxValue)},
		{"binary value", "t", "binary", "\x00\xff\x00"},
		{"unusual names", "\x01/%\u2028", "\U0010ffff \x7f\t", "v"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			revision := mustPut(t, e, test.table, test.key, test.value, storage.IfAbsent())
			wantRecord(t, e, test.table, test.key, test.value, revision)
			listed := MustList(t, e, test.table, test.key)
			if len(listed) != 1 || string(listed[0].Value) != test.value {
				t.Fatalf("List returned %d records", len(listed))
			}
			mustDelete(t, e, test.table, test.key, storage.IfRevision(revision))
			wantAbsent(t, e, test.table, test.key)
		})
	}
}

func testOutOfBounds(t *testing.T, e storage.Engine) {
	names := map[string]func(limit int) string{
		"empty":     func(int) string { return "" },
		"too long":  func(limit int) string { return strings.Repeat("x", limit+1) },
		"not UTF-8": func(int) string { return "a\xffb" },
		"with NUL":  func(int) string { return "a\x00b" },
	}
	for name, bad := range names {
		t.Run(name, func(t *testing.T) {
			wantInvalid(t, e, bad(storage.MaxTable), "key")
			wantInvalid(t, e, "table", bad(storage.MaxKey))
			for _, err := range e.List(t.Context(), bad(storage.MaxTable), "") {
				wantError(t, "List", err, storage.ErrInvalid)
			}
		})
	}
	_, err := e.Put(t.Context(), "table", "key", make([]byte, storage.MaxValue+1), storage.Always())
	wantError(t, "Put of too long a value", err, storage.ErrInvalid)
	if got := keys(MustList(t, e, Table, "")); len(got) != 0 {
		t.Fatalf("refused writes left %q", got)
	}
}

func wantInvalid(t *testing.T, e storage.Engine, table, key string) {
	t.Helper()
	_, err := e.Put(t.Context(), table, key, []byte("v"), storage.Always())
	wantError(t, "Put", err, storage.ErrInvalid)
	_, err = e.Get(t.Context(), table, key)
	wantError(t, "Get", err, storage.ErrInvalid)
	wantError(t, "Delete", e.Delete(t.Context(), table, key, storage.Always()), storage.ErrInvalid)
}

func testCanceledContext(t *testing.T, e storage.Engine) {
	revision := MustPut(t, e, "key", "value")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	WantErrors(t, RecordCalls(ctx, e), context.Canceled)
	wantRecord(t, e, Table, "key", "value", revision)
}

func testClosed(t *testing.T, e storage.Engine) {
	MustPut(t, e, "key", "value")
	MustClose(t, e)
	MustClose(t, e)
	WantErrors(t, RecordCalls(t.Context(), e), storage.ErrClosed)
}
