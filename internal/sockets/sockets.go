// Package sockets bounds the connections that a process has open, so that strangers
// cannot use up its file descriptors.
//
// Nobody has authenticated yet on the connection of a stranger. A connection is in use
// from then on: while an HTTP request is answered, or as long as a WebSocket lives.
// Between two requests it is idle. A connection in use never gives way to a new one.
package sockets

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// A Pool bounds the open connections of all its listeners together. Safe for
// concurrent use.
//
// If it is full, a new connection takes the place of the oldest stranger, or else of
// the connection that has been idle the longest. An address that has its share of the
// places, or more, only takes its own. If there is none to take, the new connection is
// closed.
type Pool struct {
	max, share, maxStrangers int

	mu     sync.Mutex // guards what follows, and the state of connections
	open   int
	peers  map[netip.Prefix]*peer
	queues queues
	counts Stats
}

// A peer is an address with open connections.
type peer struct {
	open   int
	queues queues
}

// queues has the connections that may give way, by state, the longest waiting first.
type queues [inUse]list.List // of *Conn

// A state says whether a connection may give way. Lower states do so first.
type state int

const (
	stranger state = iota
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
// are those of strangers. The share of an address is an eighth of max.
func NewPool(max, maxStrangers int) *Pool {
	return &Pool{max: max, share: (max + 7) / 8, maxStrangers: maxStrangers, peers: map[netip.Prefix]*peer{}}
}

// Stats returns the present counts.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.Open, s.Strangers, s.Idle = p.open, p.queues[stranger].Len(), p.queues[idle].Len()
	return s
}

// Listener returns l with its connections in the pool. l must accept *net.TCPConn.
func (p *Pool) Listener(l net.Listener) net.Listener { return &listener{Listener: l, pool: p} }

type listener struct {
	net.Listener
	pool *Pool
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
		if c := l.pool.admit(tcp); c != nil {
			return c, nil
		}
		tcp.SetLinger(0) // the descriptor is free at once
		tcp.Close()
	}
}

// A Conn is a connection of a pool.
type Conn struct {
	*net.TCPConn
	pool *Pool
	from netip.Prefix

	// Guarded by Pool.mu.
	state          state
	inPool, inPeer *list.Element // in the queues of state; nil if that is inUse
	closed         bool          // it has no place any more
}

// admit takes a new connection into the pool, or returns nil if there is no place.
func (p *Pool) admit(tcp *net.TCPConn) *Conn {
	c := &Conn{TCPConn: tcp, pool: p, from: prefixOf(tcp.RemoteAddr()), state: inUse}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= p.max || p.queues[stranger].Len() >= p.maxStrangers {
		victim := p.victimLocked(c.from)
		if victim == nil {
			p.counts.Refused++
			return nil
		}
		p.counts.Displaced++
		victim.releaseLocked()
		victim.SetLinger(0)
		victim.TCPConn.Close() // its owner reads an error, and closes it again
	}
	from := p.peers[c.from]
	if from == nil {
		from = &peer{}
		p.peers[c.from] = from
	}
	from.open++
	p.open++
	c.becomeLocked(stranger)
	return c
}

// victimLocked returns the connection that gives way to a new one of an address.
func (p *Pool) victimLocked(from netip.Prefix) *Conn {
	candidates := &p.queues
	if own := p.peers[from]; own != nil && own.open >= p.share {
		candidates = &own.queues
	}
	for s := range candidates {
		if first := candidates[s].Front(); first != nil {
			return first.Value.(*Conn)
		}
		if p.open < p.max { // it is strangers that are too many
			break
		}
	}
	return nil
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.pool.mu.Lock()
	c.releaseLocked()
	c.pool.mu.Unlock()
	return c.TCPConn.Close()
}

// releaseLocked gives the place of the connection back.
func (c *Conn) releaseLocked() {
	if c.closed {
		return
	}
	c.becomeLocked(inUse)
	c.closed = true
	c.pool.open--
	from := c.pool.peers[c.from]
	if from.open--; from.open == 0 {
		delete(c.pool.peers, c.from)
	}
}

// becomeLocked changes the state.
func (c *Conn) becomeLocked(s state) {
	if c.closed || s == c.state {
		return
	}
	all, own := &c.pool.queues, &c.pool.peers[c.from].queues
	if c.state != inUse {
		all[c.state].Remove(c.inPool)
		own[c.state].Remove(c.inPeer)
		c.inPool, c.inPeer = nil, nil
	}
	if c.state = s; s != inUse {
		c.inPool, c.inPeer = all[s].PushBack(c), own[s].PushBack(c)
	}
}

// Keep marks the connection as in use, because somebody has authenticated on it. It does
// nothing if nc is not of a pool.
func Keep(nc net.Conn) {
	if c := of(nc); c != nil {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		c.becomeLocked(inUse)
	}
}

// KeepRequest is Keep for the connection of an HTTP request, whose context ctx is.
func KeepRequest(ctx context.Context) {
	if nc, ok := ctx.Value(contextKey{}).(net.Conn); ok {
		Keep(nc)
	}
}

type contextKey struct{}

// Context is for http.Server.ConnContext. KeepRequest needs it.
func Context(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, contextKey{}, nc)
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

// of returns the connection of a pool that nc is, or that TLS is spoken over, or nil.
func of(nc net.Conn) *Conn {
	if over, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = over.NetConn()
	}
	c, _ := nc.(*Conn)
	return c
}

// prefixOf returns what connections are counted by: an IPv4 address, or the /64
// network of an IPv6 address, which one subscriber usually has for itself.
func prefixOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits) // never fails: bits is at most the length
	return prefix
}
