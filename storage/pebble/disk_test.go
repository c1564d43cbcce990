package pebble_test

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// list returns the names of the files in the folder data.
func list(t *testing.T, disk vfs.FS) []string {
	t.Helper()
	names, err := disk.List("data")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func readFile(t *testing.T, disk vfs.FS, path string) []byte {
	t.Helper()
	f, err := disk.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// withFile returns a copy of the disk on which the file has other contents.
func withFile(t *testing.T, disk *vfs.MemFS, path string, data []byte) *vfs.MemFS {
	t.Helper()
	c := disk.CrashClone(vfs.CrashCloneCfg{})
	f, err := c.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return c
}

// files returns the contents of the files in the folder data, by name.
func files(t *testing.T, disk vfs.FS) map[string]string {
	t.Helper()
	contents := make(map[string]string)
	for _, name := range list(t, disk) {
		contents[name] = string(readFile(t, disk, "data/"+name))
	}
	return contents
}

// zeroAt overwrites 100 bytes.
func zeroAt(t *testing.T, disk vfs.FS, path string, at int64) {
	t.Helper()
	f, err := disk.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 100), at); err != nil {
		t.Fatal(err)
	}
}

// removeMarker removes the durable marker.
func removeMarker(t *testing.T, disk vfs.FS) {
	t.Helper()
	for _, name := range list(t, disk) {
		if strings.HasPrefix(name, "marker.seagate-written.") {
			if err := disk.Remove("data/" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func moveMarker(t *testing.T, disk vfs.FS, name, value string) {
	t.Helper()
	marker, _, err := atomicfs.LocateMarker(disk, "data", name)
	if err != nil {
		t.Fatal(err)
	}
	defer marker.Close()
	if err := marker.Move(value); err != nil {
		t.Fatal(err)
	}
}

type noLog struct{}

func (noLog) Infof(string, ...any)  {}
func (noLog) Errorf(string, ...any) {}
func (noLog) Fatalf(string, ...any) {}

// faults makes the operations that match fail while it is on.
type faults struct {
	on    atomic.Bool
	match func(errorfs.Op) bool
	err   error // default: syscall.EIO
}

func (f *faults) String() string { return "faults" }

func (f *faults) MaybeError(op errorfs.Op) error {
	if f.on.Load() && f.match(op) {
		return cmp.Or(f.err, error(syscall.EIO))
	}
	return nil
}

// changes are the operations that change the contents of a file.
var changes = []errorfs.OpKind{
	errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo,
}

func onFile(part string, kinds ...errorfs.OpKind) func(errorfs.Op) bool {
	return func(op errorfs.Op) bool {
		return strings.Contains(op.Path, part) && slices.Contains(kinds, op.Kind)
	}
}
