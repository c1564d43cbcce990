package budget

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"seagate/internal/panics"
)

// A Shared bounds the bytes that parties hold, each alone and all together. Parties that find
// no room can wait for it. Safe for concurrent use.
//
// Once half of the whole is held, a party may hold no more than an equal part of that half. So
// whatever others hold, each party gets a part. A party that holds nothing always finds room,
// so that nothing is too large for ever.
type Shared struct {
	each, all int64
	crowded   atomic.Bool

	mu       sync.Mutex // guards what follows
	held     map[string]int64
	sum      int64
	large    int                   // parties that hold at least half of each
	waiting  map[string]*list.List // of waiter, the longest waiting first
	retrying bool                  // retry will be called
}

// A waiter is called once there is room for n bytes.
type waiter struct {
	n    int64
	call func()
}

// retryAfter is the time between two looks for room while somebody waits. Looking at intervals,
// instead of whenever room is given back, bounds the work if many wait.
const retryAfter = 20 * time.Millisecond

// NewShared returns a Shared. each is how many bytes a party may hold, and all is how many bytes
// all parties may hold together.
func NewShared(each, all int64) *Shared {
	return &Shared{each: each, all: all, held: map[string]int64{}, waiting: map[string]*list.List{}}
}

// Held returns what all parties hold together.
func (s *Shared) Held() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sum
}

// Part returns the part of a party.
func (s *Shared) Part(party string) *Part { return &Part{s, party} }

// A Part is what one party may hold. Several may be of the same party.
type Part struct {
	shared *Shared
	party  string
}

// Crowded reports whether Take may find no room for few bytes. If not, Take has
// room for half of what a party may hold, if that is at most a quarter of the whole. It takes no lock.
func (p *Part) Crowded() bool { return p.shared.crowded.Load() }

// Take takes n bytes until Give, or returns false and takes nothing.
func (p *Part) Take(n int) bool {
	s := p.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fitsLocked(p.party, int64(n)) {
		s.crowded.Store(true)
		return false
	}
	s.addLocked(p.party, int64(n))
	return true
}

// Force is Take for what cannot be refused.
func (p *Part) Force(n int) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	p.shared.addLocked(p.party, int64(n))
}

// Give gives back n bytes.
func (p *Part) Give(n int) {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	p.shared.addLocked(p.party, -int64(n))
}

// Await calls f once, without locks, when there is room for n bytes. Others may take the room
// before f does. After cancel f is not called any more, unless the call was already under way.
// cancel may be called more than once.
func (p *Part) Await(n int, f func()) (cancel func()) {
	s := p.shared
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[p.party] == nil {
		s.waiting[p.party] = list.New()
	}
	e := s.waiting[p.party].PushBack(waiter{int64(n), f})
	s.retryLaterLocked()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.removeLocked(p.party, e)
	}
}

func (s *Shared) fitsLocked(party string, n int64) bool {
	own := s.held[party]
	switch {
	case own == 0:
		return true
	case own+n > s.each:
		return false
	}
	return s.sum+n <= s.all/2 || own+n <= s.all/2/int64(len(s.held))
}

func (s *Shared) addLocked(party string, n int64) {
	before := s.held[party]
	after := before + n
	if s.held[party] = after; after == 0 {
		delete(s.held, party)
	}
	s.sum += n
	if large := s.each / 2; before < large && after >= large {
		s.large++
	} else if before >= large && after < large {
		s.large--
	}
	s.crowded.Store(s.large > 0 || s.sum >= s.all/4)
}

func (s *Shared) removeLocked(party string, e *list.Element) {
	all := s.waiting[party]
	if all == nil {
		return
	}
	if all.Remove(e); all.Len() == 0 {
		delete(s.waiting, party)
	}
}

func (s *Shared) retryLaterLocked() {
	if !s.retrying {
		s.retrying = true
		time.AfterFunc(retryAfter, s.retry)
	}
}

// retry calls those for which there is room.
func (s *Shared) retry() {
	for _, f := range s.ready() {
		func() {
			defer panics.Contain("timer")
			f()
		}()
	}
}

// ready removes those for which there is room, and returns their functions.
func (s *Shared) ready() (all []func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for party, waiting := range s.waiting {
		taken := int64(0) // of the room, by those before
		for e := waiting.Front(); e != nil; e = waiting.Front() {
			w := e.Value.(waiter)
			if !s.fitsLocked(party, taken+w.n) || taken > 0 && taken+w.n > s.each {
				break
			}
			taken += w.n
			all = append(all, w.call)
			waiting.Remove(e)
		}
		if waiting.Len() == 0 {
			delete(s.waiting, party)
		}
	}
	s.retrying = false
	if len(s.waiting) > 0 {
		s.retryLaterLocked()
	}
	return all
}
