package peer_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"seagate/streams/peer"
)

// A list must not hold up the calls of a space: others go on while it is made.
func TestAListHoldsUpNoCalls(t *testing.T) {
	o := options()
	o.ServicesPerSpace = 1000
	l := join(t, peer.NewHub(o), "a")
	s := newServer(1)
	for i := range 200 {
		offer := peer.Offer{Service: fmt.Sprint("s", i), Procedures: []string{"p"}}
		for range 5 {
			serve(t, l, offer, s)
		}
		for range 5 * 50 {
			fetch(t, l, peer.Request{Service: offer.Service, Procedure: "p"})
			s.next(t).Answer(nil)
		}
	}
	var listing atomic.Bool
	var during atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			l.Signal(t.Context(), peer.Signal{Service: "s0", Procedure: "x"}) // takes the lock of calls
			if listing.Load() {
				during.Add(1)
			}
		}
	}()
	var most int64
	for i := 0; i < 50 && most < 20; i++ {
		during.Store(0)
		listing.Store(true)
		list, _, err := l.List(t.Context(), "", 1000)
		listing.Store(false)
		most = max(most, during.Load())
		if err != nil || len(list) != 200 {
			t.Fatal(len(list), err)
		}
	}
	close(stop)
	<-stopped
	if most < 20 {
		t.Errorf("during a list of 1,000 servers %d signals were sent", most)
	}
}
