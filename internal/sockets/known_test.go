package sockets

import (
	"net/http"
	"net/netip"
	"testing"

	"seagate/internal/forwarded"
)

// An address with a connection in use is not forgotten, however many others come.
func TestAnAddressInUseStaysKnown(t *testing.T) {
	f := newKnown()
	used, unused := prefixOf(netip.MustParseAddr("192.0.2.1")), prefixOf(netip.MustParseAddr("192.0.2.2"))
	f.add(unused)
	kept := f.keep(used, 0)
	other := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxKnown {
		kept = f.keep(used, kept)
		other = other.Next()
		f.add(prefixOf(other))
	}
	if f.strangerAt(used) != returning || f.strangerAt(unused) != stranger || len(f.at) != maxKnown {
		t.Errorf("in use: %v, unused: %v, %d addresses", f.strangerAt(used), f.strangerAt(unused), len(f.at))
	}
}

// What a pool does for a request on a connection that is open allocates nothing.
func TestRequestAllocations(t *testing.T) {
	address, accepted := open(t, NewPool(10, 10, forwarded.Proxies{}))
	dial(t, address, "127.0.0.1")
	c := <-accepted
	defer c.Close()
	Keep(c)
	if n := testing.AllocsPerRun(100, func() {
		Changed(c, http.StateIdle)
		Keep(c)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A queue keeps its order, whichever connection leaves.
func TestQueue(t *testing.T) {
	for leaving := range 3 {
		var q queue
		var conns [3]Conn
		for i := range conns {
			q.push(&conns[i], inPeer)
		}
		q.remove(&conns[leaving], inPeer)
		q.push(&conns[leaving], inPeer)
		want := []int{(leaving + 1) % 3, (leaving + 2) % 3, leaving}
		if leaving == 1 {
			want = []int{0, 2, 1}
		}
		for left := 3; left > 0; left-- {
			if q.len != left || q.front != &conns[want[3-left]] {
				t.Fatalf("%d leaves: %d left, and not connection %d in front", leaving, q.len, want[3-left])
			}
			q.remove(q.front, inPeer)
		}
		if q.front != nil || q.back != nil || q.len != 0 {
			t.Errorf("%d leaves: not empty at last", leaving)
		}
	}
}
