package schema

// Limits bound what a client can make the registry keep and compile. They are
// taken literally: start from DefaultLimits.
type Limits struct {
	Fields       int // of one definition, over all levels
	Depth        int // of nested fields; the top level counts as 1
	EnumValues   int // of one field
	NameBytes    int // of a field's name
	HistoryBytes int // of all versions of one stream, as JSON; at most storage.MaxValue
	Streams      int // defined in one jail
}

// DefaultLimits compile in at most about 0.3 s (measured with 1000 fields of
// 250 bytes at the bottom of 16 levels; 27 ms when they are flat).
func DefaultLimits() Limits {
	return Limits{
		Fields:       1000,
		Depth:        16,
		EnumValues:   1000,
		NameBytes:    256,
		HistoryBytes: 4 << 20,
		Streams:      10_000,
	}
}

// A Policy says what becomes of a message that departs from its definition in
// one way. The empty Policy leaves it to whoever is asked next: in a Definition
// that is the server's Rules, and there it means Refuse.
type Policy string

// The policies, as definitions and configurations spell them.
const (
	Refuse Policy = "refuse"
	Accept Policy = "accept"
)

// Rules are what the operator decides for all definitions.
type Rules struct {
	MissingFields Policy // Accept makes every field optional
	UnknownFields Policy // where the definition does not say
	LenientDates  bool   // also take fractions of a second, and +00:00 for Z
}
