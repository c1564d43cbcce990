package ws

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/gateway"
	"seagate/internal/origin"
	"seagate/protocol"
)

// overPipe returns a connection over a pipe, and the peer's end of the pipe. No
// goroutine reads the connection.
func overPipe(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	g := &gateway.Gateway{Parts: gateway.Parts{
		Metrics: gateway.NewMetrics(prometheus.NewRegistry()),
		Log:     slog.New(slog.DiscardHandler),
	}}
	nc, peer := net.Pipe()
	t.Cleanup(func() { nc.Close(); peer.Close() })
	return newConn(&Server{gateway: g, opts: OptionsForTest(), log: g.Log}, nc, nil, netip.Addr{}), peer
}

// On a slow line the pong waits behind the message that the peer is sending. The
// bytes of the message show that the peer is alive.
func TestAPeerThatIsSendingIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = time.Second
		c, peer := overPipe(t)
		go io.Copy(io.Discard, peer)
		go func() {
			peer.Write([]byte{finBit | opText, maskBit | 101, 1, 2, 3, 4})
			for range 100 { // the last byte never comes
				time.Sleep(patience / 2)
				peer.Write([]byte("x"))
			}
		}()
		c.out.KeepAlive(patience) // the ping that is not answered
		for {
			if err := c.readSome(); err != nil {
				t.Fatal(err)
			}
			if !c.out.KeepAlive(patience) {
				t.Fatalf("%d bytes came from a peer that is taken for gone", c.in.pending())
			}
			if c.in.pending() == 6+100 {
				break
			}
		}
		time.Sleep(2 * patience)
		if c.out.KeepAlive(patience) {
			t.Error("a peer that sends nothing and answers nothing is kept")
		}
		c.nc.Close()
		synctest.Wait()
	})
}

// OptionsForTest returns bounds that a test does not reach by accident.
func OptionsForTest() Options {
	return Options{
		Connections:           100_000,
		MessageBytes:          protocol.DefaultLimits().MessageBytes,
		QueuedBytes:           32 << 10,
		FramesPerSecond:       50,
		PublishesInFlight:     256,
		PingInterval:          20 * time.Second,
		AuthenticationTimeout: 10 * time.Second,
		MessageTimeout:        30 * time.Second,
		StallTimeout:          60 * time.Second,
		LingerTimeout:         5 * time.Second,
		ShutdownLinger:        5 * time.Second,
		Origins:               origin.Any(),
	}
}
