package gateway_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"seagate/auth"
	"seagate/gateway"
	"seagate/protocol"
	"seagate/storage/memory"
	"seagate/streams"
	"seagate/streams/peer"
)

// list returns the connections that a client sees.
func (p *parts) connections(who *auth.Principal, q gateway.ConnectionsQuery) []gateway.ConnectionInfo {
	p.t.Helper()
	q.Limit, q.Reads = 100, 100
	list, next, err := p.Connections(p.t.Context(), who, q)
	p.ok(err)
	if next != "" {
		p.t.Errorf("a page of %d is not the last", len(list))
	}
	return list
}

// A consumer that does not take what comes is shown where it stands, and one that does too.
func TestConnectionsShowPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "s")
		g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`, `{"p":3}`))
		quick, full := g.link(root), g.link(root)
		for l, c := range map[*gateway.Link]streams.Consumer{quick: &listener{}, full: &fullConsumer{}} {
			in, _, err := l.In(t.Context(), "s", c, streams.Earliest())
			g.ok(err)
			in.Start()
		}
		opened := g.link(root)
		_, _, err := opened.In(t.Context(), "s", &listener{}, streams.At(2))
		g.ok(err)
		out, _, err := opened.Out(t.Context(), "s", nil)
		g.ok(err)
		g.ok(out.SetPaused(true))
		g.ok(g.publish(root, "s", `{"p":4}`))
		synctest.Wait()
		want := map[uint64]uint64{5: 0, 1: 4, 2: 3} // positions, and how far behind each is
		for _, c := range g.connections(root, gateway.ConnectionsQuery{}) {
			if c.Transport != "link" || c.Total != 1 || len(c.Reads) != 1 || c.Principal.ClientID != "root" || len(c.ID) != 16 {
				t.Fatalf("a connection is %+v", c)
			}
			r := c.Reads[0]
			if behind, ok := want[r.Position]; !ok || behind != r.Behind || r.Kind != "own" || r.Stream != "s" {
				t.Errorf("a subscription is %+v", r)
			}
			delete(want, r.Position)
			if r.Position == 2 && (len(c.Provisions) != 1 || c.Provisions[0].What.Stream() != "s" || !c.Provisions[0].What.IsPaused()) {
				t.Errorf("it provides %+v", c.Provisions)
			}
		}
		if len(want) > 0 {
			t.Errorf("nobody stands at %v", want)
		}
	})
}

type fullConsumer struct{ listener }

// How far a connection is behind is told of all of its subscriptions, also of those that a list leaves out.
func TestConnectionsAreAsFarBehindAsTheLastSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "idle")
		g.define(root, "s")
		g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`, `{"p":3}`))
		l := g.link(root)
		for _, stream := range []string{"idle", "idle", "idle", "s"} {
			in, _, err := l.In(t.Context(), stream, &fullConsumer{}, streams.Earliest())
			g.ok(err)
			in.Start()
		}
		g.link(root)
		synctest.Wait()
		list, _, err := g.Connections(t.Context(), root, gateway.ConnectionsQuery{Limit: 100, Reads: 2})
		g.ok(err)
		if len(list) != 2 {
			t.Fatalf("there are %d connections", len(list))
		}
		reader, idle := list[0], list[1]
		if reader.Total == 0 {
			reader, idle = idle, reader
		}
		if reader.Total != 4 || len(reader.Reads) != 2 || reader.Behind == nil || *reader.Behind != 3 {
			t.Errorf("the reader is %+v", reader)
		}
		if idle.Behind != nil {
			t.Errorf("a connection without subscriptions is behind by %d", *idle.Behind)
		}
		one, err := g.Connection(t.Context(), root, reader.ID, 1)
		g.ok(err)
		if len(one.Reads) != 1 || one.Behind == nil || *one.Behind != 3 {
			t.Errorf("alone it is %+v", one)
		}
	})
}

func (*fullConsumer) Deliver(*streams.Batch) int { return 0 }

// The last refusal of a link is shown, and a member of a group with what it has not acknowledged.
func TestConnectionsShowMembersAndErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := build(t, memory.New(), nil)
		root := g.root()
		g.define(root, "s")
		l := g.link(root)
		ms, err := l.JoinGroup(t.Context(), "s", worker{}, peer.MemberOptions{Group: groupA})
		g.ok(err)
		ms.Start()
		g.ok(g.publish(root, "s", `{"p":1}`, `{"p":2}`))
		synctest.Wait()
		g.ok(ms.Ack(1))
		if err := l.SetHeader(t.Context(), "nothing", []byte(`{}`)); err == nil {
			t.Fatal("a header was set")
		}
		c := g.connections(root, gateway.ConnectionsQuery{})[0]
		if want := (gateway.ReadInfo{Stream: "s", Kind: "group", Group: groupA, Position: 2, Behind: 1, InFlight: 1}); !sameRead(c.Reads[0], want) {
			t.Errorf("the member is %+v", c.Reads[0])
		}
		if c.LastRefusal == nil || c.LastRefusal.Refusal.Code != protocol.CodeStreamNotFound {
			t.Errorf("the last refusal is %+v", c.LastRefusal)
		}
	})
}

