package gateway

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"seagate/auth"
	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// An Inspectable is a Connection that can say what it does. A Connection that is none is
// an HTTP request that lasts.
type Inspectable interface {
	Connection

	// Inspect says what the connection does at this moment. It must neither block nor slow
	// the delivery of messages down.
	Inspect() Inspection
}

// An Inspection is what a connection does at one moment. Its lists are in the order of the
// client's requests if the transport numbers them.
type Inspection struct {
	Transport     string     // its name in the metrics
	Address       netip.Addr // of the peer; the zero Addr if there is none
	Trusted       bool       // whoever connects is this client: see Gateway.Trust
	QueuedBytes   int        // not yet read by the peer
	Slow          bool       // the peer reads more slowly than messages come
	LastRefusal   *Refused   // nil for none
	Subscriptions []Held
	Provisions    []HeldProvision
	Services      []string // that it serves
}

// A Refused is the latest request of a connection that was refused.
type Refused struct {
	At      time.Time
	Refusal *protocol.Error
}

// A Held is a subscription of a connection. Exactly one of One and Merged is
// not nil.
type Held struct {
	ID     int64 // of the request; 0 if the transport has none
	One    *Subscription
	Merged *MergedSubscription
}

// A HeldProvision is a stream that a connection provides.
type HeldProvision struct {
	ID   int64
	What *Provision
}

// A ConnectionInfo is a connection as the API shows it.
type ConnectionInfo struct {
	ID        string
	Principal *auth.Principal
	Since     time.Time
	Inspection
	Reads  []ReadInfo // its subscriptions, as many as were asked for
	Total  int        // subscriptions; those to merged streams count once for each stream
	Behind *uint64    // the most of all subscriptions; nil if there is none, or it is not known of each
}

// A ReadInfo is where a subscription stands in one stream.
type ReadInfo struct {
	ID       int64
	Stream   string
	Kind     string // such as protocol.SubscriptionOwn
	Group    string // "" for none
	Position uint64 // the message that comes next; of a group, the first that it is not done with; 0 if unknown
	Behind   uint64 // messages of the stream from there on
	InFlight int    // of a member of a group: messages that it has not acknowledged

	// At most one of these is not nil. It says where the subscription stands.
	in     *streams.InTopic
	member *groups.Membership
}

// A ConnectionsQuery says which connections to list.
type ConnectionsQuery struct {
	AllJails bool
	Client   string // "" for all clients
	After    string // what the previous call returned as next
	Limit    int
	Reads    int // subscriptions to show of each connection
}

// newConnectionID returns a random id. It cannot be guessed, and tells nothing about other
// jails.
func newConnectionID() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// Connections returns connections and requests that last, the oldest first. If the principal may
// manage clients, these are all of its jail, otherwise those of its own client. next is "" after
// the last one. Connections takes one read from the budget of the jail, since it looks at all
// connections.
func (g *Gateway) Connections(ctx context.Context, p *auth.Principal, q ConnectionsQuery) (list []ConnectionInfo, next string, err error) {
	sees, err := g.looksAtConnections(p, q.AllJails)
	if err != nil {
		return nil, "", err
	}
	found := g.connections(func(l *Login) bool {
		return sees(l.principal) && (q.Client == "" || l.principal.ClientID == q.Client) && l.position() > q.After
	})
	slices.SortFunc(found, func(a, b *Login) int { return cmp.Compare(a.position(), b.position()) })
	if len(found) > q.Limit {
		found = found[:q.Limit]
		next = found[q.Limit-1].position()
	}
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	for room := maxLocated; len(found) > 0; found = found[1:] {
		info := g.connectionInfo(found[0], max(q.Reads, room))
		room -= len(info.Reads)
		list = append(list, info)
	}
	locate(ctx, list)
	for i := range list {
		list[i].Reads = list[i].Reads[:min(len(list[i].Reads), q.Reads)]
	}
	return list, next, nil
}

// maxLocated is how many subscriptions of a page of connections are looked for to say how far a
// connection is behind. Of connections after that only those are looked for that are shown.
const maxLocated = 10_000

// positionTimeout is how long a list of connections waits for workers that are busy.
const positionTimeout = 200 * time.Millisecond

