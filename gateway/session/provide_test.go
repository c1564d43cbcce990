package session

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"seagate/gateway"
	"seagate/gateway/gatewaytest"
	"seagate/gateway/outbox"
	"seagate/protocol"
	"seagate/streams"
)

// A slowPeer is a session whose peer reads nothing before it is told to.
type slowPeer struct {
	*Session
	t      *testing.T
	peer   net.Conn
	reader *bufio.Reader
	queued func() float64
}

func newSlowPeer(t *testing.T, g *gatewaytest.Gateway, secret string) *slowPeer {
	t.Helper()
	nc, peer := net.Pipe()
	var s *Session
	out := outbox.New(nc, outbox.Options{
		Budget:       1 << 10,
		StallTimeout: time.Minute,
		Probe:        func(dst []byte, tag uint64) []byte { return fmt.Appendln(dst, "probe", tag) },
		Drained:      func() { s.Resume() },
		Broken:       func(error) {},
		Metrics:      g.Metrics,
	})
	opts := &Options{Transport: "test", Limits: protocol.DefaultLimits(), Action: protocol.ActionSubscription, PublishesInFlight: 8}
	s = New(g.Gateway, opts, &lines{}, out, netip.Addr{})
	t.Cleanup(func() { s.Close(); nc.Close(); peer.Close() })
	p := &slowPeer{Session: s, t: t, peer: peer, reader: bufio.NewReader(peer), queued: func() float64 { return valueOf(t, g.Metrics.QueueBytes) }}
	p.handle(`{"id":1,"action":"authenticate","payload":{"type":"basic","clientId":"root","clientSecret":%q}}`, secret)
	return p
}

func (p *slowPeer) handle(message string, args ...any) {
	p.t.Helper()
	if err := p.Handle(fmt.Appendf(nil, message, args...), false); err != nil {
		p.t.Fatal(err)
	}
}

// lines returns the messages of the outbox up to the first that has the end in it.
func (p *slowPeer) lines(end string) (got []string) {
	p.t.Helper()
	p.peer.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		line, err := p.reader.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%v after %q, before %s", err, got, end)
		}
		got = append(got, strings.TrimSuffix(line, "\n"))
		if strings.Contains(line, end) {
			return got
		}
	}
}

func boilerGateway(t *testing.T) (*gatewaytest.Gateway, string, *streams.Topic) {
	t.Helper()
	g := gatewaytest.New(t)
	root, secret := g.Root("root")
	if _, err := g.Define(context.Background(), root, "boiler", []byte(`{"version":1,"fields":[{"name":"n","type":"integer"}]}`)); err != nil {
		t.Fatal(err)
	}
	topic, err := g.Network.Topic(streams.ID{Space: root.JailUID, Name: "boiler"})
	if err != nil {
		t.Fatal(err)
	}
	return g, secret.Reveal(), topic
}

