package sockets

import (
	"container/list"
	"net/netip"
)

// maxFamiliar bounds the addresses that are remembered. Each takes some 200 bytes.
const maxFamiliar = 1 << 15

// familiar is the addresses where somebody has authenticated lately. Strangers from there
// give way after all others, so that a flood of connections does not keep out clients
// that come back.
type familiar struct {
	at    map[netip.Prefix]*list.Element
	order list.List // of netip.Prefix, the longest unused first
}

func newFamiliar() familiar { return familiar{at: map[netip.Prefix]*list.Element{}} }

// add remembers an address, and forgets the one that is unused for the longest if there
// are too many.
func (f *familiar) add(from netip.Prefix) {
	if e, known := f.at[from]; known {
		f.order.MoveToBack(e)
		return
	}
	if len(f.at) >= maxFamiliar {
		delete(f.at, f.order.Remove(f.order.Front()).(netip.Prefix))
	}
	f.at[from] = f.order.PushBack(from)
}

// strangerAt returns the state of a stranger from an address.
func (f *familiar) strangerAt(from netip.Prefix) state {
	if _, known := f.at[from]; known {
		return guest
	}
	return stranger
}
