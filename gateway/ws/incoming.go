package ws

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"
	"unicode/utf8"
)

// Errors of the frames that a client sends. After an error nothing more is read.
var (
	errBinary          = errors.New("ws: a binary message")
	errMessageTooLarge = errors.New("ws: the client's message is over the limit")
	errTooManyFrames   = errors.New("ws: the client sends too many control or empty frames")
	errMalformed       = errors.New("ws: not a frame as RFC 6455 has them")
)

// A frame is a whole message or a control frame from the client.
type frame struct {
	opcode  byte   // opText, opPing, opPong or opClose
	payload []byte // unmasked; valid until the next call of next or space
}

// An incoming takes the bytes that a client sends and returns the frames in them
// (RFC 6455 §5). It reads nothing itself. It holds memory only while it has bytes
// of a frame, or frames of a message, that has not come completely. Whether a text is
// UTF-8 is checked by the session, which answers that. Owned by the goroutine that
// reads.
type incoming struct {
	flood bucket // bounds control frames and empty frames

	buf  []byte // from a pool, or larger; nil while there is nothing in it
	from int    // offset in buf of the first byte that next has not seen

	message    []byte // the frames that have come of a message in several
	fragmented bool   // such a message is under way
}

// incomingBuffers has buffers for what was read and not handled. They are large
// enough for many small messages, because each read is a system call.
var incomingBuffers = sync.Pool{New: func() any { return new([incomingBytes]byte) }}

const incomingBytes = 16 << 10

// space returns where to read to. It is never empty.
func (in *incoming) space() []byte {
	if in.buf == nil {
		in.buf = incomingBuffers.Get().(*[incomingBytes]byte)[:0]
	}
	if len(in.buf) == cap(in.buf) {
		in.makeRoom()
	}
	return in.buf[len(in.buf):cap(in.buf)]
}

// makeRoom moves what is left to the start of the buffer, or to a larger one if
// that is full. A client so makes the gateway hold at most twice what it has sent.
func (in *incoming) makeRoom() {
	rest := in.buf[in.from:]
	if in.from > 0 {
		in.buf = in.buf[:copy(in.buf[:cap(in.buf)], rest)]
	} else {
		larger := append(make([]byte, 0, 2*cap(in.buf)), rest...)
		in.free()
		in.buf = larger
	}
	in.from = 0
}

// filled says how many bytes were read to space.
func (in *incoming) filled(n int) { in.buf = in.buf[:len(in.buf)+n] }

// pending returns how many bytes of unfinished frames and messages are held.
func (in *incoming) pending() int { return len(in.buf) - in.from + len(in.message) }

// unfinished reports whether a frame or message has begun and not ended.
func (in *incoming) unfinished() bool { return in.fragmented || len(in.buf) > in.from }

// held returns how much memory an unfinished message takes, in bytes. The buffer that each
// connection may have is not counted.
func (in *incoming) held() int {
	n := cap(in.message)
	if cap(in.buf) > incomingBytes {
		n += cap(in.buf)
	}
	return n
}

// rest gives the buffer back if nothing is in it.
func (in *incoming) rest() {
	if in.buf != nil && in.from == len(in.buf) {
		in.free()
	}
}

// free gives the buffer back. The frames that next has returned are invalid then.
func (in *incoming) free() {
	if cap(in.buf) == incomingBytes {
		incomingBuffers.Put((*[incomingBytes]byte)(in.buf[:incomingBytes]))
	}
	in.buf, in.from = nil, 0
}

// next returns the next frame whose bytes have come. If there is none, ok is false
// and more bytes have to be read. limit is how many bytes a message may have.
func (in *incoming) next(limit int, now time.Time) (f frame, ok bool, err error) {
	for {
		h, complete, err := parseHeader(in.buf[in.from:])
		if err != nil || !complete {
			in.rest()
			return frame{}, false, err
		}
		if err := in.admit(h, limit, now); err != nil {
			return frame{}, false, err
		}
		end := in.from + h.size + int(h.length)
		if end > len(in.buf) {
			return frame{}, false, nil
		}
		payload := in.buf[in.from+h.size : end]
		unmask(payload, h.mask)
		in.from = end
		f, ok, err := in.take(h, payload)
		if ok || err != nil {
			return f, ok, err
		}
	}
}

