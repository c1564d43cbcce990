package pebble_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// A log whose newest entry lies in the future (the clock was ahead, and was set
// back) makes room by forgetting the keys of OTHER logs that are well within
// their windows.
func TestKeysOfOtherLogsForgotten(t *testing.T) {
	mem := vfs.NewMem()
	opts := pebble.Options{FS: mem, Logger: quiet, AppendKeys: 2}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(48 * time.Hour) // the clock is ahead
		e := mustOpen(t, "data", opts)
		mustAppend(t, mustOpenLog(t, e, "ahead"), "text")
		mustClose(t, e)
	})
	synctest.Test(t, func(t *testing.T) { // set back
		e := mustOpen(t, "data", opts)
		defer mustClose(t, e)
		l := mustOpenLog(t, e, "log")
		keyed := storage.Append{Payloads: texts("once"), Key: "key", Window: time.Hour}
		first := appendTo(l, keyed)
		second := keyed
		second.Key = "key 2"
		appendTo(l, second)
		appendTo(mustOpenLog(t, e, "ahead"), storage.Append{Payloads: texts("x"), Key: "other", Window: time.Hour})
		again := appendTo(l, keyed)
		if !again.Repeat || again.First != first.First {
			t.Errorf("repeated within the window: %+v, first was %+v", again, first)
		}
	})
}

// stallFS lets the source be written to while the copy of its WAL waits for the
// disk.
type stallFS struct {
	vfs.FS
	armed *atomic.Bool
	stall func()
}

func (f stallFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err == nil && f.armed.Load() && strings.Contains(name, "copy") && strings.HasSuffix(name, ".log") {
		return &stallFile{File: file, fs: f}, nil
	}
	return file, err
}

type stallFile struct {
	vfs.File
	fs stallFS
}

func (f *stallFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.fs.stall()
	return n, err
}

// A copy is made while the log of the database, a file that is used again, is
// written to. Whatever the timing, Checkpoint must succeed.
func TestCheckpointWhileWritten(t *testing.T) {
	dir := t.TempDir()
	var armed atomic.Bool
	var stall func()
	files := stallFS{vfs.Default, &armed, func() { stall() }}
	opts := pebble.Options{FS: files, Logger: quiet}.WithSmallTables()
	e := mustOpen(t, filepath.Join(dir, "data"), opts)
	defer mustClose(t, e)
	l := mustOpenLog(t, e, "log")
	for range 400 {
		if got := appendTo(l, storage.Append{Payloads: texts(randomText(20000))}); got.err != nil {
			t.Fatal(got.err)
		}
	}
	chunk := 0
	stall = func() { // as when the copy waits now and then for the disk, like the SyncingFile that Pebble makes it through
		if chunk++; chunk%8 == 0 {
			for range 25 {
				appendTo(l, storage.Append{Payloads: texts(randomText(10000))})
			}
		}
	}
	armed.Store(true)
	failed := 0
	var last error
	for i := range 10 {
		if err := e.Checkpoint(t.Context(), filepath.Join(dir, fmt.Sprint("copy", i))); err != nil {
			failed++
			last = err
		}
	}
	t.Logf("%d chunks", chunk)
	if failed > 0 {
		t.Errorf("%d of 10 checkpoints of a healthy folder failed: %v (ErrDamaged: %v)", failed, last, errors.Is(last, pebble.ErrDamaged))
	}
}

// What an interrupted Checkpoint leaves, before the logs were copied, is to be
// refused by Open.
