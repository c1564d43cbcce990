package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// attempts limits failures per key with a token bucket each: a number of failures at once, and
// one more in each interval.
//
// The buckets are in a Count-Min sketch: a key has one slot in each of four rows, and the least of
// the four counts. In a table with eviction, an attacker who fails from many addresses could push
// out its own entry and start afresh. Here nothing is evicted, memory is fixed, and a key never
// has more failures left than it should. It may have fewer, if keys with failures share all four
// of its slots: with 1,000 exhausted keys that is one key in a million, with 10,000 one in 200.
// The hash has a random seed, so that nobody can aim at the slots of another key.
//
// A slot holds the time when its bucket is full again, the "theoretical arrival time" of GCRA
// (ITU-T I.371). So a bucket is one number, and reading it takes no lock.
type attempts struct {
	seed     maphash.Seed
	start    time.Time
	interval time.Duration // between two refills
	window   time.Duration // in which an empty bucket fills

	mu    sync.Mutex // held to write slots
	slots [sketchRows][sketchWidth]atomic.Int64
}

const (
	sketchRows  = 4
	sketchWidth = 1 << 15 // 1 MiB in all
)

// newAttempts allows burst failures at once, of which one is forgotten in each interval.
func newAttempts(interval time.Duration, burst int) *attempts {
	a := new(attempts) // a literal would write to all slots, and so take their memory at once
	a.seed, a.start = maphash.MakeSeed(), time.Now()
	a.interval, a.window = interval, interval*time.Duration(burst)
	return a
}

// allows reports whether the key may fail once more.
func (a *attempts) allows(hash uint64) bool {
	full := a.fullAt(hash)
	return full == 0 || a.fits(full, a.now())
}

// count returns how many failures of the key are not forgotten.
func (a *attempts) count(hash uint64) int {
	left := max(0, a.fullAt(hash)-a.now())
	return int((left + int64(a.interval) - 1) / int64(a.interval))
}

// charge counts a failure of the key. It returns false and counts nothing if the key had none
// left, so that the key recovers while attempts go on.
func (a *attempts) charge(hash uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	full := max(a.fullAt(hash), now)
	if !a.fits(full, now) {
		return false
	}
	full += int64(a.interval)
	for row := range a.slots {
		// Raised to full, not by the interval: a slot that other keys filled further does not
		// grow, so fewer keys are mistaken for exhausted ones.
		if slot := a.slot(row, hash); slot.Load() < full {
			slot.Store(full)
		}
	}
	return true
}

func (a *attempts) fits(full, now int64) bool {
	return full-now <= int64(a.window-a.interval)
}

// now is never 0, which means in a slot that it was never charged.
func (a *attempts) now() int64 { return int64(time.Since(a.start)) + 1 }

func (a *attempts) fullAt(hash uint64) int64 {
	full := a.slot(0, hash).Load()
	for row := 1; row < sketchRows && full > 0; row++ {
		full = min(full, a.slot(row, hash).Load())
	}
	return full
}

// slot returns the key's slot in a row. Each row uses 16 bits of the hash of its own.
func (a *attempts) slot(row int, hash uint64) *atomic.Int64 {
	return &a.slots[row][(hash>>(16*row))%sketchWidth]
}

// ofAddress hashes what counts as one address. For IPv6 that is the /64, the least that a
// subscriber gets (RFC 6177); a subscriber could fail from each of its 2^64 addresses otherwise.
func (a *attempts) ofAddress(addr netip.Addr) uint64 {
	addr = addr.Unmap()
	if addr.Is6() {
		if subnet, err := addr.Prefix(64); err == nil {
			addr = subnet.Addr()
		}
	}
	return maphash.Comparable(a.seed, addr)
}

// ofClient hashes a client id. It cuts an id that is too long to exist, to bound the work.
func (a *attempts) ofClient(id string) uint64 {
	return maphash.String(a.seed, id[:min(len(id), MaxID+1)])
}
