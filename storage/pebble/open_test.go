package pebble_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	driver "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage/pebble"
)

func wantOpenError(t *testing.T, dir string, disk vfs.FS, want error, texts ...string) {
	t.Helper()
	e, err := pebble.Open(dir, on(disk))
	if err == nil {
		mustClose(t, e)
	}
	if !errors.Is(err, want) {
		t.Fatalf("Open: %v, want %v", err, want)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("Open: %q does not say %q", err, text)
		}
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	e := mustOpen(t, dir, on(nil))
	defer mustClose(t, e)
	for _, path := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o700 {
			t.Errorf("%s has mode %o, want 700", path, mode)
		}
	}
}

func TestFolderCannotBeCreated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		_, err := pebble.Open(dir, on(nil))
		if err == nil || !strings.Contains(err.Error(), dir) || errors.Is(err, pebble.ErrInUse) || errors.Is(err, pebble.ErrDamaged) {
			t.Errorf("Open(%q): %v", dir, err)
		}
	}
}

// TestFolderInUse opens a folder that another process has open, and again when
// that process is dead.
func TestFolderInUse(t *testing.T) {
	if dir := os.Getenv("SEAGATE_TEST_HOLD"); dir != "" {
		holdFolder(t, dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "data")
	child := helperProcess(t, "TestFolderInUse", "SEAGATE_TEST_HOLD="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "written\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}

	wantOpenError(t, dir, nil, pebble.ErrInUse, dir, "in use by another process")
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // "signal: killed"
	e := mustOpen(t, dir, on(nil))
	defer mustClose(t, e)
	wantValue(t, e, "key", "value")
}

func holdFolder(t *testing.T, dir string) {
	e, err := pebble.Open(dir, on(nil))
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, e, "key", "value")
	fmt.Println("written")
	select {} // until killed
}

func TestFolderInUseBySameProcess(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, dir, on(nil))
	t.Chdir(filepath.Dir(dir))
	for _, name := range []string{dir, filepath.Base(dir), "./" + filepath.Base(dir) + "/"} {
		wantOpenError(t, name, nil, pebble.ErrInUse, dir)
	}
	mustClose(t, e)
	mustClose(t, mustOpen(t, dir, on(nil)))
}

func TestOpenLeavesNoLockBehind(t *testing.T) {
	disk := vfs.NewMem()
	mustClose(t, mustOpen(t, "data", on(disk)))
	moveMarker(t, disk, "seagate", "3")
	for range 2 {
		wantOpenError(t, "data", disk, pebble.ErrNewer)
	}
}

// TestUnknownFormats opens folders of other formats, and checks that it does not
// change them.
func TestUnknownFormats(t *testing.T) {
	tests := []struct {
		name, marker, value string
		want                error
		text                string
	}{
		{"ours is newer", "seagate", "3", pebble.ErrNewer, "seagate 3"},
		{"ours is much newer", "seagate", "100", pebble.ErrNewer, "seagate 100"},
		{"Pebble's is newer", "format-version", "999", pebble.ErrNewer, "999"},
		{"ours is no number", "seagate", "one", pebble.ErrDamaged, "one"},
		{"ours is zero", "seagate", "0", pebble.ErrDamaged, `"0"`},
		{"the durable marker is no number", "seagate-written", "x", pebble.ErrDamaged, "seagate-written"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			disk := vfs.NewCrashableMem()
			e := mustOpen(t, "data", on(disk))
			mustPut(t, e, "key", "value")
			mustClose(t, e)
			moveMarker(t, disk, test.marker, test.value)
			before := disk.String()
			wantOpenError(t, "data", disk, test.want, test.text, `"data"`)
			if after := disk.String(); before != after {
				t.Errorf("folder was\n%s\nis\n%s", before, after)
			}
		})
	}
}

// TestNewestPebbleFormat checks that the engine uses a format that tells damage in
// the middle of a log from a lost end. Pebble's default is older.
func TestNewestPebbleFormat(t *testing.T) {
	disk := vfs.NewMem()
	mustClose(t, mustOpen(t, "data", on(disk)))
	desc, err := driver.Peek("data", disk)
	if err != nil || desc.FormatMajorVersion < driver.FormatWALSyncChunks {
		t.Errorf("database has format %v (%v), want %v or newer", desc, err, driver.FormatWALSyncChunks)
	}
}

// TestForeignDatabase opens a Pebble database of another program.
func TestForeignDatabase(t *testing.T) {
	disk := vfs.NewMem()
	db, err := driver.Open("data", &driver.Options{FS: disk, Logger: noLog{}, FormatMajorVersion: driver.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Set([]byte("their key"), nil, driver.Sync); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, "data", disk, pebble.ErrDamaged, "marker.seagate")
}

// TestUnreadableFolderIsNotDamaged opens a folder with a file that the system does
// not allow to read.
func TestUnreadableFolderIsNotDamaged(t *testing.T) {
	for _, part := range []string{".log", "MANIFEST", "OPTIONS"} {
		t.Run(part, func(t *testing.T) {
			disk := vfs.NewMem()
			e := mustOpen(t, "data", on(disk))
			mustPut(t, e, "key", "value")
			mustClose(t, e)
			unreadable := &faults{match: onFile(part, errorfs.OpOpen), err: syscall.EACCES}
			unreadable.on.Store(true)
			_, err := pebble.Open("data", on(errorfs.Wrap(disk, unreadable)))
			if !errors.Is(err, fs.ErrPermission) || errors.Is(err, pebble.ErrDamaged) {
				t.Errorf("Open: %v", err)
			}
		})
	}
}
