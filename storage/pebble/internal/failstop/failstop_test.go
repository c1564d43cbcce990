package failstop_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble/internal/failstop"
)

var quiet = slog.New(slog.DiscardHandler)

func TestGuardKeepsTheFirstFailure(t *testing.T) {
	fatal := make(chan error, 2)
	g := failstop.New(quiet, func(err error) { fatal <- err })
	if err := g.Err(); err != nil {
		t.Fatalf("a new guard: %v", err)
	}
	g.Stop()
	if err := g.Err(); err != storage.ErrClosed || g.Failure() != nil {
		t.Errorf("after Stop: %v, %v, want ErrClosed and no failure", err, g.Failure())
	}
	for range 2 {
		go g.Fail(errors.New("reason")) // never returns
	}
	<-g.Failed()
	<-g.Stopping()
	if reason := <-fatal; g.Err() != reason || g.Failure() != reason {
		t.Errorf("after Fail: %v, %v, want %v", g.Err(), g.Failure(), reason)
	}
	if len(fatal) > 0 {
		t.Error("OnFatal was called twice")
	}
}

func TestErrorOfTheWriteAheadLogEndsTheEngine(t *testing.T) {
	for _, test := range []struct {
		name    string
		started bool
		ends    bool
	}{
		{"data/000001.log", true, true},
		{"data/000001.log", false, false}, // Open returns the error
		{"data/000001.sst", true, false},  // an event reports it
		{"copy/000001.log", true, false},  // of a checkpoint
	} {
		disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpCreate {
				return syscall.EIO
			}
			return nil
		}))
		fatal := make(chan error, 1)
		g := failstop.New(quiet, func(err error) { fatal <- err })
		if test.started {
			g.Start()
		}
		returned := make(chan error, 1)
		go func() {
			_, err := g.FS(disk, "data").Create(test.name, vfs.WriteCategoryUnspecified)
			returned <- err
		}()
		var err error
		ended := false
		select {
		case err = <-fatal:
			ended = true
		case err = <-returned:
		}
		if ended != test.ends || !errors.Is(err, syscall.EIO) {
			t.Errorf("%+v: ended %v, %v", test, ended, err)
		}
	}
}

func TestFolderIsSyncedBeforeMarkersChange(t *testing.T) {
	var mu sync.Mutex // guards ops
	var ops []errorfs.OpKind
	mem := vfs.NewMem()
	if err := mem.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		ops = append(ops, op.Kind)
		return nil
	}))
	files := failstop.New(quiet, func(error) {}).FS(disk, "data")
	f, err := files.Create("data/marker.manifest.1.x", vfs.WriteCategoryUnspecified)
	if err := errors.Join(err, f.Close(), files.Remove("data/marker.manifest.1.x")); err != nil {
		t.Fatal(err)
	}
	for _, change := range []errorfs.OpKind{errorfs.OpCreate, errorfs.OpRemove} {
		at := slices.Index(ops, change)
		if at < 0 || !slices.Contains(ops[:at], errorfs.OpFileSync) {
			t.Fatalf("no sync of the folder before operation %v: %v", change, ops)
		}
		ops = ops[at:]
	}
}

func TestLogFilesAreNotReused(t *testing.T) {
	disk := vfs.NewMem()
	files := failstop.New(quiet, func(error) {}).FS(disk, "")
	old, err := files.Create("old.log", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Write([]byte(strings.Repeat("x", 100)))
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	next, err := files.ReuseForWrite("old.log", "new.log", vfs.WriteCategoryUnspecified)
	if err := errors.Join(err, next.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := disk.Stat("new.log"); err != nil || info.Size() != 0 {
		t.Errorf("the new file: %v, %v, want it empty", info, err)
	}
	if _, err := disk.Stat("old.log"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old file: %v", err)
	}
}
