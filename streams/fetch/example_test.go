package fetch_test

import (
	"context"
	"fmt"

	"seagate/streams/fetch"
	"seagate/streams/peer"
)

func Example() {
	hub := peer.NewHub(peer.Options{
		ServicesPerSpace: 10, ServersPerService: 10, ProceduresPerService: 10,
		CallsPerLink: 10, CallsPerOwner: 10, BytesPerOwner: 1 << 30, BodyBytes: 1 << 20,
	})
	ctx := context.Background()

	// A server.
	shop := hub.Join("root", peer.Identity{ClientID: "shop"})
	defer shop.Close()
	server, err := fetch.Serve(ctx, shop, "pricing", map[string]fetch.Handler{
		"quote": func(_ context.Context, c *fetch.Call) ([]byte, error) {
			return fmt.Appendf(nil, `{"price":42,"for":%q}`, c.Caller.ClientID), nil
		},
	}, fetch.Options{})
	if err != nil {
		panic(err)
	}
	defer server.Stop(ctx)

	// A caller.
	web := hub.Join("root", peer.Identity{ClientID: "web"})
	defer web.Close()
	result, err := fetch.Fetch(ctx, web, "pricing", "quote", []byte(`{"sku":7}`))
	fmt.Println(string(result), err)
	_, err = fetch.Fetch(ctx, web, "prices", "quote", nil)
	fmt.Println(err)
	// Output:
	// {"price":42,"for":"web"} <nil>
	// peer: no such service
}