// Connection returns one connection, with at most that many subscriptions. It takes one read, as
// Connections does.
func (g *Gateway) Connection(ctx context.Context, p *auth.Principal, id string, reads int) (ConnectionInfo, error) {
	sees, err := g.looksAtConnections(p, p.May(auth.InspectServer, "") == nil)
	if err != nil {
		return ConnectionInfo{}, err
	}
	l, err := g.connection(id, sees)
	if err != nil {
		return ConnectionInfo{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, positionTimeout)
	defer cancel()
	list := []ConnectionInfo{g.connectionInfo(l, max(reads, maxLocated))}
	locate(ctx, list)
	list[0].Reads = list[0].Reads[:min(len(list[0].Reads), reads)]
	return list[0], nil
}

// EndConnection ends a connection of the principal's jail, or of any jail for an operator of the
// server. The client may connect again.
func (g *Gateway) EndConnection(p *auth.Principal, id string) error {
	if err := g.manage(p, auth.EndConnections, ""); err != nil {
		return err
	}
	all := p.May(auth.InspectServer, "") == nil
	l, err := g.connection(id, func(of *auth.Principal) bool { return all || of.JailUID == p.JailUID })
	if err != nil {
		return err
	}
	err = change(p, func() error {
		l.connection.End(protocol.Errorf(protocol.CodeConnectionEnded, "an administrator has ended the connection"))
		return nil
	})
	if err == nil {
		g.audit(p, "connection ended by an administrator", l.principal.JailID+"/"+l.principal.ClientID+"/"+id)
	}
	return err
}

// looksAtConnections is seesConnections for a call that looks at all connections. It takes one
// read from the budget of the principal's jail.
func (g *Gateway) looksAtConnections(p *auth.Principal, allJails bool) (func(of *auth.Principal) bool, error) {
	sees, err := g.seesConnections(p, allJails)
	if err == nil {
		err = g.spendRead(p)
	}
	return sees, err
}

// seesConnections returns whose connections a principal may see.
func (g *Gateway) seesConnections(p *auth.Principal, allJails bool) (func(of *auth.Principal) bool, error) {
	if allJails {
		return func(*auth.Principal) bool { return true }, g.authorize(p, auth.InspectServer, "")
	}
	if err := g.authorize(p, auth.ListConnections, ""); err != nil {
		return nil, err
	}
	if p.May(auth.ManageClients, "") == nil {
		return func(of *auth.Principal) bool { return of.JailUID == p.JailUID }, nil
	}
	return func(of *auth.Principal) bool { return of.ClientUID == p.ClientUID }, nil
}

// connections returns the connections and the requests for which the function returns true.
func (g *Gateway) connections(wanted func(*Login) bool) []*Login {
	found := g.logins.all()
	return slices.DeleteFunc(append(found, g.requests.all()...), func(l *Login) bool { return !wanted(l) })
}

func (g *Gateway) connection(id string, sees func(*auth.Principal) bool) (*Login, error) {
	found := g.connections(func(l *Login) bool { return l.id == id && sees(l.principal) })
	if len(found) == 0 {
		return nil, protocol.Errorf(protocol.CodeConnectionNotFound, "there is no connection %q", clipped(id))
	}
	return found[0], nil
}

// clipped shortens a client's text that an error repeats.
func clipped(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// position is the cursor of a list. It orders logins by age.
func (l *Login) position() string {
	return fmt.Sprintf("%020d/%s", l.since.UnixNano(), l.id)
}

func (g *Gateway) connectionInfo(l *Login, reads int) ConnectionInfo {
	info := ConnectionInfo{ID: l.id, Principal: l.principal, Since: l.since}
	info.Transport, info.Address = protocol.ConnectionHTTP, l.principal.Address
	if c, ok := l.connection.(Inspectable); ok {
		info.Inspection = c.Inspect()
	}
	for _, held := range info.Subscriptions {
		if held.Merged != nil {
			info.Total += len(held.Merged.request.Streams)
		} else {
			info.Total++
		}
	}
	for _, held := range info.Subscriptions {
		if len(info.Reads) >= reads {
			break
		}
		info.Reads = append(info.Reads, held.roles()...)
	}
	if len(info.Reads) > reads {
		info.Reads = info.Reads[:reads]
	}
	return info
}

// roles returns one entry for each stream that a subscription reads, without positions.
func (h Held) roles() []ReadInfo {
	if h.Merged != nil {
		all, ins := make([]ReadInfo, len(h.Merged.request.Streams)), h.Merged.merge.InTopics()
		for i, stream := range h.Merged.request.Streams {
			all[i] = ReadInfo{ID: h.ID, Stream: stream.Name, Kind: protocol.SubscriptionMerged, in: ins[i]}
		}
		return all
	}
	s := h.One
	r := ReadInfo{ID: h.ID, Stream: s.stream, Kind: protocol.SubscriptionOwn}
	switch at := s.place.Load(); {
	case at == nil:
		r.Kind = protocol.SubscriptionWaiting
	case at.membership != nil:
		r.Kind, r.Group, r.member = protocol.SubscriptionGroup, s.groupName().Group, at.membership
	default:
		r.in = at.in
	}
	return []ReadInfo{r}
}

// furthest returns how far the subscription is behind that is the furthest. Those that wait for
// their stream are behind nothing. It is nil if the connection has none, or it is not known of each.
func (c *ConnectionInfo) furthest() *uint64 {
	if c.Total == 0 || len(c.Reads) < c.Total {
		return nil
	}
	var most uint64
	for _, r := range c.Reads {
		if r.Position == 0 && r.Kind != protocol.SubscriptionWaiting {
			return nil
		}
		most = max(most, r.Behind)
	}
	return &most
}

// locate fills in where the subscriptions stand, and how far the connections are behind.
func locate(ctx context.Context, list []ConnectionInfo) {
	var all []*streams.InTopic
	var of []*ReadInfo
	for i := range list {
		for j := range list[i].Reads {
			switch r := &list[i].Reads[j]; {
			case r.in != nil:
				all, of = append(all, r.in), append(of, r)
			case r.member != nil:
				stat := r.member.Stat()
				r.Position, r.Behind, r.InFlight = stat.Position, stat.Lag, stat.InFlight
			}
		}
	}
	for i, seq := range streams.Positions(ctx, all) {
		if of[i].Position = seq; seq > 0 {
			next := all[i].Topic().Bounds().Next
			of[i].Behind = max(next, seq) - seq
		}
	}
	for i := range list {
		list[i].Behind = list[i].furthest()
	}
}

// Inspect implements Inspectable.
func (l *Link) Inspect() Inspection {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := Inspection{Transport: protocol.ConnectionLink, LastRefusal: l.lastRefusal.Load()}
	for h := range l.held {
		switch h := h.(type) {
		case *linkIn:
			in.Subscriptions = append(in.Subscriptions, Held{One: h.inner})
		case *linkMember:
			in.Subscriptions = append(in.Subscriptions, Held{One: h.inner})
		case *linkOut:
			in.Provisions = append(in.Provisions, HeldProvision{What: h.inner})
		}
	}
	return in
}
