package ws

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"syscall"
)

// An ahead reads more from a socket than was asked for, so that requests that a client
// sends together are read together. Its buffer comes from a pool when there is
// something to read, and goes back when it was taken: a connection at rest has none.
// Owned by the reader.
type ahead struct {
	raw     syscall.RawConn
	attempt func(fd uintptr) (done bool) // is readOnce

	buffer *[aheadBytes]byte // nil if nothing is ahead
	left   []byte            // the part of buffer that was not taken
	n      int               // what readOnce has read
	failed error             // why readOnce has not
}

// aheadBytes is how much is read at once.
const aheadBytes = 16 << 10

var aheadBuffers = sync.Pool{New: func() any { return new([aheadBytes]byte) }}

// newAhead returns nil if the connection is no plain socket.
func newAhead(nc net.Conn) *ahead {
	socket, ok := nc.(syscall.Conn)
	if _, encrypted := nc.(*tls.Conn); encrypted || !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	a := &ahead{raw: raw}
	a.attempt = a.readOnce
	return a
}

// read waits until there is something to read, and reads it. The caller keeps what it
// wants of it.
func (a *ahead) read() ([]byte, error) {
	err := a.raw.Read(a.attempt)
	if err == nil {
		err = a.failed
	}
	if err == nil && a.n == 0 {
		err = io.EOF
	}
	if err != nil {
		a.keep(0)
		return nil, err
	}
	return a.buffer[:a.n], nil
}

// readOnce reads without blocking. It returns false if there is nothing to read yet.
func (a *ahead) readOnce(fd uintptr) (done bool) {
	if a.buffer == nil {
		a.buffer = aheadBuffers.Get().(*[aheadBytes]byte)
	}
	for {
		a.n, a.failed = syscall.Read(int(fd), a.buffer[:])
		switch a.failed {
		case syscall.EINTR:
		case syscall.EAGAIN:
			a.keep(0)
			return false
		default:
			return true
		}
	}
}

// keep keeps the first n bytes of what was read, to be taken.
func (a *ahead) keep(n int) {
	if n > 0 {
		a.left = a.buffer[:n]
		return
	}
	a.left = nil
	if a.buffer != nil {
		aheadBuffers.Put(a.buffer)
		a.buffer = nil
	}
}

// take copies what is ahead to p, as far as it goes. A nil ahead has nothing.
func (a *ahead) take(p []byte) (n int) {
	if a == nil || len(a.left) == 0 {
		return 0
	}
	n = copy(p, a.left)
	if a.left = a.left[n:]; len(a.left) == 0 {
		a.keep(0)
	}
	return n
}
