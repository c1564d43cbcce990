package protocol

import "time"

// Bounds that clients rely on, so that no configuration changes them.
const (
	// MaxNameBytes bounds the names of streams and the ids of clients and
	// jails, in bytes of UTF-8.
	MaxNameBytes = 255
	// MaxSecretBytes bounds a client secret. The server hashes every secret
	// that a stranger presents.
	MaxSecretBytes = 1024
	// MaxMessageIDBytes bounds the messageId of a publish request.
	MaxMessageIDBytes = 255
	// MaxEpochBytes bounds the epoch of a subscribe request.
	MaxEpochBytes = 64
	// MaxAckSeqs is how many messages one ack or nack may name. The server
	// handles all of them under the lock of their group.
	MaxAckSeqs = 10_000
	// MaxCredit is how many unacknowledged messages a member of a group may ask for.
	MaxCredit = 1024
	// MaxReasonBytes bounds the reason of a nack, which the server keeps with
	// the message.
	MaxReasonBytes = 1024
	// MaxNackDelay bounds the delay of a nack.
	MaxNackDelay = 24 * time.Hour
)

// Limits bound what DecodeRequest and Request.Authenticate accept. The zero
// value refuses everything; start from DefaultLimits.
type Limits struct {
	// MessageBytes is the size of the largest message.
	MessageBytes int
	// JSONDepth is how many levels of objects and arrays a message may have,
	// itself included; at most 10000. All code that walks a payload by
	// recursion relies on it.
	JSONDepth int
	// TokenBytes is the size of the largest JWT. It also bounds the filter in
	// the token, before the signature is verified.
	TokenBytes int
}

// DefaultLimits returns 1 MiB messages, 64 levels and 64 KiB tokens.
func DefaultLimits() Limits {
	return Limits{MessageBytes: 1 << 20, JSONDepth: 64, TokenBytes: 64 << 10}
}
