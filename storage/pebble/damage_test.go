package pebble_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
)

// damageTests are folders to damage, the kinds of files to damage in them, and the
// number of records there. They are made in a bubble of synctest, where time
// passes when all are idle, so that the durable marker moves.
var damageTests = []struct {
	name  string
	kinds []string
	make  func(t *testing.T) (disk *vfs.MemFS, records int)
}{
	{"closed", []string{".log", ".sst", "MANIFEST", "marker"}, func(t *testing.T) (*vfs.MemFS, int) {
		disk, e := wornFolder(t)
		mustClose(t, e)
		return disk, 90
	}},
	{"power lost", []string{".log", ".sst", "MANIFEST", "marker"}, func(t *testing.T) (*vfs.MemFS, int) {
		disk, e := wornFolder(t)
		defer mustClose(t, e)
		return disk.CrashClone(vfs.CrashCloneCfg{}), 90
	}},
	{"flushed", []string{"MANIFEST"}, flushedFolder},
}

// wornFolder has been opened several times, and so has files of every kind.
func wornFolder(t *testing.T) (*vfs.MemFS, *pebble.Engine) {
	disk := vfs.NewCrashableMem()
	for round := 0; ; round++ {
		e := mustOpen(t, "data", on(disk))
		for i := range 30 {
			mustPut(t, e, fmt.Sprintf("%d/%03d", round, i), strings.Repeat(fmt.Sprint(i), 3000))
		}
		time.Sleep(2 * time.Second)
		if round == 2 {
			return disk, e
		}
		mustClose(t, e)
	}
}

// flushedFolder has records in a table that only the end of the MANIFEST file
// lists, and newer ones in a log.
func flushedFolder(t *testing.T) (disk *vfs.MemFS, records int) {
	disk = vfs.NewCrashableMem()
	e := mustOpen(t, "data", on(disk))
	for !slices.ContainsFunc(list(t, disk), func(name string) bool { return strings.HasSuffix(name, ".sst") }) {
		mustPut(t, e, fmt.Sprint(records), strings.Repeat("v", 4<<10))
		time.Sleep(time.Millisecond)
		records++
	}
	mustPut(t, e, "newer", "value")
	records++
	mustClose(t, e)
	return disk, records
}

// TestDamageToRecords damages each file of a folder in many ways. Either no record
// is missing, or Open reports the damage and changes nothing. Records must never
// be missing without an error.
func TestDamageToRecords(t *testing.T) {
	for _, test := range damageTests {
		t.Run(test.name, func(t *testing.T) {
			var disk *vfs.MemFS
			var records int
			synctest.Test(t, func(t *testing.T) { disk, records = test.make(t) })
			for _, kind := range test.kinds {
				refused := false
				for what, worse := range damages(t, disk, kind) {
					refused = checkDamaged(t, what, worse, records) || refused
				}
				if !refused {
					t.Errorf("no damage to a %s file was detected", kind)
				}
			}
		})
	}
}

// Damaged OPTIONS files refused the start, though nothing is lost without them.
func TestDamageToOptions(t *testing.T) {
	var disk *vfs.MemFS
	synctest.Test(t, func(t *testing.T) {
		var e *pebble.Engine
		disk, e = wornFolder(t)
		mustClose(t, e)
	})
	refusedByPebble := 0
	for what, worse := range damages(t, disk, "OPTIONS") {
		folder := integrity.Folder{Dir: "data", FS: worse}
		damaged := folder.DamagedOptions()
		if report, err := pebble.Check("data", on(worse), nil); err != nil || len(report.Problems) > 0 {
			t.Errorf("%s: Check: %v %v", what, report.Problems, err)
		}
		if checkDamaged(t, what, worse, 90) {
			t.Errorf("%s: refused", what)
		}
		refusedByPebble += len(damaged)
		if left := folder.DamagedOptions(); len(left) > 0 {
			t.Errorf("%s: %q are left", what, left)
		}
	}
	if refusedByPebble == 0 {
		t.Error("no damage was one that Pebble refuses")
	}
}

// damages yields copies of the disk on which one file of the kind has a changed
// bit, has lost its end, has zeros at its end, or is missing.
func damages(t *testing.T, disk *vfs.MemFS, kind string) iter.Seq2[string, *vfs.MemFS] {
	return func(yield func(string, *vfs.MemFS) bool) {
		for _, name := range list(t, disk) {
			if strings.Contains(name, kind) && !damagesOf(t, disk, name, yield) {
				return
			}
		}
	}
}

