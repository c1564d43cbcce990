package ws_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/gateway"
	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
	"seagate/internal/origin"
	"seagate/internal/pace"
	"seagate/storage"
	"seagate/streams"
)

func TestSubscribeAndReceive(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	b.subscribe(c, 2, "boiler", "")
	b.subscribe(c, 3, "boiler", "")
	b.publish("boiler", `{ "n": 1 }`)
	got := map[string]bool{}
	for range 2 {
		m, closed := c.Next()
		if closed != nil {
			t.Fatal(closed)
		}
		got[m] = true
	}
	if !got[delivery(2, "boiler", `{"n":1}`)] || !got[delivery(3, "boiler", `{"n":1}`)] {
		t.Errorf("got %v", got)
	}
	c.Send(`{"id":4,"action":"unsubscribe","payload":2}`)
	c.Want(`{"id":4,"action":"unsubscribe","success":true}`)
	b.publish("boiler", `{"n":2}`)
	c.Want(delivery(3, "boiler", `{"n":2}`))
}

func TestHeaderComesFirst(t *testing.T) {
	b := newBench(t, setup{})
	if err := b.gateway.SetHeader(t.Context(), b.root, "boiler", jsontext.Value(`{"n":0}`)); err != nil {
		t.Fatal(err)
	}
	c := b.login()
	b.subscribe(c, 2, "boiler", "")
	c.Want(delivery(2, "boiler", `{"n":0}`))
	b.subscribe(c, 3, "boiler", inGroup)
	c.Want(delivery(3, "boiler", `{"n":0}`)) // it makes the group
	b.subscribe(c, 4, "boiler", inGroup)
	b.publish("boiler", `{"n":1}`)
	for range 2 {
		if m, closed := c.Next(); closed != nil || !strings.HasSuffix(m, `"payload":{"n":1}}`) {
			t.Fatalf("got %s, %v", m, closed)
		}
	}
}

func TestPublishIsPipelinedAndAnsweredInOrder(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	var all []byte
	for id := 2; id < 102; id++ {
		payload := fmt.Sprintf(`{"n":%d}`, id)
		if id%10 == 0 {
			payload = `{"n":1,"n":2}`
		}
		all = append(all, wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"publish","streamName":"boiler","payload":%s}`, id, payload))...)
	}
	c.SendRaw(all)
	for id := 2; id < 102; id++ {
		m, closed := c.Next()
		if closed != nil {
			t.Fatal(closed)
		}
		want := fmt.Sprintf(`{"id":%d,"action":"publish","success":%v`, id, id%10 != 0)
		if !strings.HasPrefix(m, want) {
			t.Fatalf("got %s, want %s...", m, want)
		}
	}
}

// Messages are read into buffers that are reused.
func TestPublishedPayloadsAreCopied(t *testing.T) {
	b := newBench(t, setup{})
	reader, writer := b.login(), b.login()
	b.subscribe(reader, 2, "boiler", "")
	var all []byte
	for id := 2; id < 300; id++ {
		all = append(all, wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":%d}}`, id, id))...)
	}
	writer.SendRaw(all)
	for id := 2; id < 300; id++ {
		writer.WantPublished(id, id-1)
	}
	for id := 2; id < 300; id++ {
		reader.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, id)))
	}
}

