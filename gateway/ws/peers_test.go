package ws_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
	"seagate/groups"
	"seagate/streams"
)

// A frame that is larger than the budget must be accepted into an empty queue:
// nothing would resume the subscription.
func TestFramesLargerThanTheBudgetAreDelivered(t *testing.T) {
	testLargeFrames(t, []int{40 << 10}, func(b *bench) *wstest.Conn {
		c := b.dial()
		c.Net.(*net.TCPConn).SetReadBuffer(16 << 10)
		return c
	})
}

// testLargeFrames publishes messages of the sizes, in turns, before a subscriber
// reads them, and expects it to get them all.
func testLargeFrames(t *testing.T, sizes []int, dial func(*bench) *wstest.Conn) {
	for kind, extra := range map[string]string{"own": "", "group": inGroup} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, setup{
				network: streams.Options{TailMessages: 1000, TailBytes: 1 << 30},
				credit:  groups.Credit{Messages: 1 << 20, Bytes: 1 << 30},
			})
			b.wide()
			c := b.authenticate(dial(b))
			b.subscribe(c, 2, "wide", extra)
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

// The end of the connection is not the end of the message.
func TestAMessageWithoutItsLastFragmentIsNotHandled(t *testing.T) {
	b := newBench(t, setup{})
	reader := b.login()
	b.subscribe(reader, 2, "boiler", "")
	w := b.login()
	w.SendRaw(wstest.Frame(false, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":666}}`)))
	w.Net.Close()
	b.await("the writer is gone", func() bool { return b.open() == 1 })
	b.publish("boiler", `{"n":1}`)
	reader.Want(delivery(2, "boiler", `{"n":1}`))
}

// A frame that is none is answered with a close frame too.
func TestFramesThatAreNotMaskedAreClosedWithAReason(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	c.SendRaw([]byte{0x81, 0x02, '{', '}'})
	c.WantClose(1002, "protocol_violation")
	b.await("the end is counted", func() bool { return b.closed("protocol_violation") == 1 })
}

// Some clients send unsolicited pongs as heartbeats. Such a pong does not answer
// a ping, and the answer that follows still acknowledges.
func TestHeartbeatPongsDoNotAnswerPings(t *testing.T) {
	b := newBench(t, setup{})
	first, second := b.login(), b.login()
	first.AutoPong = false
	b.subscribe(first, 2, "boiler", inGroup)
	b.publish("boiler", `{"n":1}`)
	first.Want(delivery(2, "boiler", `{"n":1}`))
	opcode, ping, err := first.ReadFrame()
	if err != nil || opcode != wstest.Ping {
		t.Fatalf("after a group's message came opcode %d, %v; want a ping", opcode, err)
	}
	first.SendRaw(wstest.Frame(true, wstest.Pong, nil))
	first.SendRaw(wstest.Frame(true, wstest.Pong, ping))
	b.settle(first)
	b.subscribe(second, 2, "boiler", inGroup)
	first.Net.Close()
	b.await("the first member is gone", func() bool { return b.open() == 1 })
	b.publish("boiler", `{"n":2}`)
	second.Want(delivery(2, "boiler", `{"n":2}`))
}

// Without credentials nobody can make the server hold a megabyte per connection.
func TestMessagesBeforeAuthenticationAreBounded(t *testing.T) {
	b := newBench(t, setup{})
	authenticate := func(size int) string {
		head := `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":"wrong","pad":"`
		return head + strings.Repeat("x", size-len(head)-3) + `"}}`
	}
	t.Run("at the limit", func(t *testing.T) {
		c := b.on(t).dial()
		c.Send(authenticate(72 << 10))
		if m, closed := c.Next(); closed != nil || !strings.HasPrefix(m, `{"id":1,"action":"authenticate","success":false`) {
			t.Fatalf("got %s, %v", m, closed)
		}
	})
	t.Run("over it", func(t *testing.T) {
		c := b.on(t).dial()
		c.Send(authenticate(72<<10 + 1))
		c.WantClose(1009, "message_too_large: a message of more than 73728 bytes")
	})
	t.Run("after authentication", func(t *testing.T) {
		b := b.on(t)
		b.wide()
		c := b.login()
		c.Send(`{"id":2,"action":"publish","streamName":"wide","payload":` + wide(1, 72<<10) + `}`)
		c.WantPublished(2, 1)
	})
}

// A connection whose handshake completes during Shutdown is ended too.
func TestShutdownWaitsForHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, setup{listener: newPipes()})
		slow := slowHandshake{b.server, make(chan struct{}), make(chan struct{})}
		peer := startSlow(t, slow)
		<-slow.entered
		returned := make(chan error, 1)
		go func() { returned <- b.server.Shutdown(t.Context(), atOnce) }()
		synctest.Wait()
		if len(returned) > 0 {
			t.Error("Shutdown has returned in the middle of a handshake")
		}
		close(slow.proceed)
		(<-peer).WantClose(1001, "server_shutdown")
		if err := <-returned; err != nil || b.open() != 0 {
			t.Errorf("Shutdown returned %v with %d connections open", err, b.open())
		}
	})
}

