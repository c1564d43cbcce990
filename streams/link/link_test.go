package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"seagate/streams"
	"seagate/streams/fetch"
	"seagate/streams/peer"
)

func TestARingBringsEachMessageOnceAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		connect(t, a, b, 1)
		connect(t, b, c, 1)
		connect(t, c, a, 1)
		pa, pb, pc := a.client("a"), b.client("b"), c.client("c")
		defer pa.Close()
		defer pb.Close()
		defer pc.Close()
		p := provide(t, pa, "boiler")
		l, m := listen(t, pb, "boiler"), listen(t, pc, "boiler")
		if !p.requested || !l.state().Registered {
			t.Errorf("requested %v, the listener knows %+v", p.requested, l.state())
		}
		p.send("1")
		l.expect("1")
		m.expect("1")
		p.out.Close()
		synctest.Wait()
		what := thing{topics, "jail", "boiler"}
		for _, n := range []*net{a, b, c} {
			n.mu.Lock()
			if nodes := n.nodesLocked(what); len(nodes) > 0 {
				t.Errorf("still thought to be provided by %v", nodes)
			}
			n.mu.Unlock()
		}
		if l.state().Registered || m.state().Registered {
			t.Errorf("the listeners know %+v, %+v", l.state(), m.state())
		}
	})
}

func TestARerouteToTheSameLogResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		direct := connect(t, a, b, 1)
		connect(t, a, c, 2)
		connect(t, c, b, 2)
		pa, pb := a.client("a"), b.client("b")
		defer pa.Close()
		defer pb.Close()
		p, l := provide(t, pa, "boiler"), listen(t, pb, "boiler")
		p.send("1")
		l.expect("1")
		l.full = true
		p.send("2")
		synctest.Wait()
		direct.Close()
		p.send("3")
		synctest.Wait()
		l.full = false
		l.in.Resume()
		p.send("4")
		l.expect("2", "3", "4")
		if l.logs != 0 {
			t.Errorf("told %d times that the log is another", l.logs)
		}
		connect(t, a, b, 1)
		p.send("5")
		l.expect("5")
	})
}

func TestListenersMoveToTheNextProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := newNet(t), newNet(t), newNet(t)
		defer func() { a.close(); b.close(); c.close() }()
		far := connect(t, a, b, 1)
		connect(t, b, c, 5)
		pa, pb, pc := a.client("a"), b.client("b"), c.client("c")
		defer pa.Close()
		defer pb.Close()
		defer pc.Close()
		l := listen(t, pb, "boiler") // before anybody provides it
		p, q := provide(t, pa, "boiler"), provide(t, pc, "boiler")
		if !p.requested || q.requested {
			t.Errorf("requested: the near one %v, the far one %v", p.requested, q.requested)
		}
		l.full = true
		p.send("a1")
		p.out.SetPaused(true)
		p.send("a2")
		p.out.Close() // with two messages that the listener has not taken
		synctest.Wait()
		q.send("before") // nobody listens
		synctest.Wait()
		l.full = false
		l.in.Resume()
		synctest.Wait()
		if !q.requested || p.out.Interest().Requested() {
			t.Errorf("requested: the next one %v, the last one %v", q.requested, p.out.Interest().Requested())
		}
		q.send("c1")
		l.expect("a1", "a2", "c1")
		if l.logs != 2 || l.state() != (streams.State{Registered: true}) { // the pause was the first one's
			t.Errorf("told of %d logs, knows %+v", l.logs, l.state())
		}

		p2 := provide(t, pa, "boiler") // a new provider, nearer again
		p2.send("a3")
		l.expect("a3")
		far.Close()
		synctest.Wait()
		q.send("c2")
		l.expect("c2")
		if p2.requested {
			t.Error("a provider that cannot be reached is requested")
		}
		pb.Close()
		synctest.Wait()
		if q.requested {
			t.Error("requested after the end of the only listener's link")
		}
	})
}

func TestListenersThatLeaveHarmNoSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		connect(t, a, b, 1)
		pa, stays := a.client("a"), b.client("stays")
		defer pa.Close()
		defer stays.Close()
		p, l := provide(t, pa, "boiler"), listen(t, stays, "boiler")
		var want []string
		for n := range 100 {
			leaves := b.client("leaves")
			listen(t, leaves, "boiler")
			text := fmt.Sprint(n)
			want = append(want, text)
			p.send(text) // and the listener's link closes while it is under way
			leaves.Close()
		}
		l.expect(want...)
		if !p.requested {
			t.Error("the provider is not requested any more")
		}
		select {
		case <-pa.Done():
			t.Error("the sender's link has ended")
		default:
		}
	})
}

func TestServicesAndAddressesAcrossNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		defer func() { a.close(); b.close() }()
		server, web := a.client("server"), b.client("web")
		defer server.Close()
		defer web.Close()
		var counts []int
		defer web.Watch("pricing", func(n int) { counts = append(counts, n) })()
		ctx := context.Background()
		if _, err := fetch.Fetch(ctx, web, "pricing", "quote", nil); !errors.Is(err, peer.ErrNoSuchService) {
			t.Errorf("before the link: %v", err)
		}
		l := connect(t, a, b, 1)
		callers, hold := make(chan peer.Caller, 1), make(chan struct{})
		s, err := fetch.Serve(ctx, server, "pricing", map[string]fetch.Handler{
			"quote": func(_ context.Context, c *fetch.Call) ([]byte, error) { return c.Body, nil },
			"slow": func(ctx context.Context, c *fetch.Call) ([]byte, error) {
				callers <- c.Caller
				<-ctx.Done()
				close(hold)
				return nil, nil
			},
		}, fetch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop(ctx)
		synctest.Wait()
		if got, err := fetch.Fetch(ctx, web, "pricing", "quote", []byte("7")); string(got) != "7" || err != nil {
			t.Errorf("Fetch: %s, %v", got, err)
		}
		if list, more, err := web.List(ctx, "", 10); len(list) != 1 || more || err != nil || list[0].Servers[0].ClientID != "server" {
			t.Errorf("List: %+v, %v, %v", list, more, err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := fetch.Fetch(ctx, web, "pricing", "slow", nil)
			failed <- err
		}()
		caller := <-callers
		if caller.ClientID != "web" || caller.Address != web.Address() {
			t.Errorf("the server is told of %+v", caller)
		}
		box := peer.NewClient(web)
		box.Start()
		inbox := make(mailbox, 1)
		at, _, err := box.Bind(ctx, "inbox", inbox)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := peer.Post(ctx, server, at, []byte("hello")); err != nil || <-inbox != "hello" {
			t.Errorf("Post: %v", err)
		}
		l.Close()
		if err := <-failed; !errors.Is(err, peer.ErrServerGone) {
			t.Errorf("a call whose server cannot be reached any more: %v", err)
		}
		<-hold // and the server is told
		synctest.Wait()
		if err := peer.Post(ctx, server, at, nil); !errors.Is(err, peer.ErrUnreachable) {
			t.Errorf("an address that cannot be reached: %v", err)
		}
		if fmt.Sprint(counts) != "[0 1 0]" {
			t.Errorf("the watcher was told %v", counts)
		}
	})
}

type mailbox chan string

func (m mailbox) Take(_ peer.Caller, body []byte) bool { m <- string(body); return true }

func TestCostsArePositive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNet(t), newNet(t)
		if _, err := Connect(a.Switch, b.Switch, 0); !errors.Is(err, ErrBadCost) {
			t.Error(err)
		}
		a.close()
		b.close()
		if _, err := Connect(a.Switch, b.Switch, 1); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// TestRandomNetworks changes networks of switches at random, and compares with
// a model: each listener gets each message of the provider that is nearest to it
// once, without gap or repeat, and nothing of others.
func TestRandomNetworks(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newWorld(t, seed).run(60) })
		})
	}
}

// A world is some networks and what a model knows of them.
type world struct {
	t         *testing.T
	random    *rand.Rand
	nets      []*net
	links     map[*Link][2]int
	providers map[*provider]member
	listeners map[*listener]member
	sent      int
}

// A member is a client on a network.
type member struct {
	link peer.Link
	net  int
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0)), links: map[*Link][2]int{}, providers: map[*provider]member{}, listeners: map[*listener]member{}}
	for range 3 + w.random.IntN(4) {
		w.nets = append(w.nets, newNet(t))
	}
	return w
}

func (w *world) run(steps int) {
	for range steps {
		w.change()
		if w.random.IntN(4) > 0 {
			w.flood(false) // while the routes change
		}
		synctest.Wait()
		w.flood(true)
	}
	w.end()
}

func anyOf[K comparable, V any](r *rand.Rand, m map[K]V) (k K, v V) {
	n := r.IntN(len(m))
	for k, v = range m {
		if n--; n < 0 {
			break
		}
	}
	return k, v
}