func TestGroupSharesAndRedelivers(t *testing.T) {
	b := newBench(t, setup{})
	dead := b.login()
	dead.AutoPong = false
	b.subscribe(dead, 2, "boiler", inGroup)
	for n := range 5 {
		b.publish("boiler", fmt.Sprintf(`{"n":%d}`, n))
	}
	for n := range 5 {
		dead.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
	other := b.login()
	b.subscribe(other, 2, "boiler", inGroup)
	dead.Net.Close()
	for n := range 5 {
		other.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
	// A message that a pong acknowledged is not delivered again.
	third := b.login()
	b.subscribe(third, 2, "boiler", inGroup)
	b.settle(other)
	other.Net.Close()
	b.publish("boiler", `{"n":77}`)
	third.Want(delivery(2, "boiler", `{"n":77}`))
}

// A group is told of a gap again if the connection ends before a pong confirms
// that the gap arrived.
func TestAGroupIsToldOfItsGaps(t *testing.T) {
	b := newBench(t, setup{network: streams.Options{
		TailMessages: 1, Policy: streams.Policy{Retention: storage.Retention{Messages: 1}}, RetentionInterval: time.Millisecond,
	}})
	for n := range 3 {
		b.publish("boiler", fmt.Sprintf(`{"n":%d}`, n))
	}
	b.await("two messages are dropped", func() bool {
		page, err := b.gateway.Messages(t.Context(), b.root, "boiler", gateway.Position{}, 1)
		return err == nil && page.Bounds.First == 3
	})
	join := func(autoPong bool) *wstest.Conn {
		c := b.login()
		c.AutoPong = autoPong
		c.Send(`{"id":2,"action":"subscribe","payload":"boiler","groupId":"4d0b7e5a-91a3-4ac5-a0d9-2b1b0a4d7a52","from":1,"meta":true}`)
		if m, closed := c.Next(); closed != nil || !strings.Contains(m, `"success":true`) {
			t.Fatalf("got %s, %v", m, closed)
		}
		return c
	}
	gap := `{"id":2,"action":"subscription","streamName":"boiler","gap":{"from":1,"to":2}}`
	dead := join(false)
	dead.Want(gap)
	dead.Net.Close()
	heard := join(true)
	heard.Want(gap)
	if m, closed := heard.Next(); closed != nil || !strings.Contains(m, `"seq":3`) {
		t.Fatalf("got %s, %v", m, closed)
	}
	b.settle(heard)
	heard.Net.Close()
	b.await("it is gone", func() bool { return b.open() == 0 })
	last := join(true)
	b.publish("boiler", `{"n":7}`)
	if m, closed := last.Next(); closed != nil || !strings.Contains(m, `"seq":4`) {
		t.Fatalf("got %s, %v", m, closed)
	}
}

func TestSlowReaderGetsEverythingWithinTheTail(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.QueuedBytes = 4 << 10 }})
	c := b.login()
	b.subscribe(c, 2, "boiler", "")
	c.Net.(*net.TCPConn).SetReadBuffer(4 << 10)
	const total = 3_000
	for n := range total {
		b.publish("boiler", fmt.Sprintf(`{"n":%d}`, n))
	}
	for n := range total {
		c.Want(delivery(2, "boiler", fmt.Sprintf(`{"n":%d}`, n)))
	}
}

func TestFallingBehindRetentionClosesWithMessagesLost(t *testing.T) {
	b := newBench(t, setup{
		options: func(o *ws.Options) { o.QueuedBytes = 1 << 10 },
		network: streams.Options{TailMessages: 100, Policy: streams.Policy{Retention: storage.Retention{Messages: 100}}},
	})
	b.wide()
	c := b.login()
	b.subscribe(c, 2, "wide", "")
	payload := func(n int) string { return fmt.Sprintf(`{"s":"%08d%s"}`, n, strings.Repeat("x", 8<<10)) }
	for n := range 4_000 { // 32 MiB: more than the socket's buffers
		b.publish("wide", payload(n))
	}
	for n := 0; ; n++ {
		m, closed := c.Next()
		if closed == nil {
			if want := delivery(2, "wide", payload(n)); m != want {
				t.Fatalf("message %d is another one", n)
			}
			continue
		}
		if closed.Code != 4008 || !strings.HasPrefix(closed.Reason, "messages_lost") {
			t.Fatalf("%v after %d messages, want 4008", closed, n)
		}
		return
	}
}

