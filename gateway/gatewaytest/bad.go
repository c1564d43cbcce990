package gatewaytest

import (
	"net"
	"sync"
	"sync/atomic"
)

// A BadListener accepts connections that panic once they are told to.
type BadListener struct {
	net.Listener
	mu   sync.Mutex
	last *BadConn
}

// Accept implements net.Listener.
func (l *BadListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = &BadConn{Conn: nc}
	return l.last, nil
}

// Latest returns the newest connection.
func (l *BadListener) Latest() *BadConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// A BadConn panics once in each of its methods for which that is set.
type BadConn struct {
	net.Conn
	Reading, Writing, Closing atomic.Bool
}

// Read implements net.Conn. It panics after it has read.
func (c *BadConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.Reading.CompareAndSwap(true, false) {
		panic("injected into Read")
	}
	return n, err
}

// Write implements net.Conn.
func (c *BadConn) Write(p []byte) (int, error) {
	if c.Writing.CompareAndSwap(true, false) {
		panic("injected into Write")
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn. It panics after it has closed the connection.
func (c *BadConn) Close() error {
	err := c.Conn.Close()
	if c.Closing.CompareAndSwap(true, false) {
		panic("injected into Close")
	}
	return err
}
