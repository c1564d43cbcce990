package link

import (
	"slices"
	"testing"
	"testing/synctest"

	"seagate/streams/peer"
)

// A server takes everything and answers nothing.
type server struct{}

func (server) Call(*peer.Call) bool            { return true }
func (server) Signal(*peer.Message) bool       { return true }
func (server) GivenUp(*peer.Call, peer.Reason) {}

// A watcher that is slow holds up nobody else: neither other watchers, nor the routes.
func TestASlowWatcherHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t)
		defer n.close()
		slow, other := n.client("slow"), n.client("other")
		defer slow.Close()
		defer other.Close()
		goOn := make(chan bool)
		go slow.Watch("pricing", func(int) { <-goOn })
		synctest.Wait()
		var told []int
		stop := other.Watch("pricing", func(servers int) { told = append(told, servers) })
		for range 3 {
			r, err := other.Serve(t.Context(), peer.Offer{Service: "pricing", Procedures: []string{"quote"}}, server{})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			r.Withdraw(0)
			synctest.Wait()
		}
		if want := []int{0, 1, 0, 1, 0, 1, 0}; !slices.Equal(told, want) {
			t.Errorf("the other watcher was told %v, want %v", told, want)
		}
		stop()
		close(goOn)
		synctest.Wait()
	})
}

func TestAWatchEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNet(t)
		defer n.close()
		watcher, other := n.client("watcher"), n.client("other")
		defer other.Close()
		var told []int
		stop := watcher.Watch("pricing", func(servers int) { told = append(told, servers) })
		watcher.Close()
		watcher.Watch("pricing", func(int) { t.Error("a closed client was told") })()
		if _, err := other.Serve(t.Context(), peer.Offer{Service: "pricing", Procedures: []string{"quote"}}, server{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if want := []int{0}; !slices.Equal(told, want) {
			t.Errorf("the watch of a closed client was told %v, want %v", told, want)
		}
		if left := len(n.watches); left > 0 {
			t.Errorf("%d watches are left", left)
		}
		stop() // again
	})
}
