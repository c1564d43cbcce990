package link

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"seagate/streams"
	"seagate/streams/peer"
)

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
			if _, reachable := n.routes[node]; reachable && len(a.offers) > 0 {
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
