package link_test

import (
	"context"
	"fmt"

	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/discovery"
	"seagate/streams/fetch"
	"seagate/streams/link"
	"seagate/streams/peer"
	"seagate/streams/streamstest"
)

// newSwitch returns the switch of a new network.
func newSwitch() (s *link.Switch, closeAll func()) {
	engine := memory.New()
	topics, err := streams.Open(context.Background(), streams.Stores{Records: engine, Disk: engine, Memory: engine},
		streamstest.Options(streams.Options{}))
	if err != nil {
		panic(err)
	}
	s = link.New(topics, peer.NewHub(peer.Options{
		ServicesPerSpace: 10, ServersPerService: 10, ProceduresPerService: 10,
		CallsPerLink: 10, CallsPerOwner: 10, BytesPerOwner: 1 << 30, BodyBytes: 1 << 20, Topics: topics,
	}))
	return s, func() { s.Close(); topics.Close() }
}

func Example() {
	ctx := context.Background()
	plant, closePlant := newSwitch()
	defer closePlant()
	office, closeOffice := newSwitch()
	defer closeOffice()
	if _, err := link.Connect(plant, office, 10); err != nil {
		panic(err)
	}

	boiler := plant.Join("root", peer.Identity{ClientID: "boiler"})
	defer boiler.Close()
	server, err := fetch.Serve(ctx, boiler, "boiler", map[string]fetch.Handler{
		"heat": func(_ context.Context, c *fetch.Call) ([]byte, error) {
			return fmt.Appendf(nil, "%s for %s", c.Body, c.Caller.ClientID), nil
		},
	}, fetch.Options{})
	if err != nil {
		panic(err)
	}
	defer server.Stop(ctx)

	desk := office.Join("root", peer.Identity{ClientID: "desk"})
	defer desk.Close()
	if err := discovery.Await(ctx, desk, "boiler"); err != nil {
		panic(err)
	}
	result, err := fetch.Fetch(ctx, desk, "boiler", "heat", []byte("60"))
	fmt.Println(string(result), err)
	// Output: 60 for desk <nil>
}
