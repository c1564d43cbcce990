//go:build linux

package ws_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
)

// A connection on which the client says nothing has no goroutine. It gets what is
// published, answers when it is asked, and ends as others do.
func TestConnectionsAtRest(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.LingerTimeout = wstest.Timeout }})
	quiet, busy, gone, revoked := b.login(), b.login(), b.login(), b.dial()
	b.authenticateApp(revoked)
	b.subscribe(quiet, 2, "boiler", "")
	stranger := b.dial()
	atRest := func(n int) {
		t.Helper()
		b.await("connections rest", func() bool { return b.server.Resting() == n })
	}
	atRest(4)

	b.publish("boiler", `{"n":1}`)
	quiet.Want(delivery(2, "boiler", `{"n":1}`))
	busy.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":2}}`)
	busy.WantPublished(2, 2)
	quiet.Want(delivery(2, "boiler", `{"n":2}`))
	atRest(4)

	half := wstest.Frame(true, wstest.Text, []byte(`{"id":3,"action":"publish","streamName":"boiler","payload":{"n":3}}`))
	busy.SendRaw(half[:20])
	b.await("a connection within a message does not rest", func() bool { return b.server.Resting() == 3 })
	busy.SendRaw(half[20:])
	busy.WantPublished(3, 3)
	quiet.Want(delivery(2, "boiler", `{"n":3}`))

	gone.Net.Close()
	b.await("the end of a connection at rest is seen", func() bool { return b.open() == 4 })
	b.revokeApp()
	revoked.WantClose(1008, "credentials_revoked")
	revoked.Net.Close()
	b.await("a connection at rest is ended", func() bool { return b.open() == 3 })
	stranger.Net.Close()
	b.await("the stranger is gone", func() bool { return b.open() == 2 })
	atRest(2)

	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), wstest.Timeout)
		defer cancel()
		done <- b.server.Shutdown(ctx, atOnce)
	}()
	quiet.WantClose(1001, "server_shutdown")
	quiet.Net.Close()
	busy.Net.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A peer that answers no pings is dropped while its connection rests.
func TestADeadPeerAtRestIsDropped(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.PingInterval = 4 * time.Second }})
	c := b.login()
	b.await("the connection rests", func() bool { return b.server.Resting() == 1 })
	b.await("the peer is dropped", func() bool { return b.open() == 0 })
	if n := b.closed("peer_gone"); n != 1 {
		t.Errorf("%d connections ended because the peer was gone", n)
	}
	c.Net.Close()
}

// Connections that wake and rest all the time lose nothing.
func TestWakingLosesNothing(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	for n := range 5 {
		b.await("the connection rests", func() bool { return b.server.Resting() == 1 })
		together(c, numbered(2+n*burst, `{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":1}}`)...)
		for i := range burst {
			c.WantPublished(2+n*burst+i, 1+n*burst+i)
		}
	}
}

// A client may send a message in pieces, however long it takes, also right after another one.
func TestAMessageInPiecesMayTakeLongerThanUntilRest(t *testing.T) {
	b := newBench(t, setup{})
	c, other := b.login(), b.login()
	c.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`)
	c.WantPublished(2, 1)
	pieces := wstest.Frame(true, wstest.Text, []byte(`{"id":3,"action":"publish","streamName":"boiler","payload":{"n":2}}`))
	c.SendRaw(pieces[:20])
	// The other one begins to rest some time after the deadline that c had.
	for id := range 3 {
		b.await("the other connection rests", func() bool { return b.server.Resting() == 1 })
		other.Send(fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":3}}`, id+2))
		other.WantPublished(id+2, id+2)
	}
	c.SendRaw(pieces[20:])
	c.WantPublished(3, 5)
}

// A connection that cannot be watched keeps its goroutine, which waits and does not try again.
func TestAConnectionThatCannotBeWatchedIsServed(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	b.server.CloseResting()
	b.await("the connection gives up to rest", func() bool { return b.server.NeverResting() == 1 })
	c.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`)
	c.WantPublished(2, 1)
	if n := b.server.Resting(); n != 0 {
		t.Errorf("%d connections rest", n)
	}
}

// The time of a message in pieces is bounded, also right after another message.
func TestAMessageThatDoesNotEndIsRefusedRightAfterAnother(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.MessageTimeout = time.Second }})
	c := b.login()
	c.Send(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`)
	c.WantPublished(2, 1)
	c.SendRaw(wstest.Frame(true, wstest.Text, []byte(`{"id":3,"action":"publish"}`))[:20])
	c.WantClose(1008, "invalid_request")
}
