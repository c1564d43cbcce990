package ws_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
	"seagate/groups"
	"seagate/streams"
)

const groupID = `"groupId":"4d0b7e5a-91a3-4ac5-a0d9-2b1b0a4d7a52"`

// wide defines a stream whose messages have any size.
func (b *bench) wide() {
	b.t.Helper()
	if _, e := b.gateway.Define(b.t.Context(), b.root, "wide", []byte(`{"version":1,"fields":[{"name":"s","type":"string"}]}`)); e != nil {
		b.t.Fatal(e)
	}
}

func wide(n, size int) string { return fmt.Sprintf(`{"s":"%08d%s"}`, n, strings.Repeat("x", size)) }

// value reads a gauge or counter.
func value(m prometheus.Collector) (sum float64) {
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	families, _ := r.Gather()
	for _, family := range families {
		for _, sample := range family.Metric {
			sum += sample.GetGauge().GetValue() + sample.GetCounter().GetValue()
		}
	}
	return sum
}

func (b *bench) open() int {
	return int(value(b.gateway.Metrics.Connections.WithLabelValues("websocket")))
}

func (b *bench) closed(code string) int {
	return int(value(b.gateway.Metrics.Closed.WithLabelValues(code)))
}

// await fails the test if the condition does not come true.
func (b *bench) await(what string, condition func() bool) {
	b.t.Helper()
	for end := time.Now().Add(wstest.Timeout); !condition(); {
		if time.Now().After(end) {
			b.t.Fatalf("%s: not within %v", what, wstest.Timeout)
		}
		<-time.After(time.Millisecond)
	}
}

// A pipes is a listener for bubbles of testing/synctest, whose clock cannot
// wait for a real socket. Its connections hold nothing: a write lasts until
// the peer has read it.
type pipes struct {
	conns     chan net.Conn
	closed    chan struct{}
	closeOnce sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.conns:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.closeOnce.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(t testing.TB) net.Conn {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	p.conns <- there
	return here
}

// A slowHandshake is a handler that stops each request where its connection is
// taken over, until it may proceed.
type slowHandshake struct {
	http.Handler
	entered, proceed chan struct{}
}

func (s slowHandshake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Handler.ServeHTTP(slowHijack{w, s}, r)
}

type slowHijack struct {
	http.ResponseWriter
	slowHandshake
}

func (s slowHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	close(s.entered)
	<-s.proceed
	return s.ResponseWriter.(http.Hijacker).Hijack()
}

// A frame over the budget was turned away from an empty queue, and nobody ever
// told the subscription to go on.
func TestLargeFramesDoNotStrandASubscription(t *testing.T) {
	for kind, extra := range map[string]string{"own": "", "group": "," + groupID} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, setup{
				network: streams.Options{TailMessages: 1000, TailBytes: 1 << 30},
				credit:  groups.Credit{Messages: 1 << 20, Bytes: 1 << 30},
			})
			b.wide()
			c := b.login()
			c.Net.(*net.TCPConn).SetReadBuffer(16 << 10)
			c.Send(`{"id":2,"action":"subscribe","payload":"wide"` + extra + `}`)
			c.Want(subscribed(2, "wide"))
			const total, size = 100, 40 << 10
			for n := range total {
				b.publish("wide", wide(n, size))
			}
			for n := range total {
				c.Want(delivery(2, "wide", wide(n, size)))
			}
		})
	}
}

// The end of the connection was taken for the end of the message.
func TestAMessageWithoutItsLastFragmentIsNotActedOn(t *testing.T) {
	b := newBench(t, setup{})
	reader := b.login()
	reader.Send(`{"id":2,"action":"subscribe","payload":"boiler"}`)
	reader.Want(subscribed(2, "boiler"))
	w := b.login()
	w.SendRaw(wstest.Frame(false, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":666}}`)))
	w.Net.Close()
	b.await("the writer is gone", func() bool { return b.open() == 1 })
	b.publish("boiler", `{"n":1}`)
	reader.Want(delivery(2, "boiler", `{"n":1}`))
}

// A frame that the library refuses ended the connection without a word.
func TestFramesThatAreNotMaskedAreClosedWithAReason(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	c.SendRaw([]byte{0x81, 0x02, '{', '}'})
	c.WantClose(1008, "protocol_violation")
	b.await("the end is counted", func() bool { return b.closed("protocol_violation") == 1 })
}

// A heartbeat, which some clients send as pongs of their own accord, passed
// for the answer to the ping that was out. The real answer then counted for
// nothing, and what had been received was delivered again.
func TestHeartbeatPongsDoNotEatAcknowledgements(t *testing.T) {
	b := newBench(t, setup{})
	first, second := b.login(), b.login()
	first.AutoPong = false
	first.Send(`{"id":2,"action":"subscribe","payload":"boiler",` + groupID + `}`)
	first.Want(subscribed(2, "boiler"))
	b.publish("boiler", `{"n":1}`)
	first.Want(delivery(2, "boiler", `{"n":1}`))
	opcode, ping, err := first.ReadFrame()
	if err != nil || opcode != wstest.Ping {
		t.Fatalf("after a group's message came opcode %d, %v; want a ping", opcode, err)
	}
	first.SendRaw(wstest.Frame(true, wstest.Pong, nil))
	first.SendRaw(wstest.Frame(true, wstest.Pong, ping))
	first.Send(`{"id":3,"action":"describe","payload":"boiler"}`) // read after the pongs before it
	if m, closed := first.Next(); closed != nil || !strings.HasPrefix(m, `{"id":3`) {
		t.Fatalf("got %s, %v", m, closed)
	}
	second.Send(`{"id":2,"action":"subscribe","payload":"boiler",` + groupID + `}`)
	second.Want(subscribed(2, "boiler"))
	first.Net.Close()
	b.await("the first member is gone", func() bool { return b.open() == 1 })
	b.publish("boiler", `{"n":2}`)
	second.Want(delivery(2, "boiler", `{"n":2}`))
}

// Anybody could make the server hold a megabyte for each connection, without
// credentials.
func TestStrangersMaySendNoMoreThanAToken(t *testing.T) {
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
		c.Want(`{"id":2,"action":"publish","success":true}`)
	})
}

