package ws

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"seagate/auth"
	"seagate/gateway"
	"seagate/groups"
	"seagate/protocol"
	"seagate/schema"
	"seagate/storage/memory"
	"seagate/streams"
)

// unsubscribe finds the subscription and deletes it in two steps; the end
// of the stream (forget) in between closes it too: gateway.Subscription.Close
// "must be called once".
func TestUnsubscribeAndForgetCloseTwice(t *testing.T) {
	ctx := context.Background()
	records := memory.New()
	dir, _ := auth.Open(ctx, records, auth.Options{})
	secret, _, _ := dir.CreateRoot(ctx, "root")
	schemas, _ := schema.OpenRegistry(ctx, records, schema.Rules{}, schema.DefaultLimits())
	network, _ := streams.Open(ctx, streams.Stores{Records: records, Disk: memory.New(), Memory: memory.New()}, streams.Options{})
	defer network.Close()
	registry, _ := groups.Open(ctx, records, network.Lookup, groups.DefaultOptions())
	defer registry.Close(ctx)
	g, err := gateway.New(ctx, gateway.Parts{Directory: dir, Schemas: schemas, Network: network, Groups: registry,
		Metrics: gateway.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)}, gateway.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	root, err := dir.Basic("root", secret.Reveal(), netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, e := g.Define(ctx, root, "x", []byte(`{"version":1,"fields":[]}`)); e != nil {
		t.Fatal(e)
	}
	server := &Server{gateway: g, opts: DefaultOptions(), limits: protocol.DefaultLimits(), log: g.Log}
	nc, peer := net.Pipe()
	defer nc.Close()
	go io.Copy(io.Discard, peer)
	w := newWire(nc, nil, server)
	c := newConn(server, nil, w, netip.Addr{})
	c.principal = root
	for id := 2; id < 60000; id++ {
		s := &subscription{conn: c, id: int64(id), stream: "x"}
		if e := c.join(s, protocol.Subscribe{Stream: "x"}); e != nil {
			t.Fatal(e)
		}
		r, err := protocol.DecodeRequest(fmt.Appendf(nil, `{"id":%d,"action":"unsubscribe","payload":%d}`, id, id), server.limits)
		if err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for range 8 { // keep c.mu contended, as pongs and resumes do
			wait.Go(func() { c.countSubscriptions() })
		}
		wait.Go(func() { c.forget(s) })
		for range 8 {
			wait.Go(func() { c.countSubscriptions() })
		}
		c.unsubscribe(r)
		wait.Wait()
	}
	var m dto.Metric
	g.Metrics.Subscriptions.WithLabelValues("own").Write(&m)
	if n := m.GetGauge().GetValue(); n != 0 {
		t.Errorf("%v subscriptions after all have ended", n)
	}
}
