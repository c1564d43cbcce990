package merge

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonpath"
	"seagate/internal/jsonscan"
	"seagate/internal/rfc3339"
	"seagate/streams"
)

// A Stamp is the timestamp of a message. A time is its seconds since 1970, so
// that it compares with a number of seconds.
type Stamp struct {
	whole int64   // the integer below or equal
	rest  float64 // what is above it
}

// Compare returns -1, 0 or 1 if s is lower than t, equal, or higher.
func (s Stamp) Compare(t Stamp) int {
	return cmp.Or(cmp.Compare(s.whole, t.whole), cmp.Compare(s.rest, t.rest))
}

func stampOfTime(t time.Time) Stamp {
	return Stamp{t.Unix(), float64(t.Nanosecond()) / 1e9}
}

// stampOfNumber returns the stamp of a JSON number. Integers of 64 bits are
// exact, since times in nanoseconds need more bits than a float64 has.
func stampOfNumber(text string) (Stamp, bool) {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Stamp{whole: whole}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	switch floor := math.Floor(f); {
	case err != nil:
		return Stamp{}, false
	case floor >= math.MaxInt64: // float64(math.MaxInt64) is 2^63
		return Stamp{math.MaxInt64, f}, true
	case floor < math.MinInt64:
		return Stamp{math.MinInt64, f}, true
	default:
		return Stamp{int64(floor), f - floor}, true
	}
}

// A By says where the timestamps of messages are. The zero value is Accepted.
type By struct {
	inside bool
	path   jsonpath.Path
	key    string // the path in its canonical spelling
}

// Accepted takes the time at which the topic accepted a message.
func Accepted() By { return By{} }

// Path takes the value at a place in the message, which is a number or an RFC
// 3339 text. The path is a singular query of RFC 9535, as "$.time" or
// "$.samples[0].at". The error says what is wrong with it.
func Path(text string) (By, error) {
	path, err := jsonpath.Parse(text)
	if err != nil {
		return By{}, fmt.Errorf("merge: %q is no path: %w", text, err)
	}
	return By{inside: true, path: path, key: string(path.Append(nil))}, nil
}

// Stamp returns the timestamp of a message, and false if it has none.
func (by By) Stamp(m *streams.Message) (Stamp, bool) {
	if !by.inside {
		return stampOfTime(m.Time), true
	}
	value, ok := by.path.Find(jsontext.Value(m.Payload))
	if !ok {
		return Stamp{}, false
	}
	switch value.Kind() {
	case '0':
		return stampOfNumber(string(value))
	case '"':
		text, _ := jsonscan.Text(value)
		at, ok := rfc3339.Parse(string(text))
		return stampOfTime(at), ok
	}
	return Stamp{}, false
}

// stamps are the timestamps of a batch. All merges with the same path share
// them, so that each message is read once.
type stamps struct {
	of []stampOf // by message
}

type stampOf struct {
	at          Stamp
	read, timed bool
}

type stampsKey struct{ path string }

// stamp returns the timestamp of the i-th message of a batch.
func (by By) stamp(b *streams.Batch, i int) (Stamp, bool) {
	if !by.inside {
		return stampOfTime(b.Messages[i].Time), true
	}
	shared := b.Memo(stampsKey{by.key}, func() any { return &stamps{make([]stampOf, len(b.Messages))} }).(*stamps)
	s := &shared.of[i]
	if !s.read {
		s.at, s.timed = by.Stamp(b.Messages[i])
		s.read = true
	}
	return s.at, s.timed
}
