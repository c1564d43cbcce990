package ws

import (
	"encoding/binary"
	"errors"
	"time"
)

// Errors of the sniffer. After one the connection reads nothing more.
var (
	errMessageTooLarge = errors.New("ws: the client's message is over the limit")
	errTooManyFrames   = errors.New("ws: the client sends too many control or empty frames")
)

// A sniffer follows the frames that a client sends, as they pass by in pieces
// of any size. It refuses a frame by its header, before anything of it is
// read: one that announces 2^40 bytes would otherwise hold its connection for
// ever. And it counts frames that carry nothing, which the library answers or
// swallows without a bound. Owned by the goroutine that reads.
//
// What is malformed otherwise it leaves to the library to refuse.
type sniffer struct {
	maxMessage uint64
	flood      bucket
	onPong     func(payload []byte) (solicited bool)

	header    [14]byte // of the frame under way, as far as it came
	have      int      // bytes of header
	left      uint64   // bytes of payload to come
	message   uint64   // bytes of the message under way, over its frames
	inPayload bool
	control   [maxControl]byte // payload of a pong, as far as it came
	controlN  int
}

// follow takes the next bytes of the stream, and returns how many of them may
// be read: all, or with an error those before the frame that is refused.
func (s *sniffer) follow(b []byte, now time.Time) (good int, err error) {
	for p := b; len(p) > 0; {
		if s.inPayload {
			p = s.followPayload(p)
		} else {
			n := copy(s.header[s.have:s.headerSize()], p)
			s.have += n
			p = p[n:]
			if s.have < s.headerSize() {
				continue
			}
			if err := s.beginFrame(now); err != nil {
				return good, err
			}
		}
		if s.inPayload && s.left == 0 {
			if err := s.endFrame(now); err != nil {
				return good, err
			}
			good = len(b) - len(p)
		}
	}
	return len(b), nil
}

// headerSize is how long the header is, as far as that is known.
func (s *sniffer) headerSize() int {
	if s.have < 2 {
		return 2
	}
	n := 2
	switch s.header[1] & lengthMask {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if s.header[1]&maskBit != 0 {
		n += 4
	}
	return n
}

func (s *sniffer) opcode() byte    { return s.header[0] & opcodeMask }
func (s *sniffer) isControl() bool { return s.header[0]&0x8 != 0 }

// beginFrame looks at a complete header.
func (s *sniffer) beginFrame(now time.Time) error {
	s.inPayload, s.controlN = true, 0
	s.left = uint64(s.header[1] & lengthMask)
	switch s.left {
	case 126:
		s.left = uint64(binary.BigEndian.Uint16(s.header[2:]))
	case 127:
		s.left = binary.BigEndian.Uint64(s.header[2:])
	}
	if s.isControl() {
		return nil
	}
	if s.left > s.maxMessage || s.message+s.left > s.maxMessage {
		return errMessageTooLarge
	}
	if s.left == 0 && !s.flood.take(now) {
		return errTooManyFrames
	}
	s.message += s.left
	if s.header[0]&finBit != 0 {
		s.message = 0
	}
	return nil
}

// followPayload takes what belongs to the frame's payload and returns the rest.
func (s *sniffer) followPayload(p []byte) []byte {
	n := int(min(uint64(len(p)), s.left))
	if s.opcode() == opPong {
		s.controlN += copy(s.control[s.controlN:], p[:n])
	}
	s.left -= uint64(n)
	return p[n:]
}

// endFrame looks at a complete frame.
func (s *sniffer) endFrame(now time.Time) error {
	pong := s.unmaskedControl()
	s.inPayload, s.have = false, 0
	switch {
	case s.opcode() == opPong && s.onPong(pong):
		return nil // the answer to a ping of ours
	case s.isControl() && !s.flood.take(now):
		return errTooManyFrames
	}
	return nil
}

// unmaskedControl returns the payload of a pong.
func (s *sniffer) unmaskedControl() []byte {
	payload := s.control[:s.controlN]
	if s.header[1]&maskBit != 0 {
		key := s.header[s.have-4 : s.have]
		for i := range payload {
			payload[i] ^= key[i%4]
		}
	}
	return payload
}

// A bucket lets through perSecond events a second, and twice as many at once.
type bucket struct {
	perSecond float64
	level     float64 // events used up
	last      time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.level = max(0, b.level-now.Sub(b.last).Seconds()*b.perSecond)
	b.last = now
	if b.level+1 > 2*b.perSecond {
		return false
	}
	b.level++
	return true
}
