package pebble

import (
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"seagate/storage/pebble/internal/reserve"
)

// spaceInterval is how old the measured free space may be.
const spaceInterval = time.Second

// freeSpace measures how much of the disk is free. Below minFree nothing is
// appended. What running compactions have written counts as free for this, since they
// give back about as much when they end: minFree is for such work. Below least nothing
// is appended whatever will be given back, and records do not grow either, so that what
// is left is for changes that make room. Once too little is free, an eighth more must be free
// before the changes are accepted again. Otherwise, on a disk at the limit, each
// trim would change the decision.
type freeSpace struct {
	fs      vfs.FS
	dir     string
	minFree int64 // 0 for no limit
	least   int64 // below it records do not grow
	log     *slog.Logger
	reserve *reserve.Reserve // nil without minFree
	news    chan struct{}    // one is sent after each measurement of state

	// returning returns how many bytes compactions will give back.
	returning func() int64

	mu       sync.Mutex // guards what follows
	measured time.Time
	written  int64 // since then
	free     int64 // bytes, -1 if the disk does not say
	low      bool
	critical bool // too little for records that grow
}

// state returns whether too little is free to append, and to let records grow. The committer
// calls it before each batch, with the bytes of the batch. On a small disk a second is long, so
// it measures again when much was written.
func (s *freeSpace) state(bytes int64) (low, critical bool) {
	if s.minFree <= 0 {
		return false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += bytes
	if s.measureIfDueLocked(s.written > s.minFree/16) {
		select {
		case s.news <- struct{}{}:
		default: // somebody is about to look
		}
	}
	return s.low, s.critical
}

func (s *freeSpace) get() (free int64, low bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measureIfDueLocked(false)
	return s.free, s.low
}

// measureIfDueLocked measures if the last time was long ago, or if now is true, and returns
// whether it did.
func (s *freeSpace) measureIfDueLocked(now bool) bool {
	if since := time.Since(s.measured); !now && !s.measured.IsZero() && since < spaceInterval {
		return false
	}
	s.measured, s.written = time.Now(), 0
	s.measureLocked()
	return true
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
	if s.minFree <= 0 {
		return
	}
	s.judgeCriticalLocked()
	enough := s.minFree
	if s.low {
		enough += s.minFree / 8
	}
	low := s.critical || s.free < enough && s.free+s.returning() < enough
	switch {
	case low && !s.low:
		s.log.Error("too little disk space is left, so nothing is appended", "folder", s.dir, "free_bytes", s.free, "needed_bytes", s.minFree)
	case s.low && !low:
		s.log.Info("there is enough disk space again", "folder", s.dir, "free_bytes", s.free)
	}
	s.low = low
}

// returning returns how many bytes of the disk are given back when the compactions that run have
// ended, and when tables that nobody needs have been removed. Tables that are still read are not
// counted, since nobody knows when that ends.
func (e *Engine) returning() int64 {
	if e.guard.Err() != nil { // who has failed may hold a lock of the database for ever
		return 0
	}
	m := e.db.Metrics()
	return m.Compact.InProgressBytes + int64(m.Table.Local.ObsoleteSize)
}

// judgeCriticalLocked decides about records, and lets the reserve be made again once there is
// room for it.
func (s *freeSpace) judgeCriticalLocked() {
	switch {
	case !s.critical && s.free < s.least:
		s.critical = true
		s.log.Error("very little disk space is left, so nothing but deletions and small changes is written", "folder", s.dir, "free_bytes", s.free)
	case s.critical && s.free >= s.least+s.least/8:
		s.critical = false
	}
	if s.reserve == nil {
		return
	}
	if missing := s.reserve.Missing(); missing > 0 && s.free >= s.minFree+missing {
		s.reserve.Fill()
	}
}

// Space returns how many bytes of the disk are free, -1 if the disk does not
// say, and whether that is too little to append: see Options.MinFree. Both are
// at most a second old.
func (e *Engine) Space() (free int64, low bool) { return e.space.get() }

// SpaceMeasured returns a channel from which can be received when changes have made the engine
// measure the free space. With Options.MinFree that is each second while changes are made, and
// more often while they are large. It is for one receiver.
func (e *Engine) SpaceMeasured() <-chan struct{} { return e.space.news }
