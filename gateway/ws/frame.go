package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Opcodes of RFC 6455 §5.2.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	finBit     = 0x80
	opcodeMask = 0x0F
	lengthMask = 0x7F
	maskBit    = 0x80

	// maxControl is the largest payload of a control frame (RFC 6455 §5.5).
	maxControl = 125
)

// appendHeader appends the header of a server's frame: final, and not masked.
//
//	0               1               2
//	+-+-----+-------+-+-------------+----------------------+
//	|1|0 0 0| opcode|0| length <126 | or 126, 127 and more |
//	+-+-----+-------+-+-------------+----------------------+
func appendHeader(dst []byte, opcode byte, length int) []byte {
	dst = append(dst, finBit|opcode)
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
	}
}

// maxHeader is the size of the largest header of a server's frame.
const maxHeader = 10

// appendText appends a text frame of the message that build appends. The
// header comes first and depends on the length, so room is left for it and
// what is too much of that closed up again.
func appendText(dst []byte, build func([]byte) []byte) []byte {
	start := len(dst)
	var room [maxHeader]byte
	dst = build(append(dst, room[:]...))
	length := len(dst) - start - maxHeader
	header := appendHeader(room[:0], opText, length)
	copy(dst[start:], header)
	copy(dst[start+len(header):], dst[start+maxHeader:])
	return dst[:start+len(header)+length]
}

// closeFrame returns the frame that ends a connection. The reason is cut, on a
// character, to what a control frame holds.
func closeFrame(code int, reason string) []byte {
	for len(reason) > maxControl-2 || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, maxControl-2)]
	}
	frame := appendHeader(nil, opClose, 2+len(reason))
	frame = binary.BigEndian.AppendUint16(frame, uint16(code))
	return append(frame, reason...)
}

// appendPing appends a ping that names how many shared messages came before.
func appendPing(dst []byte, shared uint64) []byte {
	return binary.BigEndian.AppendUint64(appendHeader(dst, opPing, 8), shared)
}
