package pebble_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
	"seagate/storage/pebble/integrity"
)

func TestCheckCounts(t *testing.T) {
	disk := vfs.NewMem()
	e := mustOpen(t, "data", on(disk))
	mustPut(t, e, "one", "value")
	mustPut(t, e, "two", "value")
	l := mustOpenLog(t, e, "log")
	mustAppend(t, l, "a", "bc", "def")
	if got := appendTo(l, storage.Append{Payloads: payloads("x"), Key: "key", Window: time.Hour}); got.Err != nil {
		t.Fatal(got.Err)
	}
	mustAppend(t, mustOpenLog(t, e, "other"), "g")
	mustTrim(t, l, storage.Retention{Messages: 2})
	_, err := pebble.Check("data", on(disk), nil)
	if !errors.Is(err, pebble.ErrInUse) {
		t.Errorf("Check of an open folder: %v, want ErrInUse", err)
	}
	mustClose(t, e)

	before := files(t, disk)
	var last [2]int64
	report, err := pebble.Check("data", on(disk), func(done, total int64) {
		if done < last[0] || done > total {
			t.Errorf("progress went from %d to %d of %d", last, done, total)
		}
		last = [2]int64{done, total}
	})
	want := integrity.Report{Records: 2, Logs: 2, Keys: 1, Entries: 3, Bytes: 5}
	if err != nil || fmt.Sprint(report) != fmt.Sprint(want) {
		t.Errorf("Check: %+v, %v, want %+v", report, err, want)
	}
	if last[0] == 0 {
		t.Error("there was no progress")
	}
	if fmt.Sprint(files(t, disk)) != fmt.Sprint(before) {
		t.Error("Check changed the folder")
	}
}

// TestCheckIgnoresUnlistedTables leaves a table in the folder that was not written
// to its end, because the disk was full.
func TestCheckIgnoresUnlistedTables(t *testing.T) {
	disk := vfs.NewMem()
	e := mustOpen(t, "data", on(disk))
	mustAppend(t, mustOpenLog(t, e, "log"), "a")
	mustClose(t, e)
	mustClose(t, mustOpen(t, "data", on(disk))) // makes a table of it
	table, err := disk.Create("data/999999.sst", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	table.Write([]byte("half a table"))
	table.Close()
	wantNoProblems(t, "data", disk)
	for name := range files(t, disk) {
		if strings.HasSuffix(name, ".sst") && !strings.Contains(name, "999999") {
			zeroAt(t, disk, "data/"+name, 0) // the first block
		}
	}
	if report := mustCheck(t, "data", disk); len(report.Problems) == 0 || report.Problems[0].File == "" {
		t.Errorf("a damaged table: %v", report.Problems)
	}
}

func TestCheckFoldersWithoutDatabase(t *testing.T) {
	disk := vfs.NewMem()
	if _, err := pebble.Check("data", on(disk), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Check of no folder: %v", err)
	}
	if err := disk.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	if report := mustCheck(t, "data", disk); len(report.Problems) == 0 || !strings.Contains(report.Problems[0].String(), "marker.seagate") {
		t.Errorf("Check of an empty folder: %v", report.Problems)
	}
	mustClose(t, mustOpen(t, "data", on(disk)))
	moveMarker(t, disk, "seagate", "3")
	if _, err := pebble.Check("data", on(disk), nil); !errors.Is(err, pebble.ErrNewer) {
		t.Errorf("Check of a newer folder: %v", err)
	}
}