// Shutdown saw only the connections that had made their handshake. One that
// came out of it afterwards was left open when Shutdown had returned.
func TestShutdownWaitsForHandshakesUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, setup{listener: newPipes()})
		slow := slowHandshake{b.server, make(chan struct{}), make(chan struct{})}
		peer := startSlow(t, slow)
		<-slow.entered
		returned := make(chan error, 1)
		go func() { returned <- b.server.Shutdown(t.Context(), 0) }()
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

// The deadline for authentication replaced that of a connection which had
// ended before its reader began, and kept it open for as long.
func TestAConnectionThatEndsBeforeItIsReadDoesNotWaitForAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const linger = 100 * time.Millisecond
		b := newBench(t, setup{listener: newPipes(), options: func(o *ws.Options) { o.LingerTimeout = linger }})
		slow := slowHandshake{b.server, make(chan struct{}), make(chan struct{})}
		peer := startSlow(t, slow)
		<-slow.entered
		start := time.Now()
		go b.server.Shutdown(t.Context(), 0)
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

// startSlow begins a handshake with the handler, whose client is sent when it
// is made.
func startSlow(t *testing.T, handler http.Handler) <-chan *wstest.Conn {
	l := newPipes()
	h := httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	h.Start()
	t.Cleanup(h.Close)
	peer := make(chan *wstest.Conn, 1)
	go func() {
		c, _ := wstest.Over(t, l.dial(t), "/")
		peer <- c
	}()
	return peer
}

// A peer that reads nothing was cut off without a reason in log and metrics.
func TestAPeerThatReadsNothingIsCountedAsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		const stall = 5 * time.Second
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
			o.StallTimeout, o.PingInterval = stall, time.Hour
		}})
		c, _ := wstest.Over(t, l.dial(t), "/")
		b.authenticate(c)
		c.Send(`{"id":2,"action":"subscribe","payload":"boiler"}`)
		c.Want(subscribed(2, "boiler"))
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

// A peer on a slow line was dropped in the middle of a large message, behind
// which the ping was still waiting.
func TestASlowReaderIsNotTakenForGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) { o.PingInterval = time.Second }})
		b.wide()
		nc := l.dial(t)
		c, _ := wstest.Over(t, &slowReads{Conn: nc}, "/")
		b.authenticate(c)
		c.Send(`{"id":2,"action":"subscribe","payload":"wide"}`)
		c.Want(subscribed(2, "wide"))
		c.Net.(*slowReads).pause = 50 * time.Millisecond // a read is 4 KiB at most
		for n := range 3 {
			b.publish("wide", wide(n, 400<<10)) // 5 s each
		}
		for n := range 3 {
			c.Want(delivery(2, "wide", wide(n, 400<<10)))
		}
	})
}

type slowReads struct {
	net.Conn
	pause time.Duration
}

func (s *slowReads) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	return s.Conn.Read(p[:min(len(p), 4<<10)])
}

// A peer on a slow line was dropped in the middle of a large message of its
// own, behind which its pong was still waiting.
func TestASlowWriterIsNotTakenForGone(t *testing.T) {
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
		c.Want(`{"id":2,"action":"publish","success":true}`)
		<-done
	})
}

// A client whose answers were piled up stayed after its revocation, until the
// stall timeout.
func TestARevokedClientThatReadsNothingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const linger = 100 * time.Millisecond
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
			o.StallTimeout, o.PingInterval, o.LingerTimeout = time.Hour, time.Hour, linger
		}})
		_, secret, e := b.gateway.CreateClient(t.Context(), b.root, "app", "")
		if e != nil {
			t.Fatal(e)
		}
		c, _ := wstest.Over(t, l.dial(t), "/")
		c.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"app","clientSecret":%q}}`, secret.Reveal()))
		c.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
		go func() {
			for id := 2; ; id++ {
				if _, err := c.Net.Write(wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"describe","payload":"boiler"}`, id))); err != nil {
					return
				}
			}
		}()
		synctest.Wait() // the server does not read on
		if _, _, e := b.gateway.RotateSecret(context.Background(), b.root, "app"); e != nil {
			t.Fatal(e)
		}
		time.Sleep(2 * linger)
		synctest.Wait()
		if b.open() != 0 {
			t.Errorf("the connection is open %v after the revocation", 2*linger)
		}
	})
}

// The sniffer sees what is sent right behind the first message before that is
// looked at, and must not hold it to the bound for strangers.
func TestWhatFollowsAuthenticationIsNoStrangers(t *testing.T) {
	b := newBench(t, setup{})
	b.wide()
	c := b.dial()
	first := wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, b.secret))
	c.SendRaw(append(first, wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"wide","payload":`+wide(1, 100<<10)+`}`))...))
	c.Want(`{"id":1,"action":"authenticate","success":true,"payload":{"jailId":"root"}}`)
	c.Want(`{"id":2,"action":"publish","success":true}`)
}
