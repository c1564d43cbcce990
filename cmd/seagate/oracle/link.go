package oracle

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"seagate/client"
)

// A link is a client of the gateway whose connections can be cut at any moment.
type link struct {
	*client.Client
	transport *http.Transport

	mu    sync.Mutex // guards what follows
	conns []net.Conn
}

const (
	dialTimeout = 10 * time.Second
	// slowBuffer is the receive buffer of a link that stops reading at times. It
	// is small, so that the gateway notices.
	slowBuffer = 8 << 10
)

// newLink returns a link. A slow one has small buffers.
func newLink(t Target, slow bool) (*link, error) {
	l := &link{}
	dialer := net.Dialer{Timeout: dialTimeout}
	l.transport = &http.Transport{
		TLSClientConfig:       t.TLS.Clone(),
		ResponseHeaderTimeout: time.Minute,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if tcp, ok := conn.(*net.TCPConn); ok && slow {
				tcp.SetReadBuffer(slowBuffer)
			}
			l.add(conn)
			return conn, nil
		},
	}
	options := client.Options{HTTPClient: &http.Client{Transport: l.transport}, Silence: t.Silence}
	if slow {
		options.QueueBytes = slowBuffer
	}
	made, err := client.New(t.URL, t.Credentials, options)
	if err != nil {
		return nil, err
	}
	l.Client = made
	return l, nil
}

// Reach returns an error if the gateway cannot be reached, or refuses the credentials.
func Reach(ctx context.Context, t Target) error {
	l, err := newLink(t, false)
	if err != nil {
		return err
	}
	defer l.close()
	for _, err := range l.Streams(ctx) {
		return err // the first page is enough
	}
	return nil
}

// maxConns is how many connections a link remembers. It has one or two open.
const maxConns = 8

func (l *link) add(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) == maxConns {
		l.conns = l.conns[1:]
	}
	l.conns = append(l.conns, conn)
}

// cut resets the connections: no close frame is sent, and what is on its way is
// lost.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
	l.conns = nil
}

func (l *link) close() { l.transport.CloseIdleConnections() }
