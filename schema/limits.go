package schema

// Limits bound what a client can make the gateway keep and compile. The zero
// value allows nothing; start from DefaultLimits.
type Limits struct {
	Fields       int // of one definition, over all levels
	Depth        int // of nested fields; the top level counts as 1
	EnumValues   int // of one field
	NameBytes    int // of a field's name
	HistoryBytes int // of all versions of one stream, as JSON; at most storage.MaxValue
}

// DefaultLimits allow definitions that compile in about 0.3 s at most (measured
// with 1000 fields of 250 bytes at the bottom of 16 levels; 27 ms on one level).
func DefaultLimits() Limits {
	return Limits{
		Fields:       1000,
		Depth:        16,
		EnumValues:   1000,
		NameBytes:    256,
		HistoryBytes: 4 << 20,
	}
}

// A Policy says whether messages that differ from their definition in one way
// are accepted. In a Definition, the empty Policy means that the Rules decide; in
// the Rules it means Refuse.
type Policy string

// The policies, as in definitions and in the configuration.
const (
	Refuse Policy = "refuse"
	Accept Policy = "accept"
)

// Rules are the operator's settings for all definitions.
type Rules struct {
	MissingFields Policy // Accept makes every field optional
	UnknownFields Policy // for definitions that do not say
	LenientDates  bool   // also accept fractions of a second, and +00:00 for Z
}
