package streams

import (
	"cmp"
	"context"
	"slices"

	"seagate/internal/panics"
	"seagate/internal/quota"
)

// relief shrinks tails while a jail, or all jails together, have more in memory than they may.
// One goroutine does it, since it takes the locks of many topics.
type relief struct {
	net  *Network
	wake chan struct{} // of capacity 1
}

func newRelief(n *Network) *relief { return &relief{n, make(chan struct{}, 1)} }

// begin lets run look for what to shrink.
func (r *relief) begin() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run shrinks tails until ctx ends.
func (r *relief) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			r.relieve()
		}
	}
}

// relieve shrinks the tails of each jail that is beyond its own quota, and then, while all jails
// together are beyond the budget, those of the jails with the most memory first.
func (r *relief) relieve() {
	defer panics.Contain("relief")
	book := r.net.opts.Quotas
	var all []*quota.Account
	book.Each(func(a *quota.Account) {
		if a.BeyondOwn() {
			r.shrink(a)
		}
		all = append(all, a)
	})
	if !book.MemoryCrowded() {
		return
	}
	in := func(a *quota.Account) int64 { return a.Used(quota.Memory) + a.Tails() }
	slices.SortFunc(all, func(a, b *quota.Account) int { return cmp.Compare(in(b), in(a)) })
	for _, a := range all {
		if !book.MemoryCrowded() {
			return
		}
		r.shrink(a)
	}
}

func (r *relief) shrink(a *quota.Account) {
	if a.Tails() == 0 {
		return
	}
	for _, name := range r.net.Names(a.Jail()) {
		if t, ok := r.net.Lookup(ID{a.Jail(), name}); ok {
			t.shrinkTail()
		}
	}
}