func (w *world) change() {
	at := w.random.IntN(len(w.nets))
	switch w.random.IntN(8) {
	case 0, 1, 2:
		to := w.random.IntN(len(w.nets))
		if to == at {
			return
		}
		l, err := Connect(w.nets[at].Switch, w.nets[to].Switch, 1+w.random.IntN(5))
		if err != nil {
			w.t.Fatal(err)
		}
		w.links[l] = [2]int{at, to}
	case 3, 4:
		if len(w.links) > 0 {
			l, _ := anyOf(w.random, w.links)
			l.Close()
			delete(w.links, l)
		}
	case 5:
		c := w.nets[at].client("provider")
		p := provide(w.t, c, "boiler")
		w.providers[p] = member{c, at}
	case 6:
		c := w.nets[at].client("listener")
		w.listeners[listen(w.t, c, "boiler")] = member{c, at}
	case 7:
		if len(w.providers) > 2 {
			p, m := anyOf(w.random, w.providers)
			if w.random.IntN(2) == 0 {
				p.out.Close()
			}
			m.link.Close()
			delete(w.providers, p)
		}
		if len(w.listeners) > 4 {
			l, m := anyOf(w.random, w.listeners)
			m.link.Close()
			delete(w.listeners, l)
		}
	}
}

// flood lets each provider send a message. If the network is at rest it checks
// who gets it; otherwise listeners check the numbers alone.
func (w *world) flood(atRest bool) {
	for l := range w.listeners {
		l.got = nil
	}
	by := map[int][]string{}
	for p, m := range w.providers {
		w.sent++
		text := fmt.Sprint(w.sent)
		by[m.net] = append(by[m.net], text)
		p.send(text)
	}
	synctest.Wait()
	if !atRest {
		return
	}
	costs := w.costs()
	wanted := map[int]bool{}
	for l, m := range w.listeners {
		in := l.in.(*inTopic)
		nearest := unreachable
		for p := range by {
			nearest = min(nearest, costs[m.net][p])
		}
		var want []string
		if from := w.index(in.source.node); nearest < unreachable {
			want = by[from]
			wanted[from] = true
			if costs[m.net][from] != nearest || in.source.way.cost != nearest {
				w.t.Errorf("read from network %d at a cost of %d (%d), want %d", from, in.source.way.cost, costs[m.net][from], nearest)
			}
		}
		slices.Sort(l.got)
		if slices.Sort(want); !slices.Equal(l.got, want) {
			w.t.Errorf("network %d got %v, want %v", m.net, l.got, want)
		}
		if l.state().Registered != (nearest < unreachable) {
			w.t.Errorf("network %d knows %+v", m.net, l.state())
		}
	}
	for p, m := range w.providers {
		if p.requested != wanted[m.net] {
			w.t.Errorf("a provider of network %d: requested is %v", m.net, p.requested)
		}
	}
}

func (w *world) index(node string) int {
	return slices.IndexFunc(w.nets, func(n *net) bool { return n.node == node })
}

const unreachable = 1 << 30

// costs returns the least cost between each two networks (Floyd and Warshall).
func (w *world) costs() [][]int {
	n := len(w.nets)
	d := make([][]int, n)
	for i := range d {
		d[i] = slices.Repeat([]int{unreachable}, n)
		d[i][i] = 0
	}
	for l, ends := range w.links {
		a, b := ends[0], ends[1]
		d[a][b] = min(d[a][b], l.cost)
		d[b][a] = d[a][b]
	}
	for k := range n {
		for i := range n {
			for j := range n {
				d[i][j] = min(d[i][j], d[i][k]+d[k][j])
			}
		}
	}
	return d
}

// end lets all clients leave, and checks that nothing is left of them.
func (w *world) end() {
	for _, m := range w.providers {
		m.link.Close()
	}
	for _, m := range w.listeners {
		m.link.Close()
	}
	synctest.Wait()
	for i, n := range w.nets {
		if topic, ok := n.topics.Lookup(streams.ID{Space: "jail", Name: "boiler"}); ok {
			if info := topic.Info(); info.Readers > 0 || info.Providers > 0 || info.Requested() {
				w.t.Errorf("network %d: %+v", i, info)
			}
		}
		n.mu.Lock()
		for node, a := range n.known {
			if len(a.offers) > 0 {
				w.t.Errorf("network %d knows offers of %d: %v", i, w.index(node), a.offers)
			}
		}
		if len(n.ins)+len(n.calls)+len(n.watches) > 0 || n.hub.Totals() != (peer.Totals{}) {
			w.t.Errorf("network %d has %d in topics, %d calls, %d watches, %+v", i, len(n.ins), len(n.calls), len(n.watches), n.hub.Totals())
		}
		n.mu.Unlock()
	}
	for l := range w.links {
		l.Close()
	}
	synctest.Wait()
	for i, n := range w.nets {
		n.mu.Lock()
		if len(n.known) != 1 || len(n.links) > 0 {
			w.t.Errorf("network %d knows %d switches, has %d links", i, len(n.known), len(n.links))
		}
		n.mu.Unlock()
		n.close()
	}
}
