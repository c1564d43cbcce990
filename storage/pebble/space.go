package pebble

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// spaceInterval is how old the measured free space may be.
const spaceInterval = time.Second

// freeSpace measures how much of the disk is free, and decides whether that is
// too little to append. Once it is too little, an eighth more must be free
// before appends are accepted again. Otherwise, on a disk at the limit, each
// trim would change the decision.
type freeSpace struct {
	fs      vfs.FS
	dir     string
	minFree int64 // 0 for no limit
	log     *slog.Logger

	mu       sync.Mutex // guards what follows
	measured time.Time
	free     int64 // bytes, -1 if the disk does not say
	low      bool
}

func (s *freeSpace) isLow() bool {
	if s.minFree <= 0 {
		return false
	}
	_, low := s.get()
	return low
}

func (s *freeSpace) get() (free int64, low bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.measured.IsZero() || now.Sub(s.measured) >= spaceInterval {
		s.measured = now
		s.measureLocked()
	}
	return s.free, s.low
}

func (s *freeSpace) measureLocked() {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil { // the decision stays as it was
		if s.free >= 0 && s.minFree > 0 {
			s.log.Warn("cannot tell how much disk space is left", "folder", s.dir, "error", err)
		}
		s.free = -1
		return
	}
	s.free = int64(min(usage.AvailBytes, 1<<62))
	switch {
	case s.minFree <= 0:
	case !s.low && s.free < s.minFree:
		s.low = true
		s.log.Error("too little disk space is left, so nothing is appended", "folder", s.dir, "free_bytes", s.free, "needed_bytes", s.minFree)
	case s.low && s.free >= s.minFree+s.minFree/8:
		s.low = false
		s.log.Info("there is enough disk space again", "folder", s.dir, "free_bytes", s.free)
	}
}

// Space returns how many bytes of the disk are free, -1 if the disk does not
// say, and whether that is too little to append: see Options.MinFree. Both are
// at most a second old.
func (e *Engine) Space() (free int64, low bool) { return e.space.get() }
