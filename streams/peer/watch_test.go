package peer_test

import (
	"slices"
	"testing"

	"seagate/streams/peer"
)

func TestAWatchEndsWithItsLink(t *testing.T) {
	h := peer.NewHub(options())
	watcher, other := join(t, h, "watcher"), join(t, h, "other")
	var told []int
	stop := watcher.Watch("pricing", func(n int) { told = append(told, n) })
	watcher.Close()
	serve(t, other, pricing("quote"), newServer(1))
	if want := []int{0}; !slices.Equal(told, want) {
		t.Errorf("the watch of a closed link was told %v, want %v", told, want)
	}
	stop() // again
}

func TestAClosedLinkWatchesNothing(t *testing.T) {
	h := peer.NewHub(options())
	watcher, other := join(t, h, "watcher"), join(t, h, "other")
	watcher.Close()
	stop := watcher.Watch("pricing", func(int) { t.Error("a closed link was told") })
	serve(t, other, pricing("quote"), newServer(1))
	stop()
}

// Who waits for a name may want to take it as soon as it is free.
func TestAWatcherMayServeWhatItWatches(t *testing.T) {
	l := join(t, peer.NewHub(options()), "a")
	leader := peer.Offer{Service: "leader", Procedures: []string{"p"}, Sole: true}
	var told []int
	var held peer.Registration
	l.Watch("leader", func(servers int) {
		told = append(told, servers)
		if servers == 0 {
			held = serve(t, l, leader, newServer(1))
		}
	})
	held.Withdraw(0)
	if want := []int{0, 1, 0, 1}; !slices.Equal(told, want) {
		t.Errorf("the watcher was told %v, want %v", told, want)
	}
}

func TestAWatcherMayStopItself(t *testing.T) {
	l := join(t, peer.NewHub(options()), "a")
	told := 0
	var stop func()
	stop = l.Watch("pricing", func(servers int) {
		if told++; servers == 1 {
			stop()
		}
	})
	serve(t, l, pricing("quote"), newServer(1))
	serve(t, l, pricing("quote"), newServer(1))
	if told != 2 {
		t.Errorf("the watcher was told %d times, want 2", told)
	}
}
