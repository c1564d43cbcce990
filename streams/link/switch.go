package link

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/streams"
	"seagate/streams/peer"
)

var (
	// ErrBadCost reports a cost that is not positive.
	ErrBadCost = errors.New("link: the cost must be at least 1")
	// ErrClosed reports that a switch is closed.
	ErrClosed = errors.New("link: the switch is closed")
)

// A kind is what can be offered.
type kind uint8

const (
	topics kind = iota
	services
)

// A thing is what a network can offer.
type thing struct {
	kind  kind
	space string
	name  string
}

// A standing is how something is offered.
type standing struct {
	count   int    // providers or servers
	version uint64 // differs after each change in this network
}

// An advert is what a switch tells of itself. It is not changed.
type advert struct {
	node      string
	number    uint64         // grows with each advert of the node
	neighbors map[string]int // cost of the cheapest link to each
	offers    map[thing]standing
}

// A Switch is a network's place among others. It is safe for concurrent use.
//
// Locks are taken in the order client.mu or inTopic.deliver, then Switch.mu. The
// lock of one switch is never held with that of another.
type Switch struct {
	node    string
	network *streams.Network
	hub     *peer.Hub
	wake    chan struct{} // has a token if run has something to do
	running sync.WaitGroup

	mu      sync.Mutex // guards what follows
	closed  bool
	links   map[*end]struct{}
	offers  map[thing]standing
	version uint64 // of the newest standing
	number  uint64
	known   map[string]*advert // by node
	news    map[string]*advert // of known, what the neighbors were not told
	stale   bool               // the own advert is not up to date
	routes  map[string]route   // by node; the own one included
	ins     map[*inTopic]struct{}
	watches map[*watch]struct{}
	calls   map[*awayCall]struct{}
}

// New returns a switch for a network without links to others. The topics of the
// hub must be those of the network. The caller must Close the switch.
func New(n *streams.Network, h *peer.Hub) *Switch {
	s := &Switch{
		node:    rand.Text(),
		network: n,
		hub:     h,
		wake:    make(chan struct{}, 1),
		links:   map[*end]struct{}{},
		offers:  map[thing]standing{},
		known:   map[string]*advert{},
		news:    map[string]*advert{},
		ins:     map[*inTopic]struct{}{},
		watches: map[*watch]struct{}{},
		calls:   map[*awayCall]struct{}{},
	}
	s.advertiseLocked()
	s.running.Go(s.run)
	return s
}

// A Link joins two switches.
type Link struct {
	cost   int
	closed atomic.Bool
	ends   [2]end
}

// An end is a switch's side of a link.
type end struct {
	link *Link
	to   *Switch // on the other side
}

// Connect links two switches. The cost is that of everything that crosses the
// link, in both directions, and at least 1.
func Connect(a, b *Switch, cost int) (*Link, error) {
	if cost < 1 {
		return nil, fmt.Errorf("%w: %d", ErrBadCost, cost)
	}
	l := &Link{cost: cost}
	l.ends = [2]end{{l, b}, {l, a}}
	if !a.attach(&l.ends[0]) {
		return nil, ErrClosed
	}
	if !b.attach(&l.ends[1]) {
		l.Close()
		return nil, ErrClosed
	}
	a.tellAll() // only now, since a switch without links forgets what it is told
	b.tellAll()
	return l, nil
}

// Close ends the link. Nothing crosses it once Close has returned, except for
// calls that are under way. It is safe to call twice.
func (l *Link) Close() {
	if l.closed.Swap(true) {
		return
	}
	l.ends[1].to.detach(&l.ends[0])
	l.ends[0].to.detach(&l.ends[1])
}

func (s *Switch) attach(e *end) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.links[e] = struct{}{}
	s.changedLocked()
	return true
}

// tellAll lets run tell the neighbors all that is known: it is news to a new one.
func (s *Switch) tellAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.news, s.known)
	s.changedLocked()
}

func (s *Switch) detach(e *end) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, e)
	s.changedLocked()
}

// offer counts providers or servers of this network.
func (s *Switch) offer(t thing, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	if count := s.offers[t].count + by; count > 0 {
		s.offers[t] = standing{count, s.version}
	} else {
		delete(s.offers, t)
	}
	s.changedLocked()
}

// changedLocked lets run tell the others what this switch is now.
func (s *Switch) changedLocked() {
	s.stale = true
	s.look()
}

// look lets run look for something to do.
func (s *Switch) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close ends all links of the switch. In topics of its clients deliver nothing
// more from elsewhere. It is safe to call twice.
func (s *Switch) Close() {
	s.mu.Lock()
	links := slices.Collect(maps.Keys(s.links))
	s.closed = true
	s.mu.Unlock()
	for _, e := range links {
		e.link.Close()
	}
	s.look()
	s.running.Wait()
}

// run tells the neighbors what is new, and lets the clients follow the routes.
func (s *Switch) run() {
	for range s.wake {
		news, neighbors, closed := s.update()
		for _, n := range neighbors {
			n.receive(news)
		}
		s.follow()
		if closed {
			return
		}
	}
}

// update computes the routes, and returns what the neighbors must be told.
func (s *Switch) update() (news []*advert, neighbors []*Switch, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale {
		s.advertiseLocked()
	}
	news = slices.Collect(maps.Values(s.news))
	clear(s.news)
	s.routes = shortest(s.node, s.known)
	s.forgetLocked()
	for e := range s.links {
		neighbors = append(neighbors, e.to)
	}
	return news, neighbors, s.closed
}

// maxUnreachable bounds the adverts of nodes that cannot be reached.
const maxUnreachable = 256

// forgetLocked removes the adverts of nodes that cannot be reached, if there are too many
// of them or this switch has no links. Otherwise they must stay: adverts of several nodes
// arrive in any order, so the next one may make a node reachable again, and nobody would
// tell the advert of that node a second time.
func (s *Switch) forgetLocked() {
	if len(s.links) > 0 && len(s.known)-len(s.routes) <= maxUnreachable {
		return
	}
	for node := range s.known {
		if _, reachable := s.routes[node]; !reachable {
			delete(s.known, node)
		}
	}
}

// advertiseLocked makes a new advert of this switch.
func (s *Switch) advertiseLocked() {
	s.stale = false
	s.number++
	a := &advert{node: s.node, number: s.number, neighbors: map[string]int{}, offers: maps.Clone(s.offers)}
	for e := range s.links {
		if cost, ok := a.neighbors[e.to.node]; !ok || e.link.cost < cost {
			a.neighbors[e.to.node] = e.link.cost
		}
	}
	s.known[s.node], s.news[s.node] = a, a
	s.routes = shortest(s.node, s.known)
}

// receive takes what a neighbor tells.
func (s *Switch) receive(adverts []*advert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range adverts {
		if old := s.known[a.node]; a.node != s.node && (old == nil || old.number < a.number) {
			s.known[a.node], s.news[a.node] = a, a
			s.look()
		}
	}
}
