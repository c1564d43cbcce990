package peer_test

import (
	"testing"

	"seagate/streams"
	"seagate/streams/peer"
	"seagate/streams/peer/peertest"
)

func TestLinksOfTheBareNetwork(t *testing.T) {
	peertest.Run(t, func(t testing.TB) peertest.Network {
		o := options()
		o.Topics = openTopics(t)
		h := peer.NewHub(o)
		return peertest.Network{
			Join: func(t testing.TB, client string) peer.Link { return join(t, h, client) },
			Delete: func(t testing.TB, topic string) {
				if err := o.Topics.Delete(t.Context(), streams.ID{Space: "jail", Name: topic}); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}
