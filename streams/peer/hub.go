package peer

import (
	"sync"
	"time"

	"seagate/streams"
)

// Options of a Hub. The bounds must be set.
type Options struct {
	Topics *streams.Network // nil if its links have no topics

	ServicesPerSpace     int // addresses not counted: there is one for each link
	ServersPerService    int
	ProceduresPerService int
	CallsPerLink         int // under way
	CallsPerOwner        int // under way, over all links of one Identity.Owner
	BytesPerOwner        int // that the calls of one owner hold: bodies of those under way, and what Hub.Hold counts
	CallsPerSpace        int // as CallsPerOwner, of all owners in a space; 0 is no bound
	BytesPerSpace        int // as BytesPerOwner, likewise
	BodyBytes            int // of the body and of each answer of a call, and of a signal

	// Ended is told of the end of each call that a server took, and how long it
	// took: nil for a result, a *ServerError, ErrGivenUp, or another error that
	// Replies.Done gets. It may be nil, and must not block.
	Ended func(err error, took time.Duration)

	// Fabric is told of the servers of this hub. Nil if there is no other hub.
	Fabric Fabric
}

// A Fabric connects this process with those of other machines. This process tells it what
// the others have to know. What it learns from the others, it repeats here through a Link
// of its own in each space, so it needs nothing that a client does not have.
//
//   - Interest: Changed tells of it. In the other processes the fabric opens an in topic,
//     which counts as interest there.
//   - Providers and their pauses: Changed tells of them. In the other processes the fabric
//     opens an out topic.
//   - Servers: Offered and Withdrawn tell of them. In the other processes the fabric serves
//     the service. Calls and signals come to it there as to every server, and it makes them
//     where the server is, with Hub.JoinAs under the address of the caller.
//   - Names are services with a sole server: Offered may refuse one.
//   - Fresh addresses and names are random, so the fabric has nothing to do for them.
//
// One value is given to Options of the hub and, as Observer, to those of its
// network. In one process there is none.
type Fabric interface {
	streams.Observer

	// Offered tells of a server that is about to be registered here. An error
	// refuses it, for example because the service has a sole server elsewhere.
	Offered(space string, o Offer, by Address) error

	// Withdrawn tells that a server which was offered takes nothing new.
	Withdrawn(space string, o Offer, by Address)
}

// A Hub is the network of one process. It is safe for concurrent use, and needs
// no closing: everything in it ends with its links.
type Hub struct {
	opts Options
	held heldBytes

	mu     sync.Mutex // guards what follows
	spaces map[string]*space
}

// NewHub returns a hub without links.
func NewHub(o Options) *Hub {
	return &Hub{opts: o, held: newHeldBytes(&o), spaces: map[string]*space{}}
}

// An Identity is who a link belongs to.
type Identity struct {
	ClientID string // what servers are told
	Owner    string // whose calls Options.CallsPerOwner counts together; unique in the hub
}

// Join returns a link of a client in a space. The caller must close it.
func (h *Hub) Join(name string, who Identity) Link { return h.join(name, who, NewAddress()) }

// JoinAs is Join for a client that has its address from another hub, whose calls
// come here with it. No open link of this hub may have that address.
func (h *Hub) JoinAs(name string, who Identity, a Address) Link { return h.join(name, who, a) }

func (h *Hub) join(name string, who Identity, address Address) *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.spaces[name]
	if s == nil {
		s = newSpace(h, name)
		h.spaces[name] = s
	}
	s.links++
	l := &link{
		space:   s,
		who:     who,
		address: address,
		done:    make(chan struct{}),
		servers: map[*server]struct{}{},
		calls:   map[*call]struct{}{},
		watches: map[*watch]struct{}{},
		outs:    map[*outTopic]struct{}{},
		ins:     map[*inTopic]struct{}{},
	}
	return l
}

// leave forgets a space that has no links any more.
func (h *Hub) leave(s *space) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.links--; s.links == 0 {
		delete(h.spaces, s.name)
	}
}

// Totals counts what is in a hub.
type Totals struct {
	Services int // addresses included
	Servers  int
	UnderWay int // calls
	Bytes    int // that calls hold, see Options.BytesPerOwner
}

// Totals returns the present numbers.
func (h *Hub) Totals() (t Totals) {
	h.mu.Lock()
	spaces := make([]*space, 0, len(h.spaces))
	for _, s := range h.spaces {
		spaces = append(spaces, s)
	}
	h.mu.Unlock()
	for _, s := range spaces {
		s.count(&t)
	}
	t.Bytes = int(h.held.spaces.Held())
	return t
}
