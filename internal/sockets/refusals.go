package sockets

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"seagate/internal/forwarded"
	"seagate/internal/panics"
)

const (
	// MaxRefusals is how many refused connections of a pool are told why at a time. Each
	// keeps a descriptor beyond the bound of the pool meanwhile. More are closed without a
	// word, so that a flood costs no more than that.
	MaxRefusals = 32
	// refusalShare is how many of them one address may have, so that a flood from one
	// does not leave others without a word. The addresses of proxies have no share.
	refusalShare = MaxRefusals / 8
	// refusalTime bounds how long a refused connection stays.
	refusalTime = time.Second
)

// Refusals are what connections without encryption are told if they find no place. A connection
// with TLS would need a handshake first, which is the most expensive part of a connection. It is
// closed without a word.
type Refusals struct {
	Full         []byte // there are as many connections as the pool takes
	Strangers    []byte // there are as many strangers as it takes
	AfterRequest bool   // say it after the peer has sent something, as HTTP has it
}

// A refuser tells connections of a listener why they find no place.
type refuser struct {
	texts   *Refusals // nil for none
	places  *places   // of the pool
	waiting sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	told   map[*net.TCPConn]struct{}
}

// places are those of connections that are told why they are refused. Safe for concurrent
// use.
type places struct {
	proxies forwarded.Proxies

	mu    sync.Mutex // guards what follows
	taken int
	by    map[netip.Prefix]int // address, if that has a share
}

// take takes a place for a connection from an address until giveBack. giveBack is nil if
// there is none.
func (p *places) take(addr netip.Addr) (giveBack func()) {
	from, shared := prefixOf(addr), !p.proxies.Contain(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken >= MaxRefusals || shared && p.by[from] >= refusalShare {
		return nil
	}
	p.countLocked(from, shared, 1)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.countLocked(from, shared, -1)
	}
}

func (p *places) countLocked(from netip.Prefix, shared bool, n int) {
	p.taken += n
	if !shared {
		return
	}
	if p.by[from] += n; p.by[from] == 0 {
		delete(p.by, from)
	}
}

// refuse closes a connection that finds no place, for a reason. It does not wait.
func (r *refuser) refuse(tcp *net.TCPConn, why reason) {
	defer panics.Contain("connection", func() { cut(tcp) })
	giveBack := r.begin(tcp)
	if giveBack == nil {
		cut(tcp)
		return
	}
	text := r.texts.Full
	if why == tooManyStrangers {
		text = r.texts.Strangers
	}
	go func() {
		defer panics.Contain("connection")
		defer r.end(tcp, giveBack)
		tcp.SetDeadline(time.Now().Add(refusalTime))
		tell(tcp, text, r.texts.AfterRequest)
	}()
}

// cut closes a connection so that its descriptor is free at once.
func cut(tcp *net.TCPConn) {
	tcp.SetLinger(0)
	tcp.Close()
}

// tell writes the text and waits for the peer to end the connection. If the connection were
// closed before all that the peer sends was read, the text could be lost on its way.
func tell(tcp *net.TCPConn, text []byte, asked bool) {
	const most = 64 << 10
	if asked {
		if _, err := tcp.Read(make([]byte, 1<<10)); err != nil {
			return
		}
	}
	if _, err := tcp.Write(text); err == nil && tcp.CloseWrite() == nil {
		io.Copy(io.Discard, io.LimitReader(tcp, most))
	}
}

// begin returns what gives the place of the connection back, or nil if it cannot be told.
func (r *refuser) begin(tcp *net.TCPConn) (giveBack func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil || r.closed {
		return nil
	}
	if giveBack = r.places.take(addressOf(tcp.RemoteAddr())); giveBack != nil {
		r.told[tcp] = struct{}{}
		r.waiting.Add(1)
	}
	return giveBack
}

func (r *refuser) end(tcp *net.TCPConn, giveBack func()) {
	defer r.waiting.Done()
	cut(tcp)
	r.mu.Lock()
	delete(r.told, tcp)
	r.mu.Unlock()
	giveBack()
}

// close ends the connections that are being told, and waits for that.
func (r *refuser) close() {
	r.mu.Lock()
	r.closed = true
	for tcp := range r.told {
		tcp.SetDeadline(time.Unix(1, 0))
	}
	r.mu.Unlock()
	r.waiting.Wait()
}