// Listeners that come and go must not fill the queue of a producer that does not
// read. When it reads, it is told edges alone, and the last is true.
func TestAProducerThatDoesNotReadIsToldTheTruthLater(t *testing.T) {
	g, secret, topic := boilerGateway(t)
	p := newSlowPeer(t, g, secret)
	p.handle(`{"id":2,"action":"provide","payload":"boiler"}`)
	for i := range 5000 { // as the network calls it while listeners come and go
		p.provision(2).Requested(streams.Interest{Subscribers: (i + 1) % 2})
	}
	if n := p.queued(); n > 4<<10 {
		t.Errorf("%v bytes are queued for a producer that does not read", n)
	}
	in, _, err := topic.In(context.Background(), nobody{}, 0, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p.handle(`{"id":3,"action":"describe","payload":"nothing"}`)
	requested := false
	for _, line := range p.lines(`"id":3,`) {
		if !strings.Contains(line, `"action":"provide","streamName"`) {
			continue
		}
		if now := strings.Contains(line, `"requested":true`); now == requested {
			t.Fatalf("told twice in a row: %s", line)
		}
		requested = !requested
	}
	if !requested {
		p.lines(`"requested":true`)
	}
}

// A change that was undone before the producer could be told is left out together with its
// undoing.
func TestAnUndoneChangeIsNotTold(t *testing.T) {
	g, secret, _ := boilerGateway(t)
	p := newSlowPeer(t, g, secret)
	p.handle(`{"id":2,"action":"provide","payload":"boiler"}`)
	for p.out.HasRoom() {
		p.send(func(b []byte) []byte { return append(b, strings.Repeat("x", 100)...) })
	}
	provision := p.provision(2)
	provision.Requested(streams.Interest{Subscribers: 1}) // nobody listens any more when there is room
	isBehind := func() bool {
		provision.mu.Lock()
		defer provision.mu.Unlock()
		return provision.behind
	}
	if !isBehind() {
		t.Fatal("there was room")
	}
	p.handle(`{"id":3,"action":"describe","payload":"nothing"}`)
	told := p.lines(`"id":3,`)
	for isBehind() { // until the queue is empty
		runtime.Gosched()
	}
	p.handle(`{"id":4,"action":"describe","payload":"nothing"}`)
	for _, line := range append(told, p.lines(`"id":4,`)...) {
		if strings.Contains(line, `"action":"provide","streamName"`) {
			t.Errorf("the producer was told %s", line)
		}
	}
}

// A provider that pauses and goes on at once, again and again, must not fill the
// queue of a subscriber that does not read. It is told in order with the
// messages, and the last is true.
func TestASubscriberThatDoesNotReadIsToldTheStateLater(t *testing.T) {
	g, secret, topic := boilerGateway(t)
	p := newSlowPeer(t, g, secret)
	p.handle(`{"id":2,"action":"subscribe","payload":"boiler","state":true}`)
	out, _, err := topic.Out(nil)
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	for i := range 2000 {
		out.SetPaused(i%2 == 0)
		out.Send([][]byte{fmt.Appendf(nil, `{"n":%d}`, i)}, func(_ streams.Sent, err error) { sent <- err })
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	if n := p.queued(); n > 4<<10 {
		t.Errorf("%v bytes are queued for a subscriber that does not read", n)
	}
	n, paused := -1, false
	for _, line := range p.lines(`{"n":1999}`) {
		switch {
		case strings.Contains(line, `"state":{"registered":true,"paused":true}`):
			paused = true
		case strings.Contains(line, `"state":{"registered":true,"paused":false}`):
			paused = false
		case strings.Contains(line, `"payload":{"n":`):
			var got int
			fmt.Sscanf(line[strings.Index(line, `{"n":`):], `{"n":%d}`, &got)
			if got != n+1 {
				t.Fatalf("message %d came behind %d", got, n)
			}
			n = got
			// The topic remembers the last changes; those before are told as one.
			if behind := 1999 - n; behind < 60 && paused != (n%2 == 0) {
				t.Fatalf("message %d came with paused=%v", n, paused)
			}
		}
	}
	if paused {
		t.Error("the last state that was told is not true")
	}
}

// A change of state for which the queue has no room is not taken, so that the topic
// keeps it: the session must not.
func TestAChangeOfStateNeedsRoom(t *testing.T) {
	g, secret, _ := boilerGateway(t)
	p := newSlowPeer(t, g, secret)
	p.handle(`{"id":2,"action":"subscribe","payload":"boiler","state":true}`)
	sub, err := p.subscription(2)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; sub.tellState(streams.State{Paused: n%2 == 0}); n++ {
		if n == 1000 {
			t.Fatalf("%d changes were taken, and %v bytes are queued", n, p.queued())
		}
	}
}

type nobody struct{}

func (nobody) Deliver(b *streams.Batch) int { return len(b.Messages) }
func (nobody) State(streams.State) bool     { return true }
func (nobody) Gap(uint64, uint64)           {}
func (nobody) Resumed() bool                { return true }
func (nobody) End(error)                    {}

var _ gateway.ProvideSink = (*provision)(nil)

func valueOf(t *testing.T, gauge prometheus.Gauge) float64 {
	t.Helper()
	var m dto.Metric
	if err := gauge.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.Gauge.GetValue()
}
