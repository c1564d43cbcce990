package pebble

import (
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A freeDisk has so many bytes free.
type freeDisk struct {
	vfs.FS
	free uint64
}

func (d *freeDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free}, nil
}

// TestWhatACompactionGivesBackCountsAsFree, except where records may not grow either.
func TestWhatACompactionGivesBackCountsAsFree(t *testing.T) {
	disk, returning := &freeDisk{}, int64(0)
	s := &freeSpace{
		fs: disk, minFree: 8000, least: 4000, log: slog.New(slog.DiscardHandler), news: make(chan struct{}, 1),
		returning: func() int64 { return returning },
	}
	for _, step := range []struct {
		free          uint64
		returning     int64
		low, critical bool
	}{
		{8000, 0, false, false},
		{7000, 1000, false, false},
		{7000, 999, true, false},
		{7000, 1999, true, false}, // an eighth more is needed again
		{7000, 2000, false, false},
		{4000, 4000, false, false},
		{3999, 1 << 20, true, true},
		{4499, 1 << 20, true, true},
		{4500, 1 << 20, false, false},
		{4500, 0, true, false},
		{9000, 0, false, false},
	} {
		disk.free, returning = step.free, step.returning
		low, critical := s.state(8000) // much, so it measures
		if low != step.low || critical != step.critical {
			t.Errorf("%+v: low %v, critical %v", step, low, critical)
		}
		select {
		case <-s.news:
		default:
			t.Errorf("%+v: nobody is told", step)
		}
	}
}
