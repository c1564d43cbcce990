package httpapi

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"seagate/protocol"
)

// A cursor says where the next page of a list begins. Clients send it back as it is. It is
//
//	base64url( CRC-32 of position, big endian | position )
//
// so that a name that somebody wrote down is not taken for one. "" stands for the first page
// and for no next page, as in the lists of the gateway.
func encodeCursor(position string) protocol.Nullable {
	if position == "" {
		return ""
	}
	text := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(position)))
	return protocol.Nullable(base64.RawURLEncoding.EncodeToString(append(text, position...)))
}

// decodeCursor returns the position of a cursor, and false if encodeCursor did not make it.
func decodeCursor(cursor string) (position string, ok bool) {
	if cursor == "" {
		return "", true
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) <= 4 {
		return "", false
	}
	position = string(text[4:])
	return position, binary.BigEndian.Uint32(text) == crc32.ChecksumIEEE(text[4:])
}