func TestViolationsCloseAfterAnAnswer(t *testing.T) {
	b := newBench(t, setup{})
	for name, message := range map[string]string{
		"id jumps":        `{"id":3,"action":"subscribe","payload":"boiler"}`,
		"id repeats":      `{"id":1,"action":"subscribe","payload":"boiler"}`,
		"id fraction":     `{"id":2.5,"action":"subscribe","payload":"boiler"}`,
		"id string":       `{"id":"2","action":"subscribe","payload":"boiler"}`,
		"no action":       `{"id":2}`,
		"array":           `[]`,
		"truncated":       `{"id":2,`,
		"authenticate":    `{"id":2,"action":"authenticate","payload":{}}`,
		"trailing":        `{"id":2,"action":"subscribe","payload":"boiler"} x`,
		"repeated member": `{"id":2,"id":2,"action":"subscribe","payload":"boiler"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := b.on(t).login()
			c.Send(message)
			m, closed := c.Next()
			if closed != nil || !strings.Contains(m, `"success":false,"error":{"code":"protocol_violation"`) {
				t.Fatalf("got %s, %v", m, closed)
			}
			c.WantClose(1008, "protocol_violation")
		})
	}
	t.Run("binary", func(t *testing.T) {
		c := b.on(t).login()
		c.SendRaw(wstest.Frame(true, wstest.Binary, []byte(`{}`)))
		c.Want(`{"id":0,"action":"","success":false,"error":{"code":"protocol_violation","message":"a binary message; messages are text"}}`)
		c.WantClose(1008, "protocol_violation")
	})
	t.Run("utf8", func(t *testing.T) {
		c := b.on(t).login()
		c.Send("{\"id\":2,\"action\":\"subscribe\",\"payload\":\"\xff\"}")
		if m, closed := c.Next(); closed != nil || !strings.Contains(m, "invalid_utf8") {
			t.Fatalf("got %s, %v", m, closed)
		}
		c.WantClose(1007, "invalid_utf8")
	})
}

func TestRefusedAuthenticationIsAnsweredAndClosed(t *testing.T) {
	b := newBench(t, setup{})
	c := b.dial()
	c.Send(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":"wrong wrong wrong"}}`)
	c.Want(`{"id":1,"action":"authenticate","success":false,"error":{"code":"invalid_credentials","message":"The credentials are present and well formed but invalid."}}`)
	c.WantClose(1008, "invalid_credentials")
}

func TestAuthenticationHasATimeout(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.AuthenticationTimeout = 50 * time.Millisecond }})
	b.dial().WantClose(1008, "authentication_timeout")
}

func TestAPeerThatAnswersNoPingIsDropped(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.PingInterval = 200 * time.Millisecond }})
	c := b.login()
	c.AutoPong = false
	if _, closed := c.Next(); closed == nil || closed.Code != 0 {
		t.Errorf("got %v, want to be cut off", closed)
	}
	quick := b.login()
	quick.Net.SetReadDeadline(time.Now())
	for range 10 {
		opcode, payload, err := quick.ReadFrame()
		if err != nil || opcode != wstest.Ping {
			t.Fatalf("opcode %d, %v", opcode, err)
		}
		quick.SendRaw(wstest.Frame(true, wstest.Pong, payload))
	}
}

func TestMessagesOverTheLimit(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.MessageBytes = 1000 }})
	at := func(n int) string {
		head := `{"id":2,"action":"nothing","pad":"`
		return head + strings.Repeat("x", n-len(head)-2) + `"}`
	}
	t.Run("at the limit", func(t *testing.T) {
		c := b.on(t).login()
		c.Send(at(1000))
		if m, closed := c.Next(); closed != nil || !strings.HasPrefix(m, `{"id":2`) {
			t.Fatalf("got %s, %v", m, closed)
		}
	})
	t.Run("over it", func(t *testing.T) {
		c := b.on(t).login()
		c.Send(at(1001))
		c.WantClose(1009, "message_too_large")
	})
	t.Run("over it in fragments", func(t *testing.T) {
		c := b.on(t).login()
		c.SendRaw(wstest.Frame(false, wstest.Text, []byte(at(600))))
		c.SendRaw(wstest.Frame(true, wstest.Continuation, []byte(at(600))))
		c.WantClose(1009, "message_too_large")
	})
	t.Run("announced and stalled", func(t *testing.T) {
		c := b.on(t).login()
		c.SendRaw([]byte{0x81, 0xFF, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4})
		c.WantClose(1009, "message_too_large")
	})
	t.Run("announced with the top bit", func(t *testing.T) {
		c := b.on(t).login()
		c.SendRaw([]byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4})
		c.WantClose(1009, "message_too_large")
	})
}

