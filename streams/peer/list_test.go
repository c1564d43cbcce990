package peer_test

import (
	"fmt"
	"testing"

	"seagate/streams/peer"
)

// A list must not hold up the calls of a space: others go on while it is made.
func TestAListHoldsUpNoCalls(t *testing.T) {
	const services = 20
	l := join(t, peer.NewHub(options()), "a")
	s := newServer(1)
	for i := range services {
		serve(t, l, peer.Offer{Service: fmt.Sprintf("s%02d", i), Procedures: []string{"p"}}, s)
	}
	visited := 0
	peer.EachService(l, func(one peer.Service, locked bool) {
		if locked {
			t.Errorf("behind %s the list keeps the lock that calls need", one.Name)
		}
		visited++
	})
	if visited != services {
		t.Errorf("%d of %d services are listed", visited, services)
	}
	for limit, want := range map[int]int{7: 7, services: services, 100: services} {
		list, more, err := l.List(t.Context(), "", limit)
		if err != nil || len(list) != want || more != (want < services) {
			t.Errorf("with the limit %d: %d services, more: %t, %v", limit, len(list), more, err)
		}
	}
}
