package tracing

import (
	"encoding/hex"
	"math/rand/v2"
)

// A Context names a span of a trace, which may be another program's (W3C Trace Context). The zero value is
// none.
type Context struct {
	TraceID [16]byte
	SpanID  [8]byte
	Sampled bool // whoever began the trace keeps it
}

// IsSet reports whether there is a span.
func (c Context) IsSet() bool { return c.TraceID != [16]byte{} }

// Parse reads a traceparent header. As the specification demands, what is not valid is ignored: then the
// Context is none.
//
//	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//	version-trace-span-flags
func Parse(traceparent string) (c Context) {
	const length = 55
	s := traceparent
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' || len(s) > length && (s[:2] == "00" || s[length] != '-') {
		return Context{}
	}
	var version, flags [1]byte
	if !unhex(version[:], s[:2]) || version[0] == 0xff || !unhex(c.TraceID[:], s[3:35]) || !unhex(c.SpanID[:], s[36:52]) ||
		!unhex(flags[:], s[53:55]) || c.SpanID == [8]byte{} {
		return Context{}
	}
	c.Sampled = flags[0]&1 != 0
	return c
}

// unhex fills dst from digits in lower case, without an allocation.
func unhex(dst []byte, digits string) bool {
	for i := range dst {
		high, low := digit(digits[2*i]), digit(digits[2*i+1])
		if high < 0 || low < 0 {
			return false
		}
		dst[i] = byte(high<<4 | low)
	}
	return true
}

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// String returns the Context as a traceparent header.
func (c Context) String() string {
	flags := "-00"
	if c.Sampled {
		flags = "-01"
	}
	return "00-" + hex.EncodeToString(c.TraceID[:]) + "-" + hex.EncodeToString(c.SpanID[:]) + flags
}

// newSpanID returns an id that is not 0. It needs no secrecy.
func newSpanID() (id [8]byte) {
	fill(id[:])
	return id
}

func newTraceID() (id [16]byte) {
	fill(id[:8])
	fill(id[8:])
	return id
}

func fill(b []byte) {
	n := rand.Uint64() | 1
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
}
