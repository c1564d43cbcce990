package pebble_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	driver "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// contents are the payloads of logs by name. The first payload has number 1.
type contents map[string][]string

// loggedFolder has two logs, with entries in tables and in the newest log file.
func loggedFolder(t *testing.T) (*vfs.MemFS, contents) {
	disk := vfs.NewCrashableMem()
	want := contents{}
	e := mustOpen(t, "data", on(disk))
	add := func(name string, size int) {
		text := fmt.Sprint(len(want[name])) + randomText(size)
		mustAppend(t, mustOpenLog(t, e, name), text)
		want[name] = append(want[name], text)
	}
	for range 5 {
		add("early", 100)
	}
	for !slices.ContainsFunc(list(t, disk), func(name string) bool { return strings.HasSuffix(name, ".sst") }) {
		add("log", 4<<10)
		add("other", 2<<10)
		time.Sleep(time.Millisecond)
	}
	for range 5 {
		add("log", 1000)
		add("other", 1000)
	}
	mustClose(t, e)
	return disk, want
}

// randomText cannot be compressed.
func randomText(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(' ' + rand.IntN(90))
	}
	return string(b)
}

// TestDamageToLogs damages each file of a folder in many ways. Either no entry is
// missing, or Open reports the damage, or Check and readers do. A log must never
// be shorter or different without an error.
func TestDamageToLogs(t *testing.T) {
	var disk *vfs.MemFS
	var want contents
	synctest.Test(t, func(t *testing.T) { disk, want = loggedFolder(t) })
	for _, kind := range []string{".log", ".sst", "MANIFEST"} {
		detected := false
		for what, worse := range damages(t, disk, kind) {
			detected = checkDamagedLogs(t, kind, what, worse, want) || detected
		}
		if !detected {
			t.Errorf("no damage to a %s file was detected", kind)
		}
	}
}

