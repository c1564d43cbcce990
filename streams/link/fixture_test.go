package link

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/peer"
	"seagate/streams/streamstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A net is a network with its switch.
type net struct {
	*Switch
	topics *streams.Network
}

func newNet(t testing.TB) *net {
	engine := memory.New()
	n, err := streams.Open(context.Background(), streams.Stores{Records: engine, Disk: engine, Memory: engine}, streamstest.Options(streams.Options{Workers: 1}))
	if err != nil {
		t.Fatal(err)
	}
	s := New(n, peer.NewHub(peer.Options{
		ServicesPerSpace: 100, ServersPerService: 100, ProceduresPerService: 100,
		CallsPerLink: 100, CallsPerOwner: 1000, BytesPerOwner: 1 << 30, BodyBytes: 1 << 20, Topics: n,
	}))
	return &net{s, n}
}

func (n *net) close() {
	n.Switch.Close()
	n.topics.Close()
}

func (n *net) client(name string) peer.Link {
	return n.Join("jail", peer.Identity{ClientID: name, Owner: name})
}

func connect(t testing.TB, a, b *net, cost int) *Link {
	t.Helper()
	l, err := Connect(a.Switch, b.Switch, cost)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return l
}

// A listener notes what it gets, and finds gaps and repeats. Synchronized by
// synctest.Wait.
type listener struct {
	t      testing.TB
	in     peer.InTopic
	got    []string
	states []streams.State
	next   uint64
	logs   int // that it was told of
	full   bool
}

func listen(t testing.TB, l peer.Link, topic string) *listener {
	t.Helper()
	to := &listener{t: t}
	in, joined, err := l.In(context.Background(), topic, to, streams.Latest())
	if err != nil {
		t.Fatal(err)
	}
	to.in, to.next, to.states = in, joined.Next, []streams.State{joined.State}
	in.Start()
	synctest.Wait()
	return to
}

func (l *listener) Deliver(b *streams.Batch) int {
	if l.full {
		return 0
	}
	for _, m := range b.Messages {
		if m.Seq != l.next {
			l.t.Errorf("got message %d (%s), want %d", m.Seq, m.Payload, l.next)
		}
		l.next = m.Seq + 1
		l.got = append(l.got, string(m.Payload))
	}
	return len(b.Messages)
}
func (l *listener) State(s streams.State) bool {
	if s == l.states[len(l.states)-1] {
		l.t.Errorf("told of %+v twice", s)
	}
	l.states = append(l.states, s)
	return true
}
func (l *listener) Gap(first, last uint64) { l.t.Errorf("gap from %d to %d", first, last) }
func (l *listener) Resumed() bool          { return !l.full }
func (l *listener) End(err error)          { l.t.Errorf("ended: %v", err) }
func (l *listener) Rerouted(j streams.Joined) {
	l.logs++
	l.next = j.Next
	l.states = append(l.states, j.State)
}

// expect takes what came since it was called last.
func (l *listener) expect(want ...string) {
	l.t.Helper()
	synctest.Wait()
	if fmt.Sprint(l.got) != fmt.Sprint(want) {
		l.t.Errorf("got %v, want %v", l.got, want)
	}
	l.got = nil
}

func (l *listener) state() streams.State { return l.states[len(l.states)-1] }

// A provider notes what it is told.
type provider struct {
	out       peer.OutTopic
	requested bool
	t         testing.TB
}

func provide(t testing.TB, l peer.Link, topic string) *provider {
	t.Helper()
	p := &provider{t: t}
	out, interest, err := l.Out(context.Background(), topic, p)
	if err != nil {
		t.Fatal(err)
	}
	p.out, p.requested = out, interest.Requested()
	out.Start()
	synctest.Wait()
	return p
}

func (p *provider) Requested(i streams.Interest) { p.requested = i.Requested() }
func (p *provider) End(error)                    {}

func (p *provider) send(text string) {
	p.out.Send([][]byte{[]byte(text)}, func(_ streams.Sent, err error) {
		if err != nil {
			p.t.Errorf("send %s: %v", text, err)
		}
	})
}
