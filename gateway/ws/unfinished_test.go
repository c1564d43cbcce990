package ws_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seagate/gateway"
	"seagate/gateway/ws"
	"seagate/gateway/ws/wstest"
)

// A client that begins a message and does not end it is disconnected in the end, however
// slowly it goes on. One that is silent between messages, or always in the middle of the
// next one, is not.
func TestAMessageHasADeadline(t *testing.T) {
	const timeout = 10 * time.Second
	publish := func(id int) []byte {
		return wstest.Frame(true, wstest.Text, fmt.Appendf(nil, `{"id":%d,"action":"publish","streamName":"wide","payload":%s}`, id, wide(id, 4<<10)))
	}
	drip := func(c *wstest.Conn, b []byte) {
		for i := range b {
			if _, err := c.Net.Write(b[i : i+1]); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	for name, test := range map[string]struct {
		send func(c *wstest.Conn)
		ends bool
	}{
		"half a header": {func(c *wstest.Conn) { c.Net.Write(publish(2)[:1]) }, true},
		"half a frame":  {func(c *wstest.Conn) { c.Net.Write(publish(2)[:2000]) }, true},
		"byte by byte":  {func(c *wstest.Conn) { drip(c, publish(2)) }, true},
		"one fragment":  {func(c *wstest.Conn) { c.Net.Write(wstest.Frame(false, wstest.Text, []byte("{"))) }, true},
		"no byte":       {func(c *wstest.Conn) { c.Net.Write(wstest.Frame(false, wstest.Text, nil)) }, true},
		"right behind another": {func(c *wstest.Conn) {
			c.Net.Write(append(publish(2), publish(3)[:10]...))
		}, true},
		"pipelined": {func(c *wstest.Conn) {
			rest := publish(2)
			for id := 3; id < 33; id++ { // each read ends in the middle of a message
				c.Net.Write(rest[:len(rest)-10])
				time.Sleep(timeout / 10)
				rest = append(rest[len(rest)-10:len(rest):len(rest)], publish(id)...)
			}
			c.Net.Write(rest)
		}, false},
		"nothing": {func(*wstest.Conn) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes()
				b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
					o.MessageTimeout, o.PingInterval = timeout, time.Hour
				}})
				b.wide()
				c, _ := wstest.Over(t, l.dial(t), "/")
				b.authenticate(c)
				ended := make(chan string, 1)
				go func() {
					for {
						m, closed := c.Next()
						if closed != nil {
							ended <- closed.Error()
							return
						}
						if strings.Contains(m, "error") {
							t.Errorf("got %s", m)
						}
					}
				}()
				test.send(c)
				time.Sleep(2 * timeout)
				synctest.Wait()
				select {
				case why := <-ended:
					if !test.ends || !strings.Contains(why, "a message did not end within") {
						t.Errorf("ended: %s", why)
					}
				default:
					if test.ends {
						t.Error("the connection is open")
					}
				}
				c.Net.Close()
				synctest.Wait()
			})
		})
	}
}

// begin sends all of a message but its end.
func begin(c *wstest.Conn, size int) {
	frame := wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"wide","payload":`+wide(1, size)+`}`))
	c.SendRaw(frame[:len(frame)-1])
}

// Strangers hold a bounded memory together, and one address has a share of it. Small
// credentials need none.
func TestUnfinishedMessagesOfStrangersAreBounded(t *testing.T) {
	const total = 1 << 20
	b := newBench(t, setup{settings: func(s *gateway.Settings) { s.StrangerBytes = total }})
	ended := make(chan string, 100)
	for range cap(ended) {
		c := b.dial()
		begin(c, 40<<10)
		go func() {
			_, closed := c.Next()
			ended <- fmt.Sprint(closed)
		}()
	}
	for range 80 {
		if why := <-ended; !strings.Contains(why, "rate_limited") {
			t.Fatalf("a connection ended: %s", why)
		}
	}
	if held := b.gateway.UnfinishedBytes(); held > total/8 {
		t.Errorf("one address holds %d bytes, and may have %d", held, total/8)
	}
	b.login()
}

// The clients of one jail have a bounded memory together for what has not come whole.
func TestUnfinishedMessagesOfAJailAreBounded(t *testing.T) {
	const most = 1 << 20
	b := newBench(t, setup{settings: func(s *gateway.Settings) { s.UnfinishedBytes = most }})
	b.wide()
	held := 0
	for range 20 {
		begin(b.login(), 200<<10)
		held++
	}
	waitFor(t, "connections are closed", func() bool { return b.server.Open() < held })
	if got := b.gateway.UnfinishedBytes(); got > most {
		t.Errorf("a jail holds %d bytes, and may have %d", got, most)
	}
	for _, open := range []bool{true, false} {
		c := b.login()
		c.Send(`{"id":2,"action":"publish","streamName":"wide","payload":` + wide(1, 4<<10) + `}`)
		if m, closed := c.Next(); closed != nil || !strings.Contains(m, `"success":true`) {
			t.Errorf("%t: a small message: %s, %v", open, m, closed)
		}
	}
}

// What was held is given back however the connection ends.
func TestUnfinishedMessagesAreGivenBack(t *testing.T) {
	b := newBench(t, setup{})
	b.wide()
	var all []net.Conn
	for range 5 {
		c := b.login()
		begin(c, 200<<10)
		all = append(all, c.Net)
	}
	waitFor(t, "the messages have come", func() bool { return b.gateway.UnfinishedBytes() > 5*(100<<10) })
	for _, c := range all {
		c.Close()
	}
	waitFor(t, "all is given back", func() bool { return b.gateway.UnfinishedBytes() == 0 })
	c := b.login()
	c.Send(`{"id":2,"action":"publish","streamName":"wide","payload":` + wide(1, 400<<10) + `}`)
	c.WantPublished(2, 1)
	waitFor(t, "a whole message is given back", func() bool { return b.gateway.UnfinishedBytes() == 0 })
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		<-tick.C
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
