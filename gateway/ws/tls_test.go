package ws_test

import (
	"fmt"
	"testing"
	"time"

	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
	"seagate/streams"
)

func TestTLSSubscribeAndReceive(t *testing.T) {
	b := newBench(t, setup{})
	c := b.authenticate(b.tls()())
	b.subscribe(c, 2, "boiler", "")
	for n := range 100 {
		b.publish("boiler", fmt.Sprintf(`{"n":%d}`, n))
	}
	for n := range 100 {
		c.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
	c.Send(`[]`)
	if m, closed := c.Next(); closed != nil {
		t.Fatalf("got %s, %v", m, closed)
	}
	c.WantClose(1008, "protocol_violation")
}

func TestTLSGroupSharesAndRedelivers(t *testing.T) {
	b := newBench(t, setup{})
	dial := b.tls()
	var members []*wstest.Conn
	for range 2 {
		c := b.authenticate(dial())
		c.AutoPong = false
		b.subscribe(c, 2, "boiler", inGroup)
		members = append(members, c)
	}
	stays, leaves := members[0], members[1]
	for n := range 4 {
		b.publish("boiler", fmt.Sprintf(`{"n":%d}`, n))
	}
	for _, n := range []int{0, 2} {
		stays.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
	for _, n := range []int{1, 3} {
		leaves.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
	leaves.Net.Close()
	for _, n := range []int{1, 3} {
		stays.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
}

func TestTLSSlowReaderGetsEverythingWithinTheTail(t *testing.T) {
	sizes := []int{10, 8 << 10, 40 << 10, 100 << 10} // up to the kernel's buffers and beyond
	testLargeFrames(t, sizes, func(b *bench) *wstest.Conn { return b.tls()() })
}

// Closing TLS waits for the flusher, and the flusher for the peer. A revoked
// client still does not stay until the stall timeout.
func TestTLSRevokedClientThatReadsNothingIsDropped(t *testing.T) {
	b := newBench(t, setup{
		options: func(o *ws.Options) { o.StallTimeout, o.LingerTimeout = time.Hour, 50*time.Millisecond },
		network: streams.Options{TailMessages: 10_000, TailBytes: 1 << 30},
	})
	b.wide()
	c := b.tls()()
	b.authenticateApp(c)
	b.subscribe(c, 2, "wide", "")
	for n := range 700 { // 11 MiB: more than the sockets' buffers
		b.publish("wide", wide(n, 16<<10))
	}
	written, polls := -1.0, 0
	b.await("the server waits for the peer", func() bool {
		before := written
		written, polls = value(b.gateway.Metrics.BytesOut), polls+1
		if written != before {
			polls = 0
		}
		return polls >= 50 && value(b.gateway.Metrics.QueueBytes) > 0
	})
	b.revokeApp()
	b.await("the connection is gone", func() bool { return b.open() == 0 })
}
