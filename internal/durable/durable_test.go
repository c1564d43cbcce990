package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"seagate/internal/durable"
)

type fakeFile struct {
	syncErr, closeErr error
	synced, closed    bool
}

func (f *fakeFile) Sync() error  { f.synced = true; return f.syncErr }
func (f *fakeFile) Close() error { f.closed = true; return f.closeErr }

func TestSyncAndClose(t *testing.T) {
	opening, syncing, closing := errors.New("opening"), errors.New("syncing"), errors.New("closing")
	var none *fakeFile
	if err := durable.SyncAndClose(none, opening); err != opening {
		t.Errorf("a file that was not opened: %v, want %v", err, opening)
	}
	f := &fakeFile{syncErr: syncing, closeErr: closing}
	err := durable.SyncAndClose(f, nil)
	if !errors.Is(err, syncing) || !errors.Is(err, closing) || !f.synced || !f.closed {
		t.Errorf("a file that cannot be synced: %v, synced %v, closed %v", err, f.synced, f.closed)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"first", "second", ""} {
		if err := durable.Replace(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("the file holds %q, %v, want %q", got, err, content)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if err := durable.Replace(filepath.Join(dir, "missing", "file"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Replace in a folder that does not exist: %v", err)
	}
	if err := durable.Replace(dir, nil); err == nil {
		t.Error("Replace replaced a folder")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the folder holds %v, %v, want the file alone", names, err)
	}
}

func TestRename(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.Mkdir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(to); err != nil {
		t.Error(err)
	}
	if err := durable.Rename(from, to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Rename of what does not exist: %v", err)
	}
}

// A recordingDisk notes which folders are made and synced, in their order.
type recordingDisk struct {
	durable.Disk
	ops []string
}

func (d *recordingDisk) MkdirAll(dir string, perm os.FileMode) error {
	d.ops = append(d.ops, "make "+filepath.Base(dir))
	return d.Disk.MkdirAll(dir, perm)
}

func (d *recordingDisk) OpenDir(name string) (*os.File, error) {
	d.ops = append(d.ops, "sync "+filepath.Base(name))
	return d.Disk.OpenDir(name)
}

func TestMkdirAllSyncsEveryParent(t *testing.T) {
	root := t.TempDir()
	d := &recordingDisk{}
	for range 2 { // the second call has nothing to do
		if err := durable.MkdirAll(d, filepath.Join(root, "a", "b", "c")); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprint([]string{"make a", "sync " + filepath.Base(root), "make b", "sync a", "make c", "sync b"})
	if got := fmt.Sprint(d.ops); got != want {
		t.Errorf("MkdirAll did %s, want %s", got, want)
	}
	info, err := os.Stat(filepath.Join(root, "a"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("a parent has mode %v, %v", info.Mode(), err)
	}
}
