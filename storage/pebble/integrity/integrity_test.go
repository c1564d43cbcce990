package integrity_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage/pebble/integrity"
	"seagate/storage/pebble/internal/format"
)

// The engine's tests damage whole folders; see TestDamageToRecords and
// TestDamageToLogs in package pebble.

func TestExplainTellsDamageFromRefusals(t *testing.T) {
	for _, test := range []struct {
		err     error
		damaged bool
	}{
		{pebble.ErrCorruption, true},
		{fmt.Errorf("entry 3: %w", format.ErrMalformed), true},
		{integrity.ErrMissing, true},
		{&fs.PathError{Op: "open", Path: "000001.sst", Err: syscall.ENOENT}, true},
		{&fs.PathError{Op: "open", Path: "000001.sst", Err: syscall.EACCES}, false},
		{syscall.EIO, false},
	} {
		err := integrity.Explain("read from", "folder", test.err)
		if errors.Is(err, integrity.ErrDamaged) != test.damaged || !errors.Is(err, test.err) {
			t.Errorf("%v became %v, want ErrDamaged: %v", test.err, err, test.damaged)
		}
		if !strings.Contains(err.Error(), `"folder"`) || strings.Contains(err.Error(), integrity.AdviceRestore) != test.damaged {
			t.Errorf("%v became %v, want the folder, and advice if it is damaged", test.err, err)
		}
		if again := integrity.Explain("open", "folder", err); test.damaged && again != err {
			t.Errorf("%v became %v", err, again)
		}
	}
	if err := integrity.Explain("open", "folder", nil); err != nil {
		t.Errorf("nil became %v", err)
	}
}

func TestDurableMarkerOutlivesTheProcess(t *testing.T) {
	disk := vfs.NewCrashableMem()
	if err := disk.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := disk.OpenDir("")
	if err := errors.Join(err, root.Sync(), root.Close()); err != nil {
		t.Fatal(err)
	}
	open := func(disk vfs.FS) *integrity.DurableMarker {
		m, err := integrity.Folder{Dir: "data", FS: disk}.OpenMarker()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	m := open(disk)
	if m.Exists() {
		t.Error("a new folder has a marker")
	}
	for _, revision := range []uint64{7, 7, 12} {
		if err := m.Move(revision); err != nil {
			t.Fatal(err)
		}
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	if !open(crashed).Exists() {
		t.Error("the marker is lost")
	}
	names, err := crashed.List("data")
	if err != nil || len(names) != 1 || !strings.HasPrefix(names[0], "marker.seagate-written.") || !strings.HasSuffix(names[0], ".12") {
		t.Errorf("the folder has %q, %v, want the marker of revision 12", names, err)
	}
}