func sameRead(a, b gateway.ReadInfo) bool {
	return fmt.Sprint(a.ID, a.Stream, a.Kind, a.Group, a.Position, a.Behind, a.InFlight) ==
		fmt.Sprint(b.ID, b.Stream, b.Kind, b.Group, b.Position, b.Behind, b.InFlight)
}

// worker is a peer.Member that takes everything.
type worker struct{}

func (worker) Deliver(messages []peer.Delivery) int { return len(messages) }
func (worker) Gap(_, _ uint64)                      {}
func (worker) End(error)                            {}

// Pages go through all connections, the oldest first, and each is there once.
func TestConnectionsInPages(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	for range 7 {
		g.link(root)
	}
	seen := map[string]bool{}
	after := ""
	for pages := 0; ; pages++ {
		list, next, err := g.Connections(t.Context(), root, gateway.ConnectionsQuery{After: after, Limit: 3})
		g.ok(err)
		for i, c := range list {
			if seen[c.ID] || i > 0 && c.Since.Before(list[i-1].Since) {
				t.Errorf("%s is there twice, or in the wrong place", c.ID)
			}
			seen[c.ID] = true
		}
		if after = next; after == "" {
			if pages != 2 || len(seen) != 7 {
				t.Errorf("%d connections in %d pages", len(seen), pages+1)
			}
			return
		}
	}
}

// The subscriptions that are shown are bounded, and all are counted.
func TestConnectionsShowSomeSubscriptions(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	g.define(root, "s")
	l := g.link(root)
	for range 5 {
		_, _, err := l.In(t.Context(), "s", &listener{}, streams.Latest())
		g.ok(err)
	}
	list, _, err := g.Connections(t.Context(), root, gateway.ConnectionsQuery{Limit: 10, Reads: 2})
	g.ok(err)
	if c := list[0]; c.Total != 5 || len(c.Reads) != 2 {
		t.Errorf("%d of %d subscriptions are shown", len(c.Reads), c.Total)
	}
	one, err := g.Connection(t.Context(), root, list[0].ID, 1000)
	g.ok(err)
	if len(one.Reads) != 5 {
		t.Errorf("%d subscriptions are shown", len(one.Reads))
	}
}

// A connection is ended by an administrator of its jail or of the server, and by nobody else.
func TestWhoEndsConnections(t *testing.T) {
	g := build(t, memory.New(), nil)
	root := g.root()
	_, secret, err := g.CreateJail(t.Context(), root, "tenant", "", "boss")
	g.ok(err)
	boss := g.login("boss", secret)
	_, secret, err = g.CreateClient(t.Context(), boss, "worker", "", &auth.Rights{Subscribe: []string{"*"}})
	g.ok(err)
	worker := g.login("worker", secret)
	bearer := g.bearer(root, "")

	ofRoot, ofBoss, ofWorker := g.link(root), g.link(boss), g.link(worker)
	count := func(who *auth.Principal) int { return len(g.connections(who, gateway.ConnectionsQuery{})) }
	if count(root) != 1 || count(boss) != 2 || count(worker) != 1 {
		t.Errorf("they see %d, %d and %d connections", count(root), count(boss), count(worker))
	}
	if n := len(g.connections(root, gateway.ConnectionsQuery{AllJails: true})); n != 3 {
		t.Errorf("the operator sees %d connections", n)
	}
	for _, who := range []*auth.Principal{boss, worker} {
		if _, _, err := g.Connections(t.Context(), who, gateway.ConnectionsQuery{AllJails: true, Limit: 1}); code(err) != protocol.CodeForbidden {
			t.Errorf("%s sees all jails: %v", who.ClientID, err)
		}
	}
	if _, _, err := g.Connections(t.Context(), bearer, gateway.ConnectionsQuery{Limit: 1}); code(err) != protocol.CodeForbidden {
		t.Errorf("a bearer lists connections: %v", err)
	}
	rootID := g.connections(root, gateway.ConnectionsQuery{})[0].ID
	workerID := g.connections(worker, gateway.ConnectionsQuery{})[0].ID
	for _, refused := range []struct {
		who  *auth.Principal
		id   string
		code protocol.Code
	}{
		{worker, workerID, protocol.CodeForbidden},
		{bearer, workerID, protocol.CodeForbidden},
		{boss, rootID, protocol.CodeConnectionNotFound},
		{boss, "nothing", protocol.CodeConnectionNotFound},
	} {
		if err := g.EndConnection(refused.who, refused.id); code(err) != refused.code {
			t.Errorf("%s ends %s: %v", refused.who.ClientID, refused.id, err)
		}
	}
	g.ok(g.EndConnection(boss, workerID))
	<-ofWorker.Done()
	if err := ofWorker.Err(); code(err) != protocol.CodeConnectionEnded {
		t.Errorf("the link ended with %v", err)
	}
	bossID := g.connections(boss, gateway.ConnectionsQuery{})[0].ID
	g.ok(g.EndConnection(root, bossID))
	<-ofBoss.Done()
	if ofRoot.Err() != nil {
		t.Errorf("the link of root ended with %v", ofRoot.Err())
	}
}
