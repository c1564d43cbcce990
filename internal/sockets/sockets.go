// Package sockets bounds the connections that a process has open, so that strangers
// cannot use up its file descriptors.
//
// A stranger is a connection on which nobody has authenticated yet. Once somebody has, the
// connection is in use: while an HTTP request is answered, or as long as a WebSocket lives.
// Between two requests it is idle. A connection in use never gives way to a new one.
package sockets

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"

	"seagate/internal/forwarded"
	"seagate/internal/panics"
)

// A Pool bounds the open connections of all its listeners together. Safe for
// concurrent use.
//
// If it is full, a new connection takes the place of the oldest stranger from an address
// where nobody has authenticated lately, or else of the oldest stranger, or else of the
// connection that has been idle the longest. An address that has its share of the
// places, or more, only takes its own. If there is none to take, the new connection is
// told why and closed. The addresses of proxies have no share.
type Pool struct {
	max, share, maxStrangers int
	proxies                  forwarded.Proxies
	refusing                 places

	mu     sync.Mutex // guards what follows, and the state and address of connections
	open   int
	peers  map[netip.Prefix]*peer
	known  knownAddresses
	queues queues
	counts Stats
}

// A peer is an address with open connections.
type peer struct {
	open   int
	queues queues
}

// queues has the connections that may give way, by state, the longest waiting first.
type queues [inUse]queue

// A state says whether a connection may give way. Lower states do so first.
type state int

const (
	stranger  state = iota
	returning       // a stranger from an address where somebody has authenticated
	idle
	inUse
)

// Stats counts connections.
type Stats struct {
	Open, Strangers, Idle int    // now
	Displaced             uint64 // connections that gave way to new ones
	Refused               uint64 // new connections that found no place
}

// NewPool returns a pool of at most max connections, of which at most maxStrangers
// are those of strangers. The share of an address that is no proxy's is an eighth of max.
func NewPool(max, maxStrangers int, proxies forwarded.Proxies) *Pool {
	return &Pool{max: max, share: (max + 7) / 8, maxStrangers: maxStrangers, proxies: proxies,
		refusing: places{proxies: proxies, by: map[netip.Prefix]int{}}, peers: map[netip.Prefix]*peer{}, known: newKnown()}
}

func (p *Pool) strangersLocked() int { return p.queues[stranger].len + p.queues[returning].len }

// Stats returns the present counts.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.Open, s.Strangers, s.Idle = p.open, p.strangersLocked(), p.queues[idle].len
	return s
}

// Listener returns l with its connections in the pool. l must accept *net.TCPConn. Those
// that find no place are told texts, or, if that is nil, nothing.
func (p *Pool) Listener(l net.Listener, texts *Refusals) net.Listener {
	return &listener{Listener: l, pool: p, refuser: refuser{texts: texts, places: &p.refusing, told: map[*net.TCPConn]struct{}{}}}
}

type listener struct {
	net.Listener
	pool    *Pool
	refuser refuser
}

// Accept implements net.Listener. It returns no connection that finds no place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := nc.(*net.TCPConn)
		if !ok {
			return nc, nil
		}
		c, why := l.pool.admitContained(tcp)
		if c != nil {
			return c, nil
		}
		l.refuser.refuse(tcp, why)
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.refuser.close()
	return err
}

// A Conn is a connection of a pool.
type Conn struct {
	*net.TCPConn
	pool   *Pool
	client net.Addr // that the PROXY header names, or nil; set before anybody else has the Conn

	// Guarded by Pool.mu.
	from   netip.Prefix
	peer   *peer // of from
	shared bool  // from counts against a share
	kept   use   // when from became known through this connection
	state  state
	links  [2]links // in the queues of state, if that is not inUse: see inPool and inPeer
	closed bool     // it has no place any more
}

// A reason says what there are too many of.
type reason int

const (
	full reason = iota
	tooManyStrangers
)

// admitContained is admit. If that panics, there is no place for the connection.
func (p *Pool) admitContained(tcp *net.TCPConn) (c *Conn, why reason) {
	defer panics.Contain("connection")
	return p.admit(tcp)
}

// admit takes a new connection into the pool, or returns nil and why there is no place.
func (p *Pool) admit(tcp *net.TCPConn) (*Conn, reason) {
	c := &Conn{TCPConn: tcp, pool: p, state: inUse}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.locateLocked(addressOf(tcp.RemoteAddr()))
	if p.open >= p.max || p.strangersLocked() >= p.maxStrangers {
		victim := p.victimLocked(c)
		if victim == nil {
			p.counts.Refused++
			if p.open < p.max {
				return nil, tooManyStrangers
			}
			return nil, full
		}
		victim.displaceLocked()
	}
	c.joinLocked()
	p.open++
	c.becomeLocked(p.known.strangerAt(c.from))
	return c, full
}

// locateLocked sets the address that the connection is counted by, before it joins.
func (c *Conn) locateLocked(addr netip.Addr) {
	c.from, c.shared, c.kept = prefixOf(addr), !c.pool.proxies.Contain(addr), 0
}

// joinLocked counts the connection among those of its address.
func (c *Conn) joinLocked() {
	if c.peer = c.pool.peers[c.from]; c.peer == nil {
		c.peer = &peer{}
		c.pool.peers[c.from] = c.peer
	}
	c.peer.open++
}

