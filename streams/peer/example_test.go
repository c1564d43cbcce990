package peer_test

import (
	"context"
	"fmt"

	"seagate/streams/peer"
)

// inbox is a mailbox with room for a few messages.
type inbox chan string

func (b inbox) Take(from peer.Caller, body []byte) bool {
	select {
	case b <- fmt.Sprintf("%s from %s", body, from.ClientID):
		return true
	default:
		return false
	}
}

// A client has an address, and others post to its ports as long as it is there.
func Example_mailbox() {
	hub, ctx := peer.NewHub(options()), context.Background()
	link := hub.Join("root", peer.Identity{ClientID: "worker"})
	worker := peer.NewClient(link)
	worker.Start()
	box := make(inbox, 10)
	at, _, err := worker.Bind(ctx, "jobs", box)
	if err != nil {
		panic(err)
	}

	boss := hub.Join("root", peer.Identity{ClientID: "boss"})
	defer boss.Close()
	fmt.Println(peer.Post(ctx, boss, at, []byte("dig")))
	fmt.Println(<-box)
	gone := make(chan struct{})
	defer peer.WatchGone(boss, at.Address, func() { close(gone) })()
	worker.Close()
	<-gone
	fmt.Println(peer.Post(ctx, boss, at, []byte("dig")))
	// Output:
	// <nil>
	// dig from boss
	// peer: nothing is at this address
}