func TestFloodsOfEmptyFrames(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.FramesPerSecond = 10 }})
	for name, frame := range map[string][]byte{
		"pings":         wstest.Frame(true, wstest.Ping, nil),
		"pongs":         wstest.Frame(true, wstest.Pong, []byte("unasked")),
		"continuations": wstest.Frame(false, wstest.Continuation, nil),
	} {
		t.Run(name, func(t *testing.T) {
			c := b.on(t).login()
			if name == "continuations" {
				c.SendRaw(wstest.Frame(false, wstest.Text, []byte("{")))
			}
			for range 60 {
				c.Net.Write(frame) // may fail once the server has closed
			}
			c.WantClose(1008, "too_many_frames")
		})
	}
}

func TestFragmentsMakeOneMessage(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	message := []byte(`{"id":2,"action":"subscribe","payload":"boiler"}`)
	c.SendRaw(wstest.Frame(false, wstest.Text, message[:10]))
	c.SendRaw(wstest.Frame(true, wstest.Ping, []byte("between")))
	c.SendRaw(wstest.Frame(false, wstest.Continuation, nil))
	c.SendRaw(wstest.Frame(true, wstest.Continuation, message[10:]))
	c.Want(subscribed(2, "boiler"))
}

// The library's Close would wait for this peer for ever.
func TestACloseHandshakeThatNeverCompletes(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.LingerTimeout = 100 * time.Millisecond }})
	c := b.login()
	c.Send(`[]`)
	c.SendRaw([]byte{0x81, 0xFE, 0x10, 0x00, 1, 2, 3, 4}) // a frame that never comes
	for {
		if _, closed := c.Next(); closed != nil && closed.Code == 0 {
			return // without a close frame from us
		}
	}
}

func TestARevokedClientIsClosed(t *testing.T) {
	b := newBench(t, setup{})
	c := b.dial()
	b.authenticateApp(c)
	b.revokeApp()
	c.WantClose(1008, "credentials_revoked")
}

func TestTheEndOfAStreamEndsASubscriptionWithMeta(t *testing.T) {
	b := newBench(t, setup{})
	b.define("other")
	c := b.login()
	c.Send(`{"id":2,"action":"subscribe","payload":"boiler","meta":true}`)
	if m, closed := c.Next(); closed != nil || !strings.HasPrefix(m, `{"id":2,"action":"subscription","success":true,`) {
		t.Fatalf("got %s, %v", m, closed)
	}
	b.subscribe(c, 3, "other", "")
	if err := b.gateway.DeleteStream(t.Context(), b.root, "boiler"); err != nil {
		t.Fatal(err)
	}
	c.Want(`{"id":2,"action":"subscribe","success":false,"streamName":"boiler","error":{"code":"stream_deleted","message":"the stream boiler was deleted"}}`)
	b.publish("other", `{"n":1}`)
	c.Want(delivery(3, "other", `{"n":1}`))
}

func TestLimitsOfSubscriptionsAndConnections(t *testing.T) {
	b := newBench(t, setup{
		settings: func(s *gateway.Settings) { s.SubscriptionsPerConnection, s.ConnectionsPerClient = 2, 1 },
		options:  func(o *ws.Options) { o.Connections = 2 },
	})
	c := b.login()
	for id := 2; id <= 3; id++ {
		c.Send(fmt.Sprintf(`{"id":%d,"action":"subscribe","payload":"boiler"}`, id))
		c.Want(subscribed(id, "boiler"))
	}
	c.Send(`{"id":4,"action":"subscribe","payload":"boiler"}`)
	c.Want(`{"id":4,"action":"subscribe","success":false,"error":{"code":"too_many_subscriptions","message":"the connection has 2 subscriptions, as many as it may have"}}`)

	second := b.dial()
	second.Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, b.secret))
	second.Want(`{"id":1,"action":"authenticate","success":false,"error":{"code":"too_many_connections","message":"this client has 1 connections, as many as it may have (limits.connections_per_client)"}}`)
	second.WantClose(1008, "too_many_connections")
	second.Net.Close()

	b.await("the end of the second connection", func() bool { return b.open() == 1 })
	b.authenticateApp(b.dial())
	if _, response := wstest.Handshake(t, b.addr, "/api/v1/streams"); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a connection beyond the server's limit: %s", response.Status)
	}
}

