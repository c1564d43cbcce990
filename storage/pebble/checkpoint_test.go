package pebble_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// TestCheckpointHoldsWhatWasAcknowledged copies a folder again and again during
// appends.
func TestCheckpointHoldsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	e := mustOpen(t, filepath.Join(dir, "data"), on(nil))
	defer mustClose(t, e)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writers sync.WaitGroup
	var next atomic.Uint64 // the number after those that were acknowledged
	next.Store(1)
	for i := range 4 {
		l := mustOpenLog(t, e, fmt.Sprint("log ", i))
		writers.Go(func() {
			for ctx.Err() == nil {
				got := appendTo(l, storage.Append{Payloads: payloads(randomText(5000), "b")})
				if got.Err != nil {
					t.Errorf("Append: %v", got.Err)
					return
				}
				if i == 0 {
					next.Store(got.First + 2)
				}
			}
		})
	}
	for i := range 4 {
		waitFor(t, func() bool { return next.Load() > uint64(30*(i+1)) })
		copied := filepath.Join(dir, "copies", fmt.Sprint(i))
		acknowledged := next.Load()
		if err := e.Checkpoint(t.Context(), copied); err != nil {
			t.Fatalf("Checkpoint: %v", err)
		}
		checkCopy(t, e, copied, acknowledged)
	}
	stop()
	writers.Wait()
	if err := e.Checkpoint(t.Context(), filepath.Join(dir, "copies", "0")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Checkpoint to a folder that exists: %v", err)
	}
}

// waitFor waits until done returns true.
func waitFor(t testing.TB, done func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long")
		}
	}
}

func checkCopy(t *testing.T, e *pebble.Engine, dir string, acknowledged uint64) {
	t.Helper()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}
	report, err := pebble.Check(dir, on(nil), nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatalf("Check of a copy: %v, %v", report.Problems, err)
	}
	c := mustOpen(t, dir, on(nil))
	l := mustOpenLog(t, c, "log 0")
	b, original := l.Bounds(), mustOpenLog(t, e, "log 0")
	if b.Next < acknowledged || b.Epoch != original.Bounds().Epoch || b.ID != original.Bounds().ID {
		t.Errorf("the copy has %+v, but %d was acknowledged before", b, acknowledged-1)
	}
	for _, entry := range mustReadAll(t, l) {
		same, err := original.Read(t.Context(), entry.Seq, 1, 0)
		if err != nil || !bytes.Equal(same[0].Payload, entry.Payload) || same[0].Time != entry.Time {
			t.Fatalf("entry %d of the copy differs (%v)", entry.Seq, err)
		}
	}
	mustClose(t, c)
	if err := pebble.Renew(dir, on(nil)); err != nil {
		t.Fatalf("Renew: %v", err)
	}
}

// TestCheckpointOnFullDisk has no room for the copy. The engine goes on, and no
// part of a copy is left.
func TestCheckpointOnFullDisk(t *testing.T) {
	mem := vfs.NewMem()
	full := &faults{match: func(op errorfs.Op) bool {
		return strings.HasPrefix(op.Path, "copy.partial/") && op.Kind == errorfs.OpFileWrite
	}}
	full.on.Store(true)
	e := mustOpen(t, "data", on(errorfs.Wrap(mem, full)))
	defer mustClose(t, e)
	mustAppend(t, mustOpenLog(t, e, "log"), "text")
	if err := e.Checkpoint(t.Context(), "copy"); err == nil {
		t.Error("Checkpoint succeeded on a full disk")
	}
	if _, err := mem.Stat("copy.partial"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part of a copy is left: %v", err)
	}
	full.on.Store(false)
	mustAppend(t, mustOpenLog(t, e, "log"), "goes on")
	if err := e.Checkpoint(t.Context(), "copy"); err != nil {
		t.Error(err)
	}
	wantNoProblems(t, "copy", mem)
}

// A stallFS calls stall at each write to the copy of a write-ahead log.
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

// TestCheckpointDuringWrites appends while the write-ahead log is being copied.
// Pebble would reuse the log's file, and the copy would be damaged.
func TestCheckpointDuringWrites(t *testing.T) {
	dir := t.TempDir()
	var armed atomic.Bool
	var stall func()
	files := stallFS{vfs.Default, &armed, func() { stall() }}
	opts := on(files).WithSmallTables()
	e := mustOpen(t, filepath.Join(dir, "data"), opts)
	defer mustClose(t, e)
	l := mustOpenLog(t, e, "log")
	for range 400 {
		mustAppend(t, l, randomText(20000))
	}
	chunk := 0
	stall = func() { // as if the copy waited for the disk now and then
		if chunk++; chunk%8 == 0 {
			for range 25 {
				appendTo(l, storage.Append{Payloads: payloads(randomText(10000))})
			}
		}
	}
	armed.Store(true)
	for i := range 10 {
		if err := e.Checkpoint(t.Context(), filepath.Join(dir, fmt.Sprint("copy", i))); err != nil {
			t.Errorf("Checkpoint of a healthy folder: %v", err)
		}
	}
	if chunk == 0 {
		t.Error("no write-ahead log was copied, so the test does not stall")
	}
}
