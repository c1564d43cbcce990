package sockets

import (
	"container/list"
	"net/netip"
)

// maxKnown bounds the addresses that are remembered. Each takes some 200 bytes.
const maxKnown = 1 << 15

// knownAddresses is the addresses where somebody has authenticated lately. Strangers from there
// give way after all other strangers, so that a flood of connections does not keep out
// clients that come back.
type knownAddresses struct {
	at    map[netip.Prefix]*list.Element
	order list.List // of netip.Prefix, the longest unused first
	uses  use       // calls of add so far
}

// A use is when an address was added, counted in calls of add. 0 is never.
type use uint64

func newKnown() knownAddresses { return knownAddresses{at: map[netip.Prefix]*list.Element{}} }

// keep is add for the address of an open connection, which calls it with each request. last is what
// keep returned to the connection before, or 0. It adds the address again only after a quarter of
// the uses that it takes to forget it, so almost all requests cost nothing.
func (f *knownAddresses) keep(from netip.Prefix, last use) use {
	if last == 0 || f.uses-last >= maxKnown/4 {
		f.add(from)
		return f.uses
	}
	return last
}

// add remembers an address, and forgets the one that is unused for the longest if there
// are too many.
func (f *knownAddresses) add(from netip.Prefix) {
	f.uses++
	if e, known := f.at[from]; known {
		f.order.MoveToBack(e)
		return
	}
	if len(f.at) >= maxKnown {
		delete(f.at, f.order.Remove(f.order.Front()).(netip.Prefix))
	}
	f.at[from] = f.order.PushBack(from)
}

// strangerAt returns the state of a stranger from an address.
func (f *knownAddresses) strangerAt(from netip.Prefix) state {
	if _, known := f.at[from]; known {
		return returning
	}
	return stranger
}
