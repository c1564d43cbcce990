package ws_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
	"seagate/groups"
	"seagate/streams"
)

// tls returns a way to connect to the bench by TLS, where no frame can be
// handed to the kernel directly.
func (b *bench) tls() (dial func() *wstest.Conn) {
	b.t.Helper()
	h := httptest.NewTLSServer(b.server)
	b.t.Cleanup(h.Close)
	trust := h.Client().Transport.(*http.Transport).TLSClientConfig
	return func() *wstest.Conn {
		b.t.Helper()
		raw, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			b.t.Fatal(err)
		}
		raw.(*net.TCPConn).SetReadBuffer(256 << 10)
		nc := tls.Client(raw, &tls.Config{RootCAs: trust.RootCAs, ServerName: "example.com"})
		b.t.Cleanup(func() { raw.Close() })
		c, _ := wstest.Over(b.t, nc, "/api/v1/streams")
		return c
	}
}

func TestTLSSubscribeAndReceive(t *testing.T) {
	b := newBench(t, setup{})
	c := b.authenticate(b.tls()())
	c.Send(`{"id":2,"action":"subscribe","payload":"boiler"}`)
	c.Want(subscribed(2, "boiler"))
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
		c.Send(`{"id":2,"action":"subscribe","payload":"boiler",` + groupID + `}`)
		c.Want(subscribed(2, "boiler"))
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
	for kind, extra := range map[string]string{"own": "", "group": "," + groupID} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, setup{
				network: streams.Options{TailMessages: 1000, TailBytes: 1 << 30},
				credit:  groups.Credit{Messages: 1 << 20, Bytes: 1 << 30},
			})
			b.wide()
			c := b.authenticate(b.tls()())
			c.Send(`{"id":2,"action":"subscribe","payload":"wide"` + extra + `}`)
			c.Want(subscribed(2, "wide"))
			sizes := []int{10, 8 << 10, 40 << 10, 100 << 10} // to the kernel's buffers and beyond
			const total = 100
			for n := range total {
				b.publish("wide", wide(n, sizes[n%len(sizes)]))
			}
			for n := range total {
				c.Want(delivery(2, "wide", wide(n, sizes[n%len(sizes)])))
			}
		})
	}
}

// The end of TLS waited for the flusher, and that for a peer which read
// nothing: a client that was revoked stayed until the stall timeout.
func TestTLSRevokedClientThatReadsNothingIsCutOff(t *testing.T) {
	b := newBench(t, setup{
		options: func(o *ws.Options) { o.StallTimeout, o.LingerTimeout = time.Hour, 50*time.Millisecond },
		network: streams.Options{TailMessages: 10_000, TailBytes: 1 << 30},
	})
	b.wide()
	_, secret, e := b.gateway.CreateClient(t.Context(), b.root, "app", "")
	if e != nil {
		t.Fatal(e)
	}
	c := b.tls()()
	c.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"app","clientSecret":%q}}`, secret.Reveal()))
	c.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	c.Send(`{"id":2,"action":"subscribe","payload":"wide"}`)
	c.Want(subscribed(2, "wide"))
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
	if _, _, e := b.gateway.RotateSecret(t.Context(), b.root, "app"); e != nil {
		t.Fatal(e)
	}
	b.await("the connection is gone", func() bool { return b.open() == 0 })
}
