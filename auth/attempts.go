package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// attempts limits failures per key with a token bucket each: so many at once,
// refilled at so many a minute.
//
// The buckets stand in a Count-Min sketch: every key has one slot in each of
// four rows and is judged by the least of them. A table of keys with eviction
// would let whoever sprays addresses push their own out of it, and start
// afresh; here nothing is evicted, memory is fixed, and a key is never taken
// for better than it is. The price is that a key may be taken for worse than
// it is, when all its four slots are shared with others that misbehave: with
// 1,000 exhausted keys one innocent in a million, with 10,000 one in 200. The
// hash has a random seed, so that nobody can aim at another's slots.
//
// A slot is the moment when its bucket will be full again (the "theoretical
// arrival time" of GCRA, ITU-T I.371), so a bucket is one number, and reading
// it takes no lock.
type attempts struct {
	seed     maphash.Seed
	start    time.Time
	interval time.Duration // between two refills
	window   time.Duration // the time in which an empty bucket fills

	mu    sync.Mutex // one charge at a time; reading goes without
	slots [sketchRows][sketchWidth]atomic.Int64
}

const (
	sketchRows  = 4
	sketchWidth = 1 << 15 // 1 MiB in all
)

// newAttempts returns nil, which limits nothing, for a negative number.
func newAttempts(perMinute int) *attempts {
	if perMinute < 0 {
		return nil
	}
	interval := time.Minute / time.Duration(perMinute)
	return &attempts{
		seed:     maphash.MakeSeed(),
		start:    time.Now(),
		interval: interval,
		window:   interval * time.Duration(perMinute),
	}
}

// allows says whether the key may fail once more.
func (a *attempts) allows(hash uint64) bool {
	if a == nil {
		return true
	}
	full := a.fullAt(hash)
	return full == 0 || a.fits(full, a.now())
}

// charge counts a failure of the key. It returns false, and counts nothing,
// if the key had none left: so it recovers while it is still being tried.
func (a *attempts) charge(hash uint64) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	full := max(a.fullAt(hash), now)
	if !a.fits(full, now) {
		return false
	}
	full += int64(a.interval)
	for row := range a.slots {
		// Raised to, not raised by: the slots that others filled further do
		// not grow, which keeps the innocent apart from the rest for longer.
		if slot := a.slot(row, hash); slot.Load() < full {
			slot.Store(full)
		}
	}
	return true
}

func (a *attempts) fits(full, now int64) bool {
	return full-now <= int64(a.window-a.interval)
}

// now is never 0, which in a slot means "never charged".
func (a *attempts) now() int64 { return int64(time.Since(a.start)) + 1 }

func (a *attempts) fullAt(hash uint64) int64 {
	full := a.slot(0, hash).Load()
	for row := 1; row < sketchRows && full > 0; row++ {
		full = min(full, a.slot(row, hash).Load())
	}
	return full
}

// slot takes the column from the row's own 16 bits of the hash.
func (a *attempts) slot(row int, hash uint64) *atomic.Int64 {
	return &a.slots[row][(hash>>(16*row))%sketchWidth]
}

// ofAddress hashes the address that is counted for addr. In IPv6 that is the
// /64, the least that one subscriber is given (RFC 6177): counted one by one,
// everybody would have 2^64 addresses to fail from.
func (a *attempts) ofAddress(addr netip.Addr) uint64 {
	if a == nil {
		return 0
	}
	addr = addr.Unmap()
	if addr.Is6() {
		if subnet, err := addr.Prefix(64); err == nil {
			addr = subnet.Addr()
		}
	}
	return maphash.Comparable(a.seed, addr)
}

// ofClient hashes a client id. Ids too long to exist are cut, so that hashing
// one costs no more than hashing another.
func (a *attempts) ofClient(id string) uint64 {
	if a == nil {
		return 0
	}
	return maphash.String(a.seed, id[:min(len(id), MaxID+1)])
}
