package outbox

import (
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/gateway"
	"seagate/internal/panics/panicstest"
)

// A badConn panics when it is written to.
type badConn struct{ net.Conn }

func (badConn) Write([]byte) (int, error) { panic("injected") }

// A flusher that panics ends its connection, and nothing else.
func TestAFlusherThatPanicsEndsItsConnection(t *testing.T) {
	contained := panicstest.Begin(t, "flusher")
	nc, peer := net.Pipe()
	defer peer.Close()
	o := New(badConn{nc}, Options{
		Budget:       1 << 10,
		StallTimeout: time.Minute,
		Probe:        func(dst []byte, _ uint64) []byte { return dst },
		Drained:      func() {},
		Broken:       func(error) {},
		Metrics:      gateway.NewMetrics(prometheus.NewRegistry()),
	})
	o.Send([]byte("a frame"))
	peer.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := peer.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	o.Close(time.Minute, true) // it does not wait for the flusher
	contained.Want(1)
	if !o.Ended() {
		t.Error("it has not ended")
	}
}