// TestLossOfTheMiddleOfALog damages the list of tables, so that tables with the
// middle of a log are no longer listed. The log's first and last entries are
// intact. Pebble would remove the unlisted tables.
func TestLossOfTheMiddleOfALog(t *testing.T) {
	disk, want := vfs.NewCrashableMem(), contents{}
	var crashed *vfs.MemFS
	synctest.Test(t, func(t *testing.T) {
		opts := on(disk).WithSmallTables()
		var e *pebble.Engine
		add := func() {
			text := fmt.Sprint(len(want["log"])) + randomText(10<<10)
			mustAppend(t, mustOpenLog(t, e, "log"), text)
			want["log"] = append(want["log"], text)
		}
		e = mustOpen(t, "data", opts)
		add()
		mustClose(t, e)
		e = mustOpen(t, "data", opts) // makes a table of it
		time.Sleep(time.Minute)
		for before := newestManifest(t, disk); newestManifest(t, disk) == before; { // until another table is listed
			add()
		}
		add()
		crashed = disk.CrashClone(vfs.CrashCloneCfg{})
		mustClose(t, e)
	})
	removeOldLogs(t, crashed)
	whole := mustOpenCopy(t, crashed)
	if !checkDamagedLog(t, "without damage", mustOpenLog(t, whole, "log"), want["log"]) {
		t.Fatal("the log is not whole")
	}
	mustClose(t, whole)
	refused := 0
	for _, name := range list(t, crashed) {
		if !strings.HasPrefix(name, "MANIFEST") {
			continue
		}
		data := readFile(t, crashed, "data/"+name)
		for at := len(data) - 1; at > 0; at -= 5 {
			if checkDamagedLogs(t, "MANIFEST", fmt.Sprintf("%s cut at %d of %d", name, at, len(data)), withFile(t, crashed, "data/"+name, data[:at]), want) {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was detected")
	}
}

// newestManifest returns the contents of the list of tables that is in use.
func newestManifest(t *testing.T, disk vfs.FS) string {
	newest := ""
	for _, name := range list(t, disk) {
		if strings.HasPrefix(name, "MANIFEST") {
			newest = max(newest, name)
		}
	}
	return string(readFile(t, disk, "data/"+newest))
}

// removeOldLogs removes all log files but the newest, as the engine does later.
func removeOldLogs(t *testing.T, disk *vfs.MemFS) {
	var logs []string
	for _, name := range list(t, disk) {
		if strings.HasSuffix(name, ".log") {
			logs = append(logs, name)
		}
	}
	slices.Sort(logs)
	for _, name := range logs[:len(logs)-1] {
		if err := disk.Remove("data/" + name); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := disk.OpenDir("data")
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mustOpenCopy(t *testing.T, disk *vfs.MemFS) *pebble.Engine {
	t.Helper()
	return mustOpen(t, "data", on(disk.CrashClone(vfs.CrashCloneCfg{})).WithSmallTables())
}

func checkDamagedLogs(t *testing.T, kind, what string, disk *vfs.MemFS, want contents) (detected bool) {
	t.Helper()
	report := mustCheck(t, "data", disk)
	for _, p := range report.Problems {
		if p.Text == "" || p.Advice == "" {
			t.Errorf("%s: Check says %+v", what, p)
		}
	}
	e, err := openDamaged(disk)
	if err != nil {
		if !errors.Is(err, pebble.ErrDamaged) && !driver.IsCorruptionError(err) || len(report.Problems) == 0 {
			t.Errorf("%s: Open: %v, Check: %v", what, err, report.Problems)
		}
		return true
	}
	whole := true
	for name, payloads := range want {
		l, err := e.OpenLog(t.Context(), name)
		if err != nil && !driver.IsCorruptionError(err) {
			t.Errorf("%s: OpenLog: %v", what, err)
		}
		whole = err == nil && checkDamagedLog(t, what, l, payloads) && whole
	}
	if err := e.Close(); err != nil && !driver.IsCorruptionError(err) {
		t.Errorf("%s: Close: %v", what, err)
	}
	if !whole && kind == "MANIFEST" { // Open has removed the tables that it does not list
		t.Errorf("%s: Open found no damage, but logs cannot be read", what)
	}
	if !whole && len(report.Problems) == 0 {
		t.Errorf("%s: neither Open nor Check found damage, but logs cannot be read", what)
	}
	return !whole || len(report.Problems) > 0
}

// openDamaged also returns the error of an engine that fails during Open, which
// does not return then.
func openDamaged(disk vfs.FS) (*pebble.Engine, error) {
	type result struct {
		e   *pebble.Engine
		err error
	}
	results := make(chan result, 2)
	opts := pebble.Options{FS: disk, Logger: quiet, OnFatal: func(err error) { results <- result{nil, err} }}
	go func() {
		e, err := pebble.Open("data", opts.WithSmallTables())
		results <- result{e, err}
	}()
	first := <-results
	return first.e, first.err
}

// checkDamagedLog reports whether the whole log can be read. What can be read must
// be what was written.
func checkDamagedLog(t *testing.T, what string, l storage.Log, want []string) (whole bool) {
	t.Helper()
	if b := l.Bounds(); b.First != 1 || b.Next != uint64(len(want)+1) {
		t.Errorf("%s: log has entries %d to %d, want 1 to %d", what, b.First, b.Next, len(want)+1)
		return false
	}
	whole = true
	for i, text := range want {
		entries, err := l.Read(context.Background(), uint64(i+1), 1, 0)
		switch {
		case errors.Is(err, pebble.ErrDamaged), driver.IsCorruptionError(err): // the latter if a compaction found it
			whole = false
		case err != nil || len(entries) != 1 || string(entries[0].Payload) != text:
			t.Errorf("%s: entry %d is %.30v, %v", what, i+1, entries, err)
		}
	}
	return whole
}

// TestDamagedEntry damages a block of a table after Open has verified it.
func TestDamagedEntry(t *testing.T) {
	disk := vfs.NewMem()
	for range 2 { // the second opening writes a table
		e := mustOpen(t, "data", on(disk))
		mustAppend(t, mustOpenLog(t, e, "its name"), randomText(100<<10), randomText(100<<10), randomText(100<<10))
		mustClose(t, e)
	}
	e := mustOpen(t, "data", on(disk))
	defer mustClose(t, e)
	for _, name := range list(t, disk) {
		if strings.HasSuffix(name, ".sst") {
			zeroAt(t, disk, "data/"+name, 150<<10)
		}
	}
	l := mustOpenLog(t, e, "its name")
	_, err := l.Read(t.Context(), 1, 10, 1<<20)
	wantDamaged(t, "Read", err)
	for _, text := range []string{`"data"`, `"its name"`, "restore it from a backup"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("Read: %v, does not say %s", err, text)
		}
	}
	mustAppend(t, l, "goes on")
	if got, err := l.Read(t.Context(), 7, 1, 1); err != nil || string(got[0].Payload) != "goes on" {
		t.Errorf("Read of an intact entry: %v", err)
	}
}

// TestTamperedLogs changes the database so that the checksums of its files are
// right.
func TestTamperedLogs(t *testing.T) {
	entry := func(number, seq byte) []byte {
		return []byte{'m', 0, 0, 0, 0, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, seq}
	}
	tests := []struct {
		name   string
		change func(b *driver.Batch) error
		opens  bool // only Check looks there
		says   string
	}{
		{"first entry is gone", func(b *driver.Batch) error { return b.Delete(entry(1, 2), nil) }, false, `"log"`},
		{"last entry is gone", func(b *driver.Batch) error { return b.Delete(entry(1, 5), nil) }, false, `"log"`},
		{"there is one too many", func(b *driver.Batch) error { return b.Set(entry(1, 6), make([]byte, 20), nil) }, false, `"log"`},
		{"there is one before the first", func(b *driver.Batch) error { return b.Set(entry(1, 1), make([]byte, 20), nil) }, false, `"log"`},
		{"there is one of no log", func(b *driver.Batch) error { return b.Set(entry(9, 1), make([]byte, 20), nil) }, false, "of no log"},
		{"last entry is another", func(b *driver.Batch) error { return b.Set(entry(1, 5), bytesOf(20, 1), nil) }, false, `"log"`},
		{"all entries are gone", func(b *driver.Batch) error { return b.DeleteRange([]byte{'m'}, []byte{'n'}, nil) }, false, `"log"`},
		{"head is gone", func(b *driver.Batch) error { return b.Delete([]byte("llog"), nil) }, false, "missing"},
		{"head is no head", func(b *driver.Batch) error { return b.Set([]byte("llog"), []byte("x"), nil) }, false, `"log"`},
		{"key of no log", func(b *driver.Batch) error {
			return b.Set(append([]byte{'k', 0, 0, 0, 0, 0, 0, 0, 9}, make([]byte, 24)...), make([]byte, 32), nil)
		}, false, "log number 9"},
		{"key is no key", func(b *driver.Batch) error { return b.Set([]byte("kx"), nil, nil) }, false, "key"},
		{"entry in the middle is gone", func(b *driver.Batch) error { return b.Delete(entry(1, 3), nil) }, true, "entries 3 to 3 are missing"},
		{"entry in the middle is another", func(b *driver.Batch) error { return b.Set(entry(1, 3), bytesOf(20, 1), nil) }, true, "entry 3"},
		{"entry in the middle is none", func(b *driver.Batch) error { return b.Set(entry(1, 3), nil, nil) }, true, "entry 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			disk := vfs.NewMem()
			e := mustOpen(t, "data", on(disk))
			l := mustOpenLog(t, e, "log")
			mustAppend(t, l, "a", "b", "c", "d", "e")
			mustAppend(t, mustOpenLog(t, e, "other"), "a")
			mustTrim(t, l, storage.Retention{Messages: 4})
			mustClose(t, e)
			tamper(t, disk, test.change)

			report := mustCheck(t, "data", disk)
			if len(report.Problems) == 0 || !strings.Contains(fmt.Sprint(report.Problems), test.says) {
				t.Errorf("Check: %v, does not say %s", report.Problems, test.says)
			}
			if !test.opens {
				wantOpenError(t, "data", disk, pebble.ErrDamaged, test.says)
				return
			}
			e = mustOpen(t, "data", on(disk))
			defer mustClose(t, e)
			mustAppend(t, mustOpenLog(t, e, "other"), "goes on")
		})
	}
}

func bytesOf(n int, b byte) []byte { return slices.Repeat([]byte{b}, n) }

func tamper(t *testing.T, disk vfs.FS, change func(b *driver.Batch) error) {
	t.Helper()
	db, err := driver.Open("data", &driver.Options{FS: disk, Logger: noLog{}, FormatMajorVersion: driver.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	b := db.NewBatch()
	if err := errors.Join(change(b), b.Commit(driver.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestEpochs checks when the epoch of a log changes, and that the ID does not.
func TestEpochs(t *testing.T) {
	disk := vfs.NewMem()
	bounds := func() storage.Bounds {
		e := mustOpen(t, "data", on(disk))
		defer mustClose(t, e)
		l := mustOpenLog(t, e, "log")
		mustAppend(t, l, "text")
		return l.Bounds()
	}
	first := bounds()
	if again := bounds(); again.Epoch != first.Epoch || again.ID != first.ID {
		t.Errorf("after a restart: %+v, before: %+v", again, first)
	}
	seen := map[string]bool{first.Epoch: true}
	for what, change := range map[string]func(){
		"durable marker removed": func() { removeMarker(t, disk) },
		"renewed": func() {
			if err := pebble.Renew("data", on(disk)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		change()
		after := bounds()
		if seen[after.Epoch] || after.ID != first.ID {
			t.Errorf("%s: %+v, before: %+v", what, after, first)
		}
		seen[after.Epoch] = true
		if again := bounds(); again.Epoch != after.Epoch {
			t.Errorf("%s and opened again: %+v, before: %+v", what, again, after)
		}
	}
	if b := bounds(); b.Next != 8 {
		t.Errorf("log ends at %d", b.Next)
	}
}

// TestLossOfTheEndOfALog cuts off the end of the newest log file. Open must notice,
// and the epoch must change if somebody goes on without the lost entries.
func TestLossOfTheEndOfALog(t *testing.T) {
	disk := vfs.NewCrashableMem()
	e := mustOpen(t, "data", on(disk))
	l := mustOpenLog(t, e, "log")
	mustAppend(t, l, strings.Repeat("1", 1000))
	mustAppend(t, l, strings.Repeat("2", 1000))
	before := l.Bounds()
	mustClose(t, e)
	for _, name := range list(t, disk) {
		if data := readFile(t, disk, "data/"+name); strings.HasSuffix(name, ".log") {
			disk = withFile(t, disk, "data/"+name, data[:len(data)-500])
		}
	}
	wantOpenError(t, "data", disk, pebble.ErrDamaged, "marker.seagate-written.*")
	removeMarker(t, disk)
	e = mustOpen(t, "data", on(disk))
	defer mustClose(t, e)
	if after := mustOpenLog(t, e, "log").Bounds(); after.Next != 2 || after.Epoch == before.Epoch || after.ID != before.ID {
		t.Errorf("after the loss: %+v, before: %+v", after, before)
	}
}

// TestUpgradeFromFormat1 opens folders without logs, with and without a durable
// marker.
func TestUpgradeFromFormat1(t *testing.T) {
	for _, marked := range []bool{true, false} {
		disk := vfs.NewMem()
		e := mustOpen(t, "data", on(disk))
		revision := mustPut(t, e, "key", "value")
		mustClose(t, e)
		shortenState(t, disk)
		moveMarker(t, disk, "seagate", "1")
		if !marked {
			removeMarker(t, disk)
		}
		e = mustOpen(t, "data", on(disk))
		wantValue(t, e, "key", "value")
		if next := mustPut(t, e, "key", "after"); next != revision+1 {
			t.Errorf("after the upgrade the revision is %d, was %d", next, revision)
		}
		mustAppend(t, mustOpenLog(t, e, "log"), "text")
		mustClose(t, e)
		wantNoProblems(t, "data", disk)
		mustClose(t, mustOpen(t, "data", on(disk)))
	}
}

// shortenState removes the fields of the state that format 1 lacks.
func shortenState(t *testing.T, disk vfs.FS) {
	t.Helper()
	db, err := driver.Open("data", &driver.Options{FS: disk, Logger: noLog{}, FormatMajorVersion: driver.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	b, closer, err := db.Get([]byte("s"))
	if err != nil {
		t.Fatal(err)
	}
	b = slices.Clone(b[:16])
	if err := errors.Join(closer.Close(), db.Set([]byte("s"), b, driver.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
}
