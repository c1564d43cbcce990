package quota

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A Book is the accounts of all jails. Safe for concurrent use.
type Book struct {
	defaults Limits
	accounts sync.Map // uid of the jail to *Account
	pools    [pooled]pool
	refused  [count]atomic.Uint64
}

// pooled is the number of resources that all jails share: Disk and Memory.
const pooled = Memory + 1

// New returns a Book without accounts. The defaults hold for jails that have no limits of their
// own.
func New(defaults Limits) *Book {
	b := &Book{defaults: defaults}
	for i := range b.pools {
		b.pools[i].share.Store(math.MaxInt64)
	}
	return b
}

// Account returns the account of the jail with the uid, and makes it if there is none. What
// belongs to no jail, such as the stream of the health check, has the uid "" and no account.
func (b *Book) Account(jail string) *Account {
	if b == nil || jail == "" {
		return nil
	}
	if a, ok := b.accounts.Load(jail); ok {
		return a.(*Account)
	}
	made := &Account{book: b, jail: jail}
	made.limits.Store(&b.defaults)
	a, _ := b.accounts.LoadOrStore(jail, made)
	return a.(*Account)
}

// Set makes own the jail's own limits. exempt says for which resources the defaults do not hold.
func (b *Book) Set(jail string, own Own, exempt ...Resource) {
	if b == nil {
		return
	}
	limits := b.defaults
	for _, r := range exempt {
		limits[r] = 0
	}
	for r, limit := range own {
		limits[r] = limit
	}
	b.Account(jail).limits.Store(&limits)
}

// Remove forgets the account of a jail that was deleted. What the jail still uses stays in the
// totals until it is taken back.
func (b *Book) Remove(jail string) {
	if b == nil {
		return
	}
	b.accounts.Delete(jail)
}

// Each calls f with each account, in no order.
func (b *Book) Each(f func(*Account)) {
	if b == nil {
		return
	}
	for _, a := range b.accounts.Range {
		f(a.(*Account))
	}
}

// Limit returns how much of r the jail may have; 0 is no bound. It makes no account.
func (b *Book) Limit(jail string, r Resource) int64 {
	if b == nil {
		return 0
	}
	if a, ok := b.accounts.Load(jail); ok {
		return a.(*Account).Limit(r)
	}
	return b.defaults[r]
}

// Refused returns how often the quota of r was exceeded, over all jails.
func (b *Book) Refused(r Resource) uint64 {
	if b == nil {
		return 0
	}
	return b.refused[r].Load()
}

// An Account is what one jail uses and may use. Safe for concurrent use.
type Account struct {
	book   *Book
	jail   string
	limits atomic.Pointer[Limits]
	used   [count]atomic.Int64
	tails  atomic.Int64 // bytes of memory that can be given back: see AddTail
}

// Jail returns the uid of the jail.
func (a *Account) Jail() string {
	if a == nil {
		return ""
	}
	return a.jail
}

// Used returns how much of r the jail uses.
func (a *Account) Used(r Resource) int64 {
	if a == nil {
		return 0
	}
	return a.used[r].Load()
}

// Limit returns how much of r the jail may have; 0 is no bound.
func (a *Account) Limit(r Resource) int64 {
	if a == nil {
		return 0
	}
	return a.limits.Load()[r]
}

// Reserve adds n to what the jail uses of r, or returns an *Exceeded and adds nothing. Whoever
// does not keep what it has reserved must Add -n.
func (a *Account) Reserve(r Resource, n int64) error {
	return a.reserve(r, n, a.Limit(r))
}

func (a *Account) reserve(r Resource, n, limit int64) error {
	if a == nil || n == 0 {
		return nil
	}
	used := a.add(r, n)
	if limit > 0 && used > limit {
		return a.refuse(r, n, limit, false)
	}
	if r < pooled {
		if share := a.book.share(r); used > share {
			return a.refuse(r, n, share, true)
		}
	}
	return nil
}

func (a *Account) refuse(r Resource, n, limit int64, shared bool) error {
	used := a.add(r, -n)
	a.book.refused[r].Add(1)
	return &Exceeded{Resource: r, Used: used, Limit: limit, Shared: shared}
}

// Add adds n, which may be negative, to what the jail uses of r. It is for what is there
// already, and for what goes.
func (a *Account) Add(r Resource, n int64) {
	if a != nil && n != 0 {
		a.add(r, n)
	}
}

