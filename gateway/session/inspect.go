package session

import (
	"cmp"
	"slices"
	"time"

	"seagate/gateway"
	"seagate/protocol"
)

// Inspect implements gateway.Inspectable.
func (s *Session) Inspect() gateway.Inspection {
	in := gateway.Inspection{Transport: s.opts.Transport, Address: s.address, LastRefusal: s.lastRefusal.Load()}
	in.QueuedBytes, in.Slow = s.out.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sub := range s.subs {
		in.Subscriptions = append(in.Subscriptions, gateway.Held{ID: id, One: sub.inner})
	}
	for id, m := range s.merges {
		in.Subscriptions = append(in.Subscriptions, gateway.Held{ID: id, Merged: m.inner})
	}
	for id, p := range s.provisions {
		in.Provisions = append(in.Provisions, gateway.HeldProvision{ID: id, What: p.inner})
	}
	for _, to := range s.serving {
		in.Services = append(in.Services, to.service)
	}
	slices.SortFunc(in.Subscriptions, func(a, b gateway.Held) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(in.Provisions, func(a, b gateway.HeldProvision) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(in.Services)
	return in
}

// noteRefusal keeps the latest refusal for whoever inspects the connection.
func (s *Session) noteRefusal(e *protocol.Error) {
	s.lastRefusal.Store(&gateway.Refused{At: time.Now(), Refusal: e})
}
