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
	"seagate/internal/sockets/socketstest"
)

// newCountingListener returns a listener whose connections need no flusher, unless their
// peers do not read.
func newCountingListener(t testing.TB) *socketstest.CountingListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &socketstest.CountingListener{Listener: l}
}

// together sends requests with one write: their frames, one behind the other.
func together(c *wstest.Conn, requests ...string) {
	var b []byte
	for _, r := range requests {
		b = append(b, wstest.Frame(true, wstest.Text, []byte(r))...)
	}
	c.SendRaw(b)
}

// wantWrites expects so many writes since the last call, more or less: the kernel may
// hand over in two pieces what was sent as one.
func wantWrites(t *testing.T, l *socketstest.CountingListener, most int64) {
	t.Helper()
	if n := l.Writes.Swap(0); n > most {
		t.Errorf("%d writes, want at most %d", n, most)
	}
}

// burst is how many requests the tests send together.
const burst = 32

func numbered(first int, format string) (all []string) {
	for i := range burst {
		all = append(all, fmt.Sprintf(format, first+i))
	}
	return all
}

func TestAnswersToRequestsThatCameTogetherAreOneWrite(t *testing.T) {
	l := newCountingListener(t)
	b := newBench(t, setup{listener: l})
	c := b.login()
	l.Writes.Store(0)
	together(c, numbered(2, `{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":1}}`)...)
	for i := range burst {
		c.WantPublished(2+i, 1+i)
	}
	wantWrites(t, l, 3)
}

// The calls of a burst, their answers, and the answers to those are a write each, at
// either connection. A single call waits for nothing.
func TestCallsThatCameTogetherAreOneWrite(t *testing.T) {
	l := newCountingListener(t)
	b := newBench(t, setup{listener: l})
	server, caller := b.login(), b.login()
	server.Send(`{"id":2,"action":"serve","payload":{"service":"s","procedures":["p"],"credit":100}}`)
	server.Want(`{"id":2,"action":"serve","success":true}`)
	l.Writes.Store(0)
	together(caller, numbered(2, `{"id":%d,"action":"fetch","payload":{"service":"s","procedure":"p","body":{}}}`)...)
	for i := range burst {
		if m, closed := server.Next(); closed != nil || !strings.Contains(m, fmt.Sprintf(`"call":%d,`, i+1)) {
			t.Fatalf("got %s, %v, want call %d", m, closed, i+1)
		}
		caller.Want(fmt.Sprintf(`{"id":%d,"action":"fetch","success":true}`, 2+i))
	}
	wantWrites(t, l, 2+3)
	var answers []string
	for i := range burst {
		answers = append(answers, fmt.Sprintf(`{"id":%d,"action":"answer","payload":{"serve":2,"call":%d,"result":%d}}`, 3+i, i+1, i))
	}
	together(server, answers...)
	for i := range burst {
		server.Want(fmt.Sprintf(`{"id":%d,"action":"answer","success":true}`, 3+i))
		caller.Want(fmt.Sprintf(`{"id":%d,"action":"fetch","result":%d,"done":true}`, 2+i, i))
	}
	wantWrites(t, l, 2+3)
}

// A request that waits for storage does not hold up the answers before it, and the
// answers stay in order whatever they are mixed with.
func TestMixedRequestsThatCameTogether(t *testing.T) {
	b := newBench(t, setup{})
	c := b.login()
	together(c,
		`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`,
		`{"id":3,"action":"fetch","payload":{"service":"none","procedure":"p","body":{}}}`,
		`{"id":4,"action":"subscribe","payload":"boiler"}`,
		`{"id":5,"action":"publish","streamName":"none","payload":{}}`,
		`{"id":6,"action":"unsubscribe","payload":4}`,
		`{"id":7,"action":"publish","streamName":"boiler","payload":{"n":2}}`,
		`{"id":8,"action":"nonsense"}`,
	)
	for id := 2; id <= 8; id++ {
		if m, closed := c.Next(); closed != nil || !strings.HasPrefix(m, fmt.Sprintf(`{"id":%d,`, id)) {
			t.Fatalf("got %s, %v, want the answer to %d", m, closed, id)
		}
	}
}

