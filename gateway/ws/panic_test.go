package ws

import (
	"net"
	"testing"
	"time"

	"seagate/internal/panics/panicstest"
)

// A keep-alive that panics ends its connection, and nothing else.
func TestAKeepAliveThatPanicsEndsItsConnection(t *testing.T) {
	contained := panicstest.Begin(t, "keep-alive")
	nc, peer := net.Pipe()
	defer peer.Close()
	c := &conn{server: &Server{opts: OptionsForTest()}, nc: nc} // without an outbox
	c.keepAlive()
	peer.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := peer.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	contained.Want(1)
}
