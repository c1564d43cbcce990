package gateway

import (
	"math"
	"net/netip"

	"seagate/auth"
	"seagate/internal/budget"
	"seagate/protocol"
)

// unfinished bounds the memory of messages that have arrived in part. Anybody can begin
// a message and never end it.
type unfinished struct {
	strangers *budget.Budget[netip.Prefix]
	jails     *budget.Budget[string]
}

// One address may have a strangerShare-th of the bytes of all strangers.
const strangerShare = 8

func newUnfinished(s *Settings) unfinished {
	return unfinished{
		strangers: budget.New[netip.Prefix](int64(s.StrangerBytes/strangerShare), int64(s.StrangerBytes)),
		jails:     budget.New[string](int64(s.UnfinishedBytes), math.MaxInt64),
	}
}

// Reserve takes memory for a message that has arrived in part, from a client or, if p is
// nil, from a stranger at an address. release gives it back.
func (g *Gateway) Reserve(p *auth.Principal, from netip.Addr, bytes int) (release func(), err error) {
	if p != nil {
		if !g.unfinished.jails.Take(p.JailUID, bytes) {
			return nil, protocol.Errorf(protocol.CodeRateLimited,
				"messages of this jail that have not come whole hold %d bytes, as many as they may", g.settings.UnfinishedBytes)
		}
		return func() { g.unfinished.jails.Give(p.JailUID, bytes) }, nil
	}
	at := network(from)
	if !g.unfinished.strangers.Take(at, bytes) {
		return nil, protocol.Errorf(protocol.CodeRateLimited,
			"messages of this address, or of all addresses, that come before authentication hold as many bytes as they may")
	}
	return func() { g.unfinished.strangers.Give(at, bytes) }, nil
}

// UnfinishedBytes returns the memory of messages that have arrived in part.
func (g *Gateway) UnfinishedBytes() int64 {
	return g.unfinished.strangers.Held() + g.unfinished.jails.Held()
}

// network returns the prefix that counts as one address: for IPv6 the /64, because one
// customer of a provider has a whole /64.
func network(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // never fails: bits is at most the length
	return prefix
}
