package ws

import (
	"crypto/tls"
	"io"
	"net"
	"syscall"
)

// A source reads what a client sends into an incoming. While it waits it holds no
// buffer if the connection is a plain socket, and a small one otherwise, for example
// with TLS. Owned by the reader.
type source struct {
	in *incoming
	nc net.Conn

	raw     syscall.RawConn              // nil if nc is no plain socket
	attempt func(fd uintptr) (done bool) // is readOnce; made once, because a closure allocates
	polling bool                         // readOnce does not wait
	n       int                          // what readOnce has read
	failed  error                        // why readOnce has not

	first []byte // takes what comes first after a wait; nil if nc is a plain socket
}

const firstBytes = 512

func newSource(nc net.Conn, in *incoming) *source {
	s := &source{in: in, nc: nc}
	if socket, ok := nc.(syscall.Conn); ok && !isEncrypted(nc) {
		if raw, err := socket.SyscallConn(); err == nil {
			s.raw, s.attempt = raw, s.readOnce
			return s
		}
	}
	s.first = make([]byte, firstBytes)
	return s
}

// isEncrypted reports whether the bytes of the socket are not those of the client.
func isEncrypted(nc net.Conn) bool {
	_, encrypted := nc.(*tls.Conn)
	return encrypted
}

// read waits until something comes, and reads as much as is there. The end of the
// connection is io.EOF, wherever it comes.
func (s *source) read() error {
	if s.raw == nil {
		return s.readEncrypted()
	}
	err := s.raw.Read(s.attempt)
	if err == nil {
		err = s.failed
	}
	if err == nil && s.n == 0 {
		err = io.EOF
	}
	if err == nil {
		s.in.filled(s.n)
	}
	return err
}

// poll is read that does not wait: came is false if nothing is there. Only for a plain
// socket.
func (s *source) poll() (came bool, err error) {
	s.polling = true
	err = s.read()
	s.polling = false
	if err == syscall.EAGAIN {
		return false, nil
	}
	return err == nil, err
}

// readOnce reads without blocking. It returns false if it is to be called again when
// there is something to read.
func (s *source) readOnce(fd uintptr) (done bool) {
	for {
		s.n, s.failed = syscall.Read(int(fd), s.in.space())
		switch s.failed {
		case syscall.EINTR:
		case syscall.EAGAIN:
			s.in.rest()
			return s.polling
		default:
			return true
		}
	}
}

func (s *source) readEncrypted() error {
	if s.in.pending() > 0 {
		n, err := s.nc.Read(s.in.space())
		s.in.filled(n)
		return err
	}
	s.in.rest()
	n, err := s.nc.Read(s.first)
	s.in.filled(copy(s.in.space(), s.first[:n]))
	return err
}