// hasMessage reports whether one more message has come whole.
func (in *incoming) hasMessage() bool {
	h, complete, err := parseHeader(in.buf[in.from:])
	return err == nil && complete && h.final && !h.isControl() && h.length <= uint64(len(in.buf)-in.from-h.size)
}

// A header is the header of a client's frame.
type header struct {
	final  bool
	opcode byte
	length uint64
	mask   [4]byte
	size   int // of the header itself, in bytes
}

func (h *header) isControl() bool { return h.opcode&0x8 != 0 }

// parseHeader reads the header at the start of b. It refuses what can be refused as
// soon as it has come.
func parseHeader(b []byte) (h header, complete bool, err error) {
	if len(b) < 2 {
		return h, false, nil
	}
	h = header{final: b[0]&finBit != 0, opcode: b[0] & opcodeMask, length: uint64(b[1] & lengthMask), size: 2}
	switch {
	case b[0]&reservedBits != 0, b[1]&maskBit == 0:
		return h, false, errMalformed
	case h.isControl() && (!h.final || h.length > maxControl || h.opcode > opPong):
		return h, false, errMalformed
	case !h.isControl() && h.opcode > opBinary:
		return h, false, errMalformed
	}
	shortest := uint64(0) // the lowest length that this form is for
	switch h.length {
	case 126:
		h.size += 2
		if len(b) < h.size {
			return h, false, nil
		}
		h.length, shortest = uint64(binary.BigEndian.Uint16(b[2:])), 126
	case 127:
		h.size += 8
		if len(b) < h.size {
			return h, false, nil
		}
		h.length, shortest = binary.BigEndian.Uint64(b[2:]), 1<<16
	}
	if h.length < shortest {
		return h, false, errMalformed
	}
	h.size += len(h.mask)
	if len(b) < h.size {
		return h, false, nil
	}
	copy(h.mask[:], b[h.size-len(h.mask):])
	return h, true, nil
}

// admit refuses a frame by its header: one that announces 2^40 bytes would
// otherwise occupy its connection for ever.
func (in *incoming) admit(h header, limit int, now time.Time) error {
	switch {
	case h.isControl():
		return nil
	case (h.opcode == opContinuation) != in.fragmented:
		return errMalformed
	case h.opcode == opBinary:
		return errBinary
	case h.length > uint64(limit), uint64(len(in.message))+h.length > uint64(limit):
		return errMessageTooLarge
	case h.length == 0 && !in.flood.take(now):
		return errTooManyFrames
	}
	return nil
}

// unasked counts a control frame that answers nothing, and refuses it if there are
// too many.
func (in *incoming) unasked(now time.Time) error {
	if !in.flood.take(now) {
		return errTooManyFrames
	}
	return nil
}

// take returns the frame, or keeps it until the message that it is a part of is whole.
func (in *incoming) take(h header, payload []byte) (f frame, ok bool, err error) {
	switch {
	case h.opcode == opClose:
		return frame{h.opcode, payload}, true, checkClose(payload)
	case h.isControl():
		return frame{h.opcode, payload}, true, nil
	case h.final && !in.fragmented:
		return frame{opText, payload}, true, nil
	}
	in.message = append(in.message, payload...)
	if in.fragmented = !h.final; in.fragmented {
		return frame{}, false, nil
	}
	f = frame{opText, in.message}
	in.message = nil
	return f, true, nil
}

// checkClose checks the payload of a close frame (RFC 6455 §5.5.1, §7.4).
func checkClose(payload []byte) error {
	if len(payload) == 0 {
		return nil
	}
	if len(payload) == 1 {
		return errMalformed
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006, code >= 3000 && code <= 4999:
	default:
		return errMalformed
	}
	if !utf8.Valid(payload[2:]) {
		return errMalformed
	}
	return nil
}

// unmask removes the mask from a payload (RFC 6455 §5.3).
func unmask(b []byte, mask [4]byte) {
	key := binary.LittleEndian.Uint32(mask[:])
	for wide := uint64(key)<<32 | uint64(key); len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
	}
	for i := range b {
		b[i] ^= mask[i%4]
	}
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