// The reader of a connection that has already ended must not replace the linger
// deadline by the authentication timeout.
func TestAConnectionThatEndsBeforeItsReaderStartsLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const linger = 100 * time.Millisecond
		b := newBench(t, setup{listener: newPipes(), options: func(o *ws.Options) { o.LingerTimeout = linger }})
		slow := slowHandshake{b.server, make(chan struct{}), make(chan struct{})}
		peer := startSlow(t, slow)
		<-slow.entered
		start := time.Now()
		go b.server.Shutdown(t.Context(), atOnce)
		synctest.Wait()
		close(slow.proceed)
		c := <-peer
		c.WantClose(1001, "server_shutdown")
		if _, closed := c.Next(); closed == nil {
			t.Fatal("a message came after the close frame")
		}
		if took := time.Since(start); took > 2*linger {
			t.Errorf("closed after %v, want within %v", took, 2*linger)
		}
	})
}

// A peer that reads nothing is dropped, with a reason in log and metrics.
func TestAPeerThatReadsNothingIsCountedAsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		const stall = 5 * time.Second
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
			o.StallTimeout, o.PingInterval = stall, time.Hour
		}})
		c, _ := wstest.Over(t, l.dial(t), "/")
		b.authenticate(c)
		b.subscribe(c, 2, "boiler", "")
		b.publish("boiler", `{"n":1}`)
		time.Sleep(stall - time.Millisecond)
		if b.open() != 1 {
			t.Error("dropped before the stall timeout")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if b.open() != 0 || b.closed("peer_gone") != 1 {
			t.Errorf("%d connections are open, %d counted as gone", b.open(), b.closed("peer_gone"))
		}
	})
}

// On a slow line the ping waits behind a large message to the peer.
func TestASlowReaderIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) { o.PingInterval = time.Second }})
		b.wide()
		nc := l.dial(t)
		c, _ := wstest.Over(t, &slowReads{Conn: nc}, "/")
		b.authenticate(c)
		b.subscribe(c, 2, "wide", "")
		c.Net.(*slowReads).pause = 50 * time.Millisecond // a read is 4 KiB at most
		for n := range 3 {
			b.publish("wide", wide(n, 400<<10)) // 5 s each
		}
		for n := range 3 {
			c.Want(delivery(2, "wide", wide(n, 400<<10)))
		}
	})
}

// On a slow line the pong waits behind a large message from the peer.
func TestASlowWriterIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) { o.PingInterval = time.Second }})
		b.wide()
		c, _ := wstest.Over(t, l.dial(t), "/")
		b.authenticate(c)
		done := make(chan struct{})
		go func() {
			defer close(done)
			frame := wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"wide","payload":`+wide(1, 100<<10)+`}`))
			for len(frame) > 0 {
				n, err := c.Net.Write(frame[:min(len(frame), 4<<10)])
				if err != nil {
					t.Errorf("cut off with %d bytes to go: %v", len(frame), err)
					return
				}
				frame = frame[n:]
				time.Sleep(500 * time.Millisecond)
			}
		}()
		c.AutoPong = false // they would go between the pieces
		c.WantPublished(2, 1)
		<-done
	})
}

// A revoked client with queued answers does not stay until the stall timeout.
func TestARevokedClientThatReadsNothingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const linger = 100 * time.Millisecond
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
			o.StallTimeout, o.PingInterval, o.LingerTimeout = time.Hour, time.Hour, linger
		}})
		c, _ := wstest.Over(t, l.dial(t), "/")
		b.authenticateApp(c)
		go func() {
			for id := 2; ; id++ {
				if _, err := c.Net.Write(wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"describe","payload":"boiler"}`, id))); err != nil {
					return
				}
			}
		}()
		synctest.Wait() // the server does not read on
		b.revokeApp()
		time.Sleep(2 * linger)
		synctest.Wait()
		if b.open() != 0 {
			t.Errorf("the connection is open %v after the revocation", 2*linger)
		}
	})
}

// The sniffer sees what a client sends right behind its credentials before these
// are checked. The bound before authentication does not apply to it.
func TestLargeMessageRightBehindTheCredentials(t *testing.T) {
	b := newBench(t, setup{})
	b.wide()
	c := b.dial()
	first := wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, b.secret))
	c.SendRaw(append(first, wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"wide","payload":`+wide(1, 100<<10)+`}`))...))
	c.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	c.WantPublished(2, 1)
}