func (a *Account) add(r Resource, n int64) (used int64) {
	if r < pooled {
		a.book.pools[r].used.Add(n)
	}
	return a.used[r].Add(n)
}

// AddTail adds n to the bytes of messages that are kept in memory although they can be read from
// disk. It reports whether the jail, or all jails together, use more memory than they may have
// with them, so that some should be given back. Tails never make Reserve refuse anything.
func (a *Account) AddTail(n int64) (crowded bool) {
	if a == nil {
		return false
	}
	a.tails.Add(n)
	a.book.pools[Memory].tails.Add(n)
	return a.Crowded()
}

// Crowded reports whether the jail, or all jails together, use more memory than they may have
// with their tails.
func (a *Account) Crowded() bool { return a.BeyondOwn() || a != nil && a.book.MemoryCrowded() }

// BeyondOwn reports whether the jail uses more memory than it may have with its tails.
func (a *Account) BeyondOwn() bool {
	if a == nil {
		return false
	}
	limit := a.limits.Load()[Memory]
	return limit > 0 && a.tails.Load()+a.used[Memory].Load() > limit
}

// MemoryCrowded reports whether all jails together use more memory than they may have with their
// tails.
func (b *Book) MemoryCrowded() bool {
	p := b.ofPool(Memory)
	budget := p.capacity.Load()
	return budget > 0 && p.tails.Load()+p.used.Load() > budget
}

// Tails returns the sum of AddTail.
func (a *Account) Tails() int64 {
	if a == nil {
		return 0
	}
	return a.tails.Load()
}

// A pool is what all jails have together of a resource.
type pool struct {
	used     atomic.Int64
	tails    atomic.Int64
	capacity atomic.Int64 // 0: not known

	// share is how much a jail may use while the resource is short, or the largest number.
	share    atomic.Int64
	mu       sync.Mutex // held while share is computed
	computed time.Time
}

// SetMemory says how many bytes of memory all jails together may use; 0 is no bound.
func (b *Book) SetMemory(bytes int64) { b.ofPool(Memory).capacity.Store(bytes) }

// MemoryBudget returns what SetMemory was called with.
func (b *Book) MemoryBudget() int64 { return b.ofPool(Memory).capacity.Load() }

// Total returns how much of Disk or Memory all jails use together.
func (b *Book) Total(r Resource) int64 { return b.ofPool(r).used.Load() }

// TotalTails returns the bytes of all tails.
func (b *Book) TotalTails() int64 { return b.ofPool(Memory).tails.Load() }

// ofPool returns the pool of a resource, and an empty one if there is no Book.
func (b *Book) ofPool(r Resource) *pool {
	if b == nil {
		return new(pool)
	}
	return &b.pools[r]
}

// SetFreeDisk says how much of the disk is free for jails, and whether that is short. While it
// is short, a jail that uses more than an equal share is refused more, so that it does not take
// the rest from the others.
func (b *Book) SetFreeDisk(free int64, short bool) {
	if b == nil {
		return
	}
	p := &b.pools[Disk]
	if !short {
		p.share.Store(math.MaxInt64)
		return
	}
	p.share.Store(b.equalShare(Disk, p.used.Load()+max(free, 0)))
}

// share returns how much a jail may use of a resource at most.
func (b *Book) share(r Resource) int64 {
	p := &b.pools[r]
	if r == Memory {
		b.shareMemory(p)
	}
	return p.share.Load()
}

// shareInterval is how old a share of the memory may be.
const shareInterval = 100 * time.Millisecond

// shareMemory computes the share of the memory, if it is short: less than an eighth is free.
// When nothing is free, everybody is refused.
func (b *Book) shareMemory(p *pool) {
	capacity := p.capacity.Load()
	used := p.used.Load()
	switch {
	case capacity <= 0 || used <= capacity-capacity/8:
		p.share.Store(math.MaxInt64)
		return
	case used > capacity:
		p.share.Store(0)
		return
	}
	if !p.mu.TryLock() {
		return
	}
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.computed) >= shareInterval || p.share.Load() == 0 {
		p.computed = now
		p.share.Store(b.equalShare(Memory, capacity))
	}
}

// equalShare divides what there is among the jails that use something.
func (b *Book) equalShare(r Resource, whole int64) int64 {
	jails := int64(0)
	b.Each(func(a *Account) {
		if a.used[r].Load() > 0 {
			jails++
		}
	})
	return whole / max(jails, 1)
}
