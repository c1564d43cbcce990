package pebble_test

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage"
	"seagate/storage/pebble"
)

// A smallDisk has as much free space as the test sets, and counts measurements.
type smallDisk struct {
	vfs.FS
	free     atomic.Uint64
	measured atomic.Int32
}

func (d *smallDisk) Unwrap() vfs.FS { return d.FS }

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	d.measured.Add(1)
	return vfs.DiskUsage{AvailBytes: d.free.Load(), TotalBytes: 1 << 40}, nil
}

// TestLowSpaceRefusesAppends lets the free space fall below the limit and rise
// again.
func TestLowSpaceRefusesAppends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &smallDisk{FS: vfs.NewMem()}
		disk.free.Store(8000)
		var log lockedBuffer
		e := mustOpen(t, "data", pebble.Options{FS: disk, MinFree: 8000, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer mustClose(t, e)
		l := mustOpenLog(t, e, "log")
		keyed := storage.Append{Payloads: payloads("text"), Key: "key", Window: time.Hour}
		if got := appendTo(l, keyed); got.Err != nil {
			t.Fatal(got.Err)
		}
		mustAppend(t, l, "text")

		for _, step := range []struct {
			free uint64
			low  bool
		}{{7999, true}, {8000, true}, {8999, true}, {9000, false}, {8000, false}, {4000, true}} {
			disk.free.Store(step.free)
			time.Sleep(time.Second)
			got := appendTo(l, storage.Append{Payloads: payloads("text")})
			if low := errors.Is(got.Err, storage.ErrNoSpace); low != step.low || !low && got.Err != nil {
				t.Errorf("with %d bytes free: %v", step.free, got.Err)
			}
			if free, low := e.Space(); free != int64(step.free) || low != step.low {
				t.Errorf("with %d bytes free: Space() = %d, %v", step.free, free, low)
			}
		}
		if got := appendTo(l, keyed); got.Err != nil || !got.Repeat {
			t.Errorf("a repeat without space: %+v", got)
		}
		mustPut(t, e, "key", "value")
		mustTrim(t, l, storage.Retention{Messages: 1})
		if err := e.DeleteLog(t.Context(), "log"); err != nil {
			t.Errorf("DeleteLog without space: %v", err)
		}
		if n := strings.Count(log.String(), "disk space"); n != 3 {
			t.Errorf("three changes wrote %d lines to the log:\n%s", n, log.String())
		}
		before := disk.measured.Load()
		for range 100 {
			_, _ = e.Space()
		}
		if n := disk.measured.Load() - before; n > 1 {
			t.Errorf("the free space was measured %d times within a second", n)
		}
	})
}

// TestUnknownSpaceAcceptsAppends uses a disk that does not report free space.
func TestUnknownSpaceAcceptsAppends(t *testing.T) {
	e := mustOpen(t, "data", pebble.Options{FS: vfs.NewMem(), Logger: quiet, MinFree: 1})
	defer mustClose(t, e)
	mustAppend(t, mustOpenLog(t, e, "log"), "text")
	if free, low := e.Space(); free != -1 || low {
		t.Errorf("Space() = %d, %v", free, low)
	}
}

// TestSpaceOfAClosedEngine can be asked for, while little is free too.
func TestSpaceOfAClosedEngine(t *testing.T) {
	disk := &smallDisk{FS: vfs.NewMem()}
	disk.free.Store(7000)
	synctest.Test(t, func(t *testing.T) {
		e := mustOpen(t, "data", pebble.Options{FS: disk, MinFree: 8000})
		mustClose(t, e)
		time.Sleep(time.Minute) // of the clock of synctest, so that Space measures again
		if free, low := e.Space(); free != 7000 || !low {
			t.Errorf("Space() = %d, %v", free, low)
		}
	})
}

// Below half of the limit records do not grow, and what makes room goes on.
func TestVeryLowSpaceRefusesRecordsThatGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &smallDisk{FS: vfs.NewMem()}
		disk.free.Store(1 << 30)
		e := mustOpen(t, "data", pebble.Options{FS: disk, MinFree: 8000})
		defer mustClose(t, e)
		l := mustOpenLog(t, e, "log")
		mustAppend(t, l, "text")
		large := strings.Repeat("x", 10_000)
		put := func(key, value string) error {
			_, err := e.Put(t.Context(), "table", key, []byte(value), storage.Always())
			return err
		}
		for key, value := range map[string]string{"large": large, "small": "x", "other": "x"} {
			if err := put(key, value); err != nil {
				t.Fatal(err)
			}
		}
		disk.free.Store(3999)
		time.Sleep(time.Second)
		for _, test := range []struct {
			key, value string
			fits       bool
		}{
			{"new", "x", false}, {"large", large + "x", false}, {"large", large[1:], true}, {"small", large[:5000], false},
			{"small", large[:1000], true},
		} {
			err := put(test.key, test.value)
			if (err == nil) != test.fits || err != nil && !errors.Is(err, storage.ErrNoSpace) {
				t.Errorf("%d bytes under %q: %v", len(test.value), test.key, err)
			}
		}
		if err := e.Delete(t.Context(), "table", "other", storage.Always()); err != nil {
			t.Errorf("a deletion: %v", err)
		}
		mustTrim(t, l, storage.Retention{Messages: 1})
		if err := e.DeleteLog(t.Context(), "log"); err != nil {
			t.Errorf("the deletion of a log: %v", err)
		}
		disk.free.Store(4500)
		time.Sleep(time.Second)
		if err := put("new", "x"); err != nil {
			t.Errorf("with more space: %v", err)
		}
	})
}
