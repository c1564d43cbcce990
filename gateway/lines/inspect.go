package lines

import (
	"cmp"
	"slices"

	"seagate/gateway"
)

// Inspect implements gateway.Inspectable.
func (c *conn) Inspect() gateway.Inspection {
	in := gateway.Inspection{
		Transport:   transport,
		Address:     c.address,
		Trusted:     c.server.opts.ClientID != "",
		LastRefusal: c.lastRefusal.Load(),
	}
	in.QueuedBytes, in.Slow = c.out.Load()
	all := c.listeners()
	slices.SortFunc(all, func(a, b *listening) int { return cmp.Compare(a.stream, b.stream) })
	for _, l := range all {
		in.Subscriptions = append(in.Subscriptions, gateway.Held{One: l.inner})
	}
	return in
}
