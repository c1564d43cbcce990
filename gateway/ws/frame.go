package ws

import (
	"encoding/binary"
	"unicode/utf8"
)

// Opcodes of RFC 6455 §5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA

	finBit       = 0x80
	reservedBits = 0x70
	opcodeMask   = 0x0F
	lengthMask   = 0x7F
	maskBit      = 0x80

	// maxControl is the largest payload of a control frame (RFC 6455 §5.5).
	maxControl = 125
)

// appendHeader appends the header of a server's frame, final and not masked.
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

// beginText appends space for the header of a text frame. The size of the header
// depends on the length of the message, which is not known yet.
func beginText(dst []byte) []byte {
	var space [maxHeader]byte
	return append(dst, space[:]...)
}

// endText writes the header of the frame that begins at start, and removes the
// space that the header does not need.
func endText(dst []byte, start int) []byte {
	length := len(dst) - start - maxHeader
	var space [maxHeader]byte
	header := appendHeader(space[:0], opText, length)
	copy(dst[start:], header)
	copy(dst[start+len(header):], dst[start+maxHeader:])
	return dst[:start+len(header)+length]
}

// closeFrame returns a close frame. A reason that is longer than a control frame
// allows is cut between two characters.
func closeFrame(code int, reason string) []byte {
	for len(reason) > maxControl-2 || !utf8.ValidString(reason) {
		reason = reason[:min(len(reason)-1, maxControl-2)]
	}
	return controlFrame(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

// controlFrame returns a control frame. The payload is at most maxControl long.
func controlFrame(opcode byte, payload []byte) []byte {
	return append(appendHeader(make([]byte, 0, 2+len(payload)), opcode, len(payload)), payload...)
}

// appendPing appends a ping with a tag: a probe of package outbox.
func appendPing(dst []byte, tag uint64) []byte {
	return binary.BigEndian.AppendUint64(appendHeader(dst, opPing, 8), tag)
}
