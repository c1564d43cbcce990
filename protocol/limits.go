package protocol

import "time"

// Bounds that no configuration changes, because the other side relies on them.
const (
	// MaxNameBytes bounds the names of streams and the ids of clients and
	// jails, in bytes of UTF-8.
	MaxNameBytes = 255
	// MaxSecretBytes bounds a client secret. Every secret that is presented
	// gets hashed before anybody is authenticated.
	MaxSecretBytes = 1024
	// MaxMessageIDBytes bounds the id of a message that is published.
	MaxMessageIDBytes = 255
	// MaxEpochBytes bounds the epoch of a subscribe request.
	MaxEpochBytes = 64
	// MaxAckSeqs is how many messages one ack or nack may name. What they
	// cost happens under the lock of their group.
	MaxAckSeqs = 10_000
	// MaxCredit is how many messages a member of a group may hold unacknowledged.
	MaxCredit = 1024
	// MaxReasonBytes bounds the reason of a nack, which is kept with the
	// message.
	MaxReasonBytes = 1024
	// MaxNackDelay bounds the delay of a nack.
	MaxNackDelay = 24 * time.Hour
)

// Limits bounds what DecodeRequest and Request.Authenticate take in. The zero
// value refuses everything; start from DefaultLimits.
type Limits struct {
	// MessageBytes is the size of the largest message.
	MessageBytes int
	// JSONDepth is how many objects and arrays may lie within one another,
	// the message itself being the first; at most 10000. Everything that
	// later walks a payload by recursion relies on it.
	JSONDepth int
	// TokenBytes is the size of the largest JWT. A filter travels inside the
	// token, so it bounds filters too, before the signature is known good.
	TokenBytes int
}

// DefaultLimits returns 1 MiB messages, 64 levels and 64 KiB tokens.
func DefaultLimits() Limits {
	return Limits{MessageBytes: 1 << 20, JSONDepth: 64, TokenBytes: 64 << 10}
}
