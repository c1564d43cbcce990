// Package socketstest has real sockets for tests.
package socketstest

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
)

// Pair returns the two ends of a connection, which are closed with the test.
func Pair(t testing.TB) (nc, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if peer, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if nc, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close(); peer.Close() })
	return nc, peer
}

// Descriptor returns the descriptor of a socket, which has to stay open as long as it is used.
func Descriptor(t testing.TB, nc net.Conn) (fd int) {
	t.Helper()
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(f uintptr) { fd = int(f) })
	return fd
}

// A CountingListener counts the writes to the TCP connections that it accepts, also those
// through syscall.RawConn.
type CountingListener struct {
	net.Listener
	Writes atomic.Int64
}

// Accept implements net.Listener.
func (l *CountingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{nc.(*net.TCPConn), l}, nil
}

type countedConn struct {
	*net.TCPConn
	listener *CountingListener
}

func (c countedConn) Write(b []byte) (int, error) {
	c.listener.Writes.Add(1)
	return c.TCPConn.Write(b)
}

func (c countedConn) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.TCPConn.SyscallConn()
	return countedRaw{raw, c.listener}, err
}

type countedRaw struct {
	syscall.RawConn
	listener *CountingListener
}

func (r countedRaw) Write(f func(uintptr) bool) error {
	r.listener.Writes.Add(1)
	return r.RawConn.Write(f)
}
