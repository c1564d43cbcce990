package ws

import (
	"io"
	"net"
	"time"

	"seagate/gateway/outbox"
)

// A stream is the net.Conn that the library uses. What the client sends passes
// through the sniffer to the library; what the library writes goes to the
// outbox.
type stream struct {
	net.Conn
	out     *outbox.Outbox
	sniffer sniffer

	// Owned by the reader.
	early   []byte // bytes that the HTTP server has read already
	ahead   *ahead // nil if nothing can be read ahead, as with TLS
	refused error  // the sniffer's error; every Read returns it after what is ahead
	taken   uint64 // messages that were read from the library
}

func newStream(nc net.Conn, out *outbox.Outbox, early []byte) *stream {
	return &stream{Conn: nc, out: out, early: early, ahead: newAhead(nc)}
}

// hasMessage reports whether one more message has come whole, behind those that were
// taken.
func (s *stream) hasMessage() bool { return s.sniffer.messages > s.taken }

// Read implements net.Conn.
func (s *stream) Read(p []byte) (n int, err error) {
	if n = s.ahead.take(p); n > 0 {
		return n, nil
	}
	switch {
	case s.refused != nil:
		return 0, s.refused
	case len(s.early) > 0:
		n = copy(p, s.early)
		s.early = s.early[n:]
	case s.ahead != nil && len(p) < aheadBytes:
		return s.readAhead(p)
	default:
		if n, err = s.Conn.Read(p); err != nil {
			return n, cutShort(err)
		}
	}
	if n = s.follow(p[:n]); n == 0 {
		return 0, s.refused
	}
	return n, nil
}

// readAhead reads as much as there is, and gives the beginning of it to the library.
func (s *stream) readAhead(p []byte) (int, error) {
	b, err := s.ahead.read()
	if err != nil {
		return 0, cutShort(err)
	}
	s.ahead.keep(s.follow(b))
	if n := s.ahead.take(p); n > 0 {
		return n, nil
	}
	return 0, s.refused
}

// follow shows the sniffer what has come, and returns how much of it the library may
// read.
func (s *stream) follow(b []byte) (good int) {
	s.out.Heard()
	good, s.refused = s.sniffer.follow(b, time.Now())
	return good
}

// cutShort returns the error for the end of a connection within a message or without a
// close frame. The library takes io.EOF for the end of a message.
func cutShort(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write implements net.Conn. The library writes one control frame at a time.
func (s *stream) Write(frame []byte) (int, error) {
	if len(frame) == 0 {
		return 0, nil
	}
	switch frame[0] & opcodeMask {
	case opClose:
		s.out.SendLast(frame)
	case opPong:
		s.out.SendIfRoom(frame)
	default:
		s.out.Send(frame)
	}
	return len(frame), nil
}

// Close implements net.Conn. It does nothing, because the outbox still has to
// write what is queued: Outbox.Close closes the network connection.
func (s *stream) Close() error { return nil }
