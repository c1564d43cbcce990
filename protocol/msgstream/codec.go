package msgstream

// A Codec turns values into bytes and back. The codecs of the lines work on a Request or
// an Event, and a Registry on the values in messages. Safe for concurrent use.
type Codec[T any] interface {
	// Encode appends the value to dst and returns the extended buffer. The appended bytes
	// contain no line feed. After an error dst is unchanged up to its length.
	Encode(dst []byte, v T) ([]byte, error)
	// Decode reads what Encode appends. The value may share the memory of data.
	Decode(data []byte) (T, error)
}

// A Wire is the format of the lines in both directions.
type Wire struct {
	Requests Codec[Request] // from clients
	Events   Codec[Event]   // from gateways
}

// JSON returns the wire format that gateways speak unless they are given another.
func JSON(limits Limits) Wire {
	return Wire{requests{limits}, events{}}
}

// Limits bound what a client's line may contain. All fields must be set.
type Limits struct {
	JSONDepth int // levels of objects and arrays in a line, itself included
	IDBytes   int // size of an id, which the gateway keeps until it has answered
}

// DefaultLimits returns 65 levels, which is 64 in a message, and ids of 1 KiB.
func DefaultLimits() Limits { return Limits{JSONDepth: 65, IDBytes: 1 << 10} }