func (c *Conn) partLocked() {
	if c.peer.open--; c.peer.open == 0 {
		delete(c.pool.peers, c.from)
	}
}

// displaceLocked closes a connection that gives way.
func (c *Conn) displaceLocked() {
	c.pool.counts.Displaced++
	c.releaseLocked()
	c.SetLinger(0)
	c.TCPConn.Close() // its owner reads an error, and closes it again
}

// attribute counts the connection by the address of the client that a proxy speaks for.
// If that address has its share already, one of its own gives way, or else this one: then
// it returns false.
func (c *Conn) attribute(addr netip.Addr) bool {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.closed {
		return false
	}
	last := c.state
	c.becomeLocked(inUse)
	c.partLocked()
	c.locateLocked(addr)
	if own := p.peers[c.from]; c.shared && own != nil && own.open >= p.share {
		if victim := own.queues.first(); victim != nil {
			victim.displaceLocked()
		} else {
			c.joinLocked()
			c.displaceLocked()
			return false
		}
	}
	c.joinLocked()
	if last == stranger || last == returning {
		last = p.known.strangerAt(c.from)
	}
	c.becomeLocked(last)
	return true
}

// victimLocked returns the connection that gives way to a new one.
func (p *Pool) victimLocked(c *Conn) *Conn {
	candidates := &p.queues
	if own := p.peers[c.from]; c.shared && own != nil && own.open >= p.share {
		candidates = &own.queues
	}
	first := candidates.first()
	if first != nil && first.state == idle && p.open < p.max { // it is strangers that are too many
		return nil
	}
	return first
}

// first returns the connection that gives way first, or nil.
func (q *queues) first() *Conn {
	for s := range q {
		if first := q[s].front; first != nil {
			return first
		}
	}
	return nil
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.release()
	return c.TCPConn.Close()
}

// release gives the place of the connection back. A panic ends the connection without one.
func (c *Conn) release() {
	defer panics.Contain("connection")
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.releaseLocked()
}

// releaseLocked gives the place of the connection back.
func (c *Conn) releaseLocked() {
	if c.closed {
		return
	}
	c.becomeLocked(inUse)
	c.closed = true
	c.pool.open--
	c.partLocked()
}

// becomeLocked changes the state.
func (c *Conn) becomeLocked(s state) {
	if c.closed || s == c.state {
		return
	}
	all, own := &c.pool.queues, &c.peer.queues
	if c.state != inUse {
		all[c.state].remove(c, inPool)
		own[c.state].remove(c, inPeer)
	}
	if c.state = s; s != inUse {
		all[s].push(c, inPool)
		own[s].push(c, inPeer)
	}
}

// Keep marks the connection as in use, because somebody has authenticated on it, and
// its address as known. It does nothing if nc is not of a pool.
func Keep(nc net.Conn) {
	if c := of(nc); c != nil {
		c.keep()
	}
}

func (c *Conn) keep() {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	if c.shared {
		c.kept = c.pool.known.keep(c.from, c.kept)
	}
	c.becomeLocked(inUse)
}

// Attribute counts the connection of an HTTP request, whose context ctx is, by the address
// of the client that a proxy speaks for. It is for connections that no other client uses.
// It returns false if there is no place for it; then the connection is closed.
func Attribute(ctx context.Context, client netip.Addr) bool {
	if carrier := CarrierOf(ctx); carrier != nil && carrier.conn != nil {
		return carrier.conn.attribute(client)
	}
	return true
}

// A Carrier is a connection that carries HTTP requests.
type Carrier struct {
	// Note is whatever the handler of the requests notes about the connection. They may come from
	// several clients, and over HTTP/2 at the same time.
	Note atomic.Value

	conn *Conn // nil if it is not of a pool
}

// Keep is the function Keep for the connection.
func (c *Carrier) Keep() {
	if c.conn != nil {
		c.conn.keep()
	}
}

// CarrierOf returns the connection of the HTTP request whose context ctx is, or nil if its
// server does not use Context.
func CarrierOf(ctx context.Context) *Carrier {
	carrier, _ := ctx.Value(contextKey{}).(*Carrier)
	return carrier
}

type contextKey struct{}

// Context is for http.Server.ConnContext. CarrierOf needs it.
func Context(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, contextKey{}, &Carrier{conn: of(nc)})
}

// Changed is for http.Server.ConnState. A connection that was in use becomes idle.
func Changed(nc net.Conn, to http.ConnState) {
	c := of(nc)
	if c == nil || to != http.StateIdle {
		return
	}
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	if c.state == inUse {
		c.becomeLocked(idle)
	}
}

// of returns the connection of a pool that nc is, or that TLS or the PROXY protocol is
// spoken over, or nil.
func of(nc net.Conn) *Conn {
	for {
		switch c := nc.(type) {
		case *Conn:
			return c
		case interface{ NetConn() net.Conn }:
			nc = c.NetConn()
		default:
			return nil
		}
	}
}

func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// prefixOf returns what connections are counted by: an IPv4 address, or the /64
// network of an IPv6 address, which one subscriber usually has for itself.
func prefixOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // never fails: bits is at most the length
	return prefix
}