// Past bug: strangers that only connected kept the clients out.
func TestStrangersDoNotCountAsConnections(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) { o.Connections = 1 }})
	var strangers []*wstest.Conn
	for range 10 {
		strangers = append(strangers, b.dial())
	}
	b.login()
	strangers[0].Send(fmt.Sprintf(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, b.secret))
	strangers[0].Want(`{"id":1,"action":"authenticate","success":false,"error":{"code":"too_many_connections","message":"the server has 1 connections, as many as it takes (limits.connections)"}}`)
	strangers[0].WantClose(1008, "too_many_connections")
}

func TestShutdownTellsEveryone(t *testing.T) {
	b := newBench(t, setup{})
	c, d := b.login(), b.login()
	done := make(chan error)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		done <- b.server.Shutdown(ctx, pace.Pace{PerSecond: 100, Within: time.Second})
	}()
	for _, conn := range []*wstest.Conn{c, d} {
		conn.WantClose(1001, "server_shutdown")
		conn.SendRaw(wstest.Frame(true, wstest.Close, []byte{3, 233}))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, response := wstest.Handshake(t, b.addr, "/"); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a handshake after shutdown: %s", response.Status)
	} else if wait := response.Header.Get("Retry-After"); wait != "5" {
		t.Errorf("a handshake after shutdown: Retry-After: %q", wait)
	}
}

// Connections end at the given rate, or faster if they would not all end in the given
// time: clients that come back at once are a load.
func TestShutdownHasAPace(t *testing.T) {
	for name, test := range map[string]struct {
		pace pace.Pace
		step time.Duration
	}{
		"rate":    {pace.Pace{PerSecond: 2, Within: time.Minute}, 500 * time.Millisecond},
		"bound":   {pace.Pace{PerSecond: 1, Within: time.Second}, 250 * time.Millisecond},
		"at once": {pace.Pace{PerSecond: 1, Within: 0}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				b := newBench(t, setup{listener: l})
				start := time.Now()
				took := make(chan time.Duration, 4)
				for range cap(took) {
					c, _ := wstest.Over(t, l.dial(t), "/")
					go func() {
						c.WantClose(1001, "server_shutdown")
						took <- time.Since(start)
						c.Net.Close()
					}()
				}
				synctest.Wait()
				if err := b.server.Shutdown(t.Context(), test.pace); err != nil {
					t.Error(err)
				}
				for i := range cap(took) {
					if got, want := <-took, time.Duration(i)*test.step; got != want {
						t.Errorf("connection %d ended after %v, want %v", i, got, want)
					}
				}
			})
		})
	}
}

// A client that does not answer the close frame delays a shutdown by a bounded time.
func TestShutdownDoesNotWaitForPeersThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
			o.LingerTimeout, o.ShutdownLinger = time.Minute, 2*time.Second
		}})
		c, _ := wstest.Over(t, l.dial(t), "/")
		start := time.Now()
		go c.WantClose(1001, "server_shutdown") // and reads nothing more
		if err := b.server.Shutdown(t.Context(), atOnce); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestOriginsAreChecked(t *testing.T) {
	b := newBench(t, setup{options: func(o *ws.Options) {
		o.Origins, _ = origin.Parse([]string{"https://app.example.com"})
	}})
	for origin, want := range map[string]int{
		"https://app.example.com": 101, "http://app.example.com": 403, "https://evil.example.com": 403,
		"null": 403, "http://" + b.addr: 101,
	} {
		if _, response := wstest.Handshake(t, b.addr, "/", "Origin: "+origin); response.StatusCode != want {
			t.Errorf("origin %s: %d, want %d", origin, response.StatusCode, want)
		}
	}
}

func TestBadHandshakesGetAProblem(t *testing.T) {
	b := newBench(t, setup{})
	response, err := http.Get("http://" + b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 400 || !strings.Contains(string(body), `"code":"invalid_request"`) {
		t.Errorf("%s: %s", response.Status, body)
	}
}
