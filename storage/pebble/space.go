package pebble

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lookForSpaceEvery is how old what is known of the free space may be.
const lookForSpaceEvery = time.Second

// A space knows how much of the disk is free, and whether that is too little
// to append. Once it is, an eighth more must be free before it is enough again,
// so that a disk at the bound does not have the engine change its mind with
// every trim.
type space struct {
	files vfs.FS
	dir   string
	least int64 // 0 for no bound
	log   *slog.Logger

	mu     sync.Mutex // guards what follows
	looked time.Time
	free   int64 // -1 if the disk does not say
	low    bool
}

func (s *space) isLow() bool {
	if s.least <= 0 {
		return false
	}
	_, low := s.look()
	return low
}

func (s *space) look() (free int64, low bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.looked.IsZero() || now.Sub(s.looked) >= lookForSpaceEvery {
		s.looked = now
		s.lookLocked()
	}
	return s.free, s.low
}

func (s *space) lookLocked() {
	usage, err := s.files.GetDiskUsage(s.dir)
	if err != nil {
		s.unknownLocked(err)
		return
	}
	s.free = int64(min(usage.AvailBytes, 1<<62))
	switch {
	case s.least <= 0:
	case !s.low && s.free < s.least:
		s.low = true
		s.log.Error("too little disk space is left, so nothing is appended", "folder", s.dir, "free_bytes", s.free, "needed_bytes", s.least)
	case s.low && s.free >= s.least+s.least/8:
		s.low = false
		s.log.Info("there is enough disk space again", "folder", s.dir, "free_bytes", s.free)
	}
}

// unknownLocked leaves it at what was known.
func (s *space) unknownLocked(err error) {
	if s.free >= 0 && s.least > 0 {
		s.log.Warn("cannot tell how much disk space is left", "folder", s.dir, "error", err)
	}
	s.free = -1
}

// Space returns how many bytes of the disk are free, -1 if it does not say,
// and whether that is too little to append: see Options.MinFree. Both are at
// most a second old.
func (e *Engine) Space() (free int64, low bool) { return e.space.look() }