// A client that ends with a message that is not whole, or with one that breaks the
// protocol, still gets the answers before it.
func TestAnswersBeforeABadEnd(t *testing.T) {
	for name, end := range map[string][]byte{
		"half a frame": wstest.Frame(true, wstest.Text, []byte(`{"id":99}`))[:9],
		"binary":       wstest.Frame(true, wstest.Binary, []byte("x")),
		"no JSON":      wstest.Frame(true, wstest.Text, []byte("x")),
		"id repeated":  wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"describe","payload":"boiler"}`)),
		"bad frame":    {0xff, 0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, setup{})
			c := b.login()
			publish := wstest.Frame(true, wstest.Text, []byte(`{"id":2,"action":"publish","streamName":"boiler","payload":{"n":1}}`))
			c.SendRaw(append(publish, end...))
			c.WantPublished(2, 1)
		})
	}
}

// BenchmarkFetch measures a call between two connections, so many under way at once.
func BenchmarkFetch(b *testing.B) {
	for _, atOnce := range []int{1, 16} {
		b.Run(fmt.Sprint(atOnce), func(b *testing.B) {
			g := newBench(b, setup{})
			server, caller := g.login(), g.login()
			server.Send(`{"id":2,"action":"serve","payload":{"service":"s","procedures":["p"],"credit":100}}`)
			server.Want(`{"id":2,"action":"serve","success":true}`)
			go func() { // until the bench closes the connection
				for id := 3; ; {
					var answers []string
					for range atOnce {
						call, closed := nextWith(server, `"call":`)
						if closed != nil {
							return
						}
						answers = append(answers, fmt.Sprintf(`{"id":%d,"action":"answer","payload":{"serve":2,"call":%d,"result":{"a":1}}}`, id, number(call, `"call":`)))
						id++
					}
					together(server, answers...)
				}
			}()
			id := 2
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%atOnce > 0 { // one round for atOnce iterations
					continue
				}
				var calls []string
				for range atOnce {
					calls = append(calls, fmt.Sprintf(`{"id":%d,"action":"fetch","payload":{"service":"s","procedure":"p","body":{"x":1}}}`, id))
					id++
				}
				together(caller, calls...)
				for range atOnce {
					if _, closed := nextWith(caller, `"result"`); closed != nil {
						b.Fatal(closed)
					}
				}
			}
		})
	}
}

// BenchmarkPublish measures a checked publish of a connection that sends 16 at a time.
func BenchmarkPublish(b *testing.B) {
	const atOnce = 16
	g := newBench(b, setup{})
	c := g.login()
	id := 2
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%atOnce > 0 {
			continue
		}
		var requests []string
		for range atOnce {
			requests = append(requests, fmt.Sprintf(`{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":%d}}`, id, id))
			id++
		}
		together(c, requests...)
		for range atOnce {
			if _, closed := nextWith(c, `"success":true`); closed != nil {
				b.Fatal(closed)
			}
		}
	}
}

// What a checked publish over a connection allocates is bounded, from its frame to the answer.
func TestPublishAllocations(t *testing.T) {
	const atOnce, runs = 16, 100
	b := newBench(t, setup{})
	c := b.login()
	var turns [][]byte
	for id := 2; len(turns) <= runs; {
		var frames []byte
		for range atOnce {
			frames = append(frames, wstest.Frame(true, wstest.Text, fmt.Appendf(nil,
				`{"id":%d,"action":"publish","streamName":"boiler","payload":{"n":%[1]d}}`, id))...)
			id++
		}
		turns = append(turns, frames)
	}
	n := testing.AllocsPerRun(runs, func() {
		if err := c.Write(turns[0]); err != nil {
			t.Fatal(err)
		}
		turns = turns[1:]
		for range atOnce {
			if _, _, err := c.ReadFrame(); err != nil { // which allocates the answer
				t.Fatal(err)
			}
		}
	})
	if n > 20*atOnce { // 16 were measured, with the client's and without the race detector's
		t.Errorf("%d publishes take %v allocations", atOnce, n)
	}
}

// nextWith returns the next message that has the text in it.
func nextWith(c *wstest.Conn, text string) (string, *wstest.CloseError) {
	for {
		m, closed := c.Next()
		if closed != nil || strings.Contains(m, text) {
			return m, closed
		}
	}
}

// number returns the number behind a text in a message.
func number(message, behind string) (n int) {
	fmt.Sscan(message[strings.Index(message, behind)+len(behind):], &n)
	return n
}

// A server that sends requests and reads no answers holds up no results that it has given
// before.
func TestResultsDoNotWaitForAServerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		b := newBench(t, setup{listener: l, options: func(o *ws.Options) {
			o.QueuedBytes, o.PingInterval, o.StallTimeout = 300, time.Hour, time.Hour
		}})
		connect := func() *wstest.Conn {
			c, _ := wstest.Over(t, l.dial(t), "/")
			return b.authenticate(c)
		}
		server, caller := connect(), connect()
		server.Send(`{"id":2,"action":"serve","payload":{"service":"s","procedures":["p"]}}`)
		server.Want(`{"id":2,"action":"serve","success":true}`)
		caller.Send(`{"id":2,"action":"fetch","payload":{"service":"s","procedure":"p"}}`)
		caller.Want(`{"id":2,"action":"fetch","success":true}`)
		if m, closed := server.Next(); closed != nil {
			t.Fatal(m, closed)
		}
		requests := []string{`{"id":3,"action":"answer","payload":{"serve":2,"call":1,"result":1}}`}
		for id := range 8 {
			requests = append(requests, fmt.Sprintf(`{"id":%d,"action":"signal","payload":1}`, 4+id))
		}
		go together(server, requests...)
		caller.Net.SetReadDeadline(time.Now().Add(time.Minute))
		if m, closed := caller.Next(); closed != nil || !strings.Contains(m, `"result":1`) {
			t.Errorf("got %s, %v", m, closed)
		}
		server.Net.Close()
		caller.Net.Close()
		synctest.Wait()
	})
}
