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
	refused error  // the sniffer's error; every Read returns it
}

// Read implements net.Conn.
func (s *stream) Read(p []byte) (n int, err error) {
	if s.refused != nil {
		return 0, s.refused
	}
	if len(s.early) > 0 {
		n = copy(p, s.early)
		s.early = s.early[n:]
	} else if n, err = s.Conn.Read(p); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF // the library takes EOF for the end of a message
		}
		return n, err
	}
	s.out.Heard()
	n, s.refused = s.sniffer.follow(p[:n], time.Now())
	if n == 0 {
		return 0, s.refused
	}
	return n, nil
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
