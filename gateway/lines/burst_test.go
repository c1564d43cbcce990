package lines_test

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// A countingListener counts the writes to its connections.
type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{nc.(*net.TCPConn), l.writes}, nil
}

type countedConn struct {
	*net.TCPConn
	writes *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.TCPConn.Write(b)
}

func (c countedConn) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.TCPConn.SyscallConn()
	return countedRaw{raw, c.writes}, err
}

type countedRaw struct {
	syscall.RawConn
	writes *atomic.Int64
}

func (r countedRaw) Write(f func(uintptr) bool) error {
	r.writes.Add(1)
	return r.RawConn.Write(f)
}

func TestAnswersToLinesThatCameTogetherAreOneWrite(t *testing.T) {
	const burst = 16
	var writes atomic.Int64
	b := newBench(t, setup{listen: func(l net.Listener) net.Listener { return countingListener{l, &writes} }})
	p := b.dial()
	p.send(`{"action":"put","id":0,"stream":"s","message":0}`)
	p.want(`{"action":"put","id":0,"stream":"s"}`)
	writes.Store(0)
	var lines, answers []string
	for i := range burst {
		lines = append(lines, fmt.Sprintf(`{"action":"put","id":%d,"stream":"s","message":%d}`, i, i))
		answers = append(answers, fmt.Sprintf(`{"action":"put","id":%d,"stream":"s"}`, i))
	}
	p.send(strings.Join(lines, "\n"))
	p.want(answers...)
	if n := writes.Load(); n > 3 { // the kernel may hand over in pieces what came together
		t.Errorf("%d answers took %d writes", burst, n)
	}
}
