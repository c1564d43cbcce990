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
	// MaxFarewells is how many refused connections of a pool are told why at a time. Each
	// keeps a descriptor beyond the bound of the pool meanwhile. More are closed without a
	// word, so that a flood costs no more than that.
	MaxFarewells = 32
	// farewellShare is how many of them one address may have, so that a flood from one
	// does not leave others without a word. The addresses of proxies have no share.
	farewellShare = MaxFarewells / 8
	// farewellTime bounds how long a refused connection stays.
	farewellTime = time.Second
)

// A Farewell is what connections without encryption are told if they find no place. A connection
// with TLS would need a handshake first, which is the most expensive part of a connection. It is
// closed without a word.
type Farewell struct {
	Full      []byte // there are as many connections as the pool takes
	Strangers []byte // there are as many strangers as it takes
	Asked     bool   // say it after the peer has sent something, as HTTP has it
}

// A parting tells connections of a listener why they find no place.
type parting struct {
	words   *Farewell // nil for none
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
	if p.taken >= MaxFarewells || shared && p.by[from] >= farewellShare {
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
func (p *parting) refuse(tcp *net.TCPConn, why refusal) {
	defer panics.Contain("connection", func() { cut(tcp) })
	giveBack := p.begin(tcp)
	if giveBack == nil {
		cut(tcp)
		return
	}
	text := p.words.Full
	if why == tooManyStrangers {
		text = p.words.Strangers
	}
	go func() {
		defer panics.Contain("connection")
		defer p.end(tcp, giveBack)
		tcp.SetDeadline(time.Now().Add(farewellTime))
		tell(tcp, text, p.words.Asked)
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
func (p *parting) begin(tcp *net.TCPConn) (giveBack func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.words == nil || p.closed {
		return nil
	}
	if giveBack = p.places.take(addressOf(tcp.RemoteAddr())); giveBack != nil {
		p.told[tcp] = struct{}{}
		p.waiting.Add(1)
	}
	return giveBack
}

func (p *parting) end(tcp *net.TCPConn, giveBack func()) {
	defer p.waiting.Done()
	cut(tcp)
	p.mu.Lock()
	delete(p.told, tcp)
	p.mu.Unlock()
	giveBack()
}

// close ends the connections that are being told, and waits for that.
func (p *parting) close() {
	p.mu.Lock()
	p.closed = true
	for tcp := range p.told {
		tcp.SetDeadline(time.Unix(1, 0))
	}
	p.mu.Unlock()
	p.waiting.Wait()
}