func damagesOf(t *testing.T, disk *vfs.MemFS, name string, yield func(string, *vfs.MemFS) bool) bool {
	path := "data/" + name
	data := readFile(t, disk, path)
	change := func(what string, at int, to func(data []byte) []byte) bool {
		return yield(fmt.Sprintf("%s %s %d of %d", name, what, at, len(data)), withFile(t, disk, path, to(bytes.Clone(data))))
	}
	for at := 0; at < len(data); at += max(1, len(data)/10) {
		if !change("with a changed bit at", at, func(b []byte) []byte { b[at] ^= 0x10; return b }) {
			return false
		}
	}
	for _, at := range []int{0, len(data) / 2, len(data) * 9 / 10} {
		if !change("cut at", at, func(b []byte) []byte { return b[:at] }) ||
			!change("zeroed from", at, func(b []byte) []byte { clear(b[at:]); return b }) {
			return false
		}
	}
	gone := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := gone.Remove(path); err != nil {
		t.Fatal(err)
	}
	return yield(name+" removed", gone)
}

// checkDamaged returns whether Open refused the disk.
func checkDamaged(t *testing.T, what string, disk *vfs.MemFS, records int) (refused bool) {
	t.Helper()
	before := files(t, disk)
	e, err := pebble.Open("data", pebble.Options{FS: disk, Logger: quiet, OnFatal: func(err error) { t.Errorf("%s: %v", what, err) }})
	if err != nil {
		if !errors.Is(err, pebble.ErrDamaged) || !strings.Contains(err.Error(), `"data"`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: Open: %v", what, err)
		}
		after := files(t, disk)
		for name, data := range before {
			if name != "LOCK" && after[name] != data {
				t.Errorf("%s: Open refused the folder (%v), but changed or removed %s", what, err, name)
			}
		}
		return true
	}
	defer mustClose(t, e)
	n := 0
	for _, err := range e.List(t.Context(), "table", "") {
		if err != nil {
			t.Errorf("%s: List: %v", what, err)
		}
		n++
	}
	if n != records {
		t.Errorf("%s: Open found no damage, but only %d of %d records are there", what, n, records)
	}
	return false
}

// TestOpenWithoutDurableMarker follows the advice that Open gives for a log that
// has lost its end.
func TestOpenWithoutDurableMarker(t *testing.T) {
	disk := vfs.NewCrashableMem()
	e := mustOpen(t, "data", on(disk))
	mustPut(t, e, "first", strings.Repeat("v", 1000))
	mustPut(t, e, "second", strings.Repeat("v", 1000))
	mustClose(t, e)
	for _, name := range list(t, disk) {
		if data := readFile(t, disk, "data/"+name); strings.HasSuffix(name, ".log") {
			disk = withFile(t, disk, "data/"+name, data[:len(data)-500])
		}
	}
	wantOpenError(t, "data", disk, pebble.ErrDamaged, "number 1", "number 2", "marker.seagate-written.*")

	removeMarker(t, disk)
	e = mustOpen(t, "data", on(disk))
	defer mustClose(t, e)
	if _, err := e.Get(t.Context(), "table", "first"); err != nil {
		t.Error(err)
	}
	if _, err := e.Get(t.Context(), "table", "second"); !errors.Is(err, storage.ErrNotFound) {
		t.Error(err)
	}
}

// TestDamageFoundWhileReading damages a table after Open has verified it. Records
// that cannot be read are neither served nor overwritten; all others are.
func TestDamageFoundWhileReading(t *testing.T) {
	disk := vfs.NewMem()
	value := strings.Repeat("v", 100<<10) // a block for each
	for range 2 {                         // the second opening writes a table
		e := mustOpen(t, "data", on(disk))
		mustPut(t, e, "damaged", value)
		mustPut(t, e, "whole", value)
		mustClose(t, e)
	}
	var log lockedBuffer
	e := mustOpen(t, "data", pebble.Options{FS: disk, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer mustClose(t, e)
	for _, name := range list(t, disk) {
		if strings.HasSuffix(name, ".sst") {
			zeroAt(t, disk, "data/"+name, 0) // the first block
		}
	}

	_, err := e.Get(t.Context(), "table", "damaged")
	wantDamaged(t, "Get", err)
	_, err = e.Put(t.Context(), "table", "damaged", nil, storage.Always())
	wantDamaged(t, "Put", err)
	wantDamaged(t, "Delete", e.Delete(t.Context(), "table", "damaged", storage.Always()))
	for _, err = range e.List(t.Context(), "table", "") {
	}
	wantDamaged(t, "List", err)
	wantValue(t, e, "whole", value)
	mustPut(t, e, "whole", "changed")
	wantValue(t, e, "whole", "changed")
	if text := log.String(); !strings.Contains(text, "storage found damage") || !strings.Contains(text, ".sst") {
		t.Errorf("the log does not mention the damage: %q", text)
	}
}

func wantDamaged(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, pebble.ErrDamaged) {
		t.Errorf("%s: %v, want ErrDamaged", what, err)
	}
}
