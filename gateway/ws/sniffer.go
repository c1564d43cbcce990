package ws

import (
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf8"
)

// Errors of the sniffer. After an error nothing more is read.
var (
	errMessageTooLarge = errors.New("ws: the client's message is over the limit")
	errTooManyFrames   = errors.New("ws: the client sends too many control or empty frames")
	errMalformed       = errors.New("ws: not a frame as RFC 6455 has them")
)

// A sniffer follows the frames that a client sends, in pieces of any size. It
// refuses a frame that is too large by its header: one that announces 2^40 bytes
// would otherwise occupy its connection for ever. It also does what the library does
// not: it bounds the rate of control frames and of empty frames, and refuses lengths
// that are not in their shortest form (RFC 6455 §5.2) and close reasons that are not
// UTF-8 (§5.5.1). Other malformed frames are left to the library. Owned by the
// goroutine that reads.
type sniffer struct {
	maxMessage uint64
	flood      bucket
	onPong     func(payload []byte) (solicited bool)

	header    [14]byte         // of the current frame, as far as it has come
	have      int              // bytes in header
	left      uint64           // bytes of payload that have not come yet
	message   uint64           // bytes of the current message, in all its frames
	inPayload bool             // the header is complete
	control   [maxControl]byte // payload of a pong or close, as far as it has come
	controlN  int              // bytes in control
	messages  uint64           // complete messages so far
}

// follow processes the next bytes of the stream. It returns how many of them the
// library may read: all, or with an error those before the refused frame.
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

// headerSize returns the size of the header, as far as it is known.
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

// beginFrame handles a complete header.
func (s *sniffer) beginFrame(now time.Time) error {
	s.inPayload, s.controlN = true, 0
	s.left = uint64(s.header[1] & lengthMask)
	shortest := uint64(0) // the lowest length that this form is for
	switch s.left {
	case 126:
		s.left, shortest = uint64(binary.BigEndian.Uint16(s.header[2:])), 126
	case 127:
		s.left, shortest = binary.BigEndian.Uint64(s.header[2:]), 1<<16
	}
	if s.left < shortest {
		return errMalformed
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

// followPayload processes the payload of the frame and returns the bytes after it.
func (s *sniffer) followPayload(p []byte) []byte {
	n := int(min(uint64(len(p)), s.left))
	if s.opcode() == opPong || s.opcode() == opClose {
		s.controlN += copy(s.control[s.controlN:], p[:n])
	}
	s.left -= uint64(n)
	return p[n:]
}

// endFrame handles a complete frame.
func (s *sniffer) endFrame(now time.Time) error {
	payload := s.unmaskedControl()
	s.inPayload, s.have = false, 0
	if !s.isControl() && s.header[0]&finBit != 0 {
		s.messages++
	}
	switch {
	case s.opcode() == opPong && s.onPong(payload):
		return nil // the answer to a ping of ours
	case s.opcode() == opClose && len(payload) > 2 && !utf8.Valid(payload[2:]):
		return errMalformed
	case s.isControl() && !s.flood.take(now):
		return errTooManyFrames
	}
	return nil
}

// unmaskedControl returns the payload of a pong or close.
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

// A bucket admits perSecond events a second, and twice as many in a burst.
type bucket struct {
	perSecond float64
	level     float64 // events that count against the burst
	last      time.Time
}

// take reports whether an event is admitted.
func (b *bucket) take(now time.Time) bool {
	b.level = max(0, b.level-now.Sub(b.last).Seconds()*b.perSecond)
	b.last = now
	if b.level+1 > 2*b.perSecond {
		return false
	}
	b.level++
	return true
}
