package gateway_test

import (
	"context"
	"fmt"

	"seagate/gateway/gatewaytest"
	"seagate/streams"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

// printer is a streams.Consumer that prints what it gets.
type printer struct{ printed chan struct{} }

func (p printer) Deliver(b *streams.Batch) int {
	for _, m := range b.Messages {
		fmt.Printf("message %d: %s\n", m.Seq, m.Payload)
		p.printed <- struct{}{}
	}
	return len(b.Messages)
}

func (p printer) State(streams.State) bool { return true }
func (p printer) Gap(first, last uint64)   { fmt.Println("missed", first, "to", last) }
func (p printer) Resumed() bool            { return true }
func (p printer) End(err error)            { fmt.Println(err) }

// A service in the gateway's own process has a link. It meets the schemas, logs and rights
// that a WebSocket meets, and the same streams and services.
func ExampleGateway_Link() {
	gatewaytest.Example(func(ctx context.Context, g *gatewaytest.Gateway) {
		root, _ := g.Root("root") // in a gateway: Trust or Authenticate
		if _, err := g.Define(ctx, root, "boiler", []byte(pressures)); err != nil {
			panic(err)
		}
		link, err := g.Link(root)
		if err != nil {
			panic(err)
		}
		service := peer.NewClient(link)
		defer service.Close()
		service.Start()

		// It subscribes and publishes.
		out := printer{make(chan struct{}, 10)}
		in, _, err := service.In(ctx, "boiler", out, streams.Latest())
		if err != nil {
			panic(err)
		}
		in.Start()
		accepted := make(chan error, 1)
		for _, payload := range []string{`{"p":"high"}`, `{"p":3001}`} {
			service.Publish(peer.Publication{Topic: "boiler", Payloads: [][]byte{[]byte(payload)}},
				func(_ streams.Sent, err error) { accepted <- err })
			if err := <-accepted; err != nil {
				fmt.Println(err)
			}
		}
		<-out.printed

		// It serves and calls.
		server, err := fetch.Serve(ctx, service, "pricing", map[string]fetch.Handler{
			"quote": func(_ context.Context, c *fetch.Call) ([]byte, error) {
				return fmt.Appendf(nil, `{"price":42,"for":%q}`, c.Caller.ClientID), nil
			},
		}, fetch.Options{})
		if err != nil {
			panic(err)
		}
		defer server.Stop(ctx)
		quote, err := fetch.Fetch(ctx, service, "pricing", "quote", []byte(`{"sku":7}`))
		fmt.Println(string(quote), err)
	})
	// Output:
	// invalid_payload: the message does not match boiler version 1: see errors [p: expected an integer, got the string "high"]
	// message 1: {"p":3001}
	// {"price":42,"for":"root"} <nil>
}
