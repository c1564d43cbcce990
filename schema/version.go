package schema

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxVersionBytes keeps versions short enough for a log line.
const maxVersionBytes = 64

var errNotVersion = errors.New(`expected a number such as 3 or 1.5, or a string of dotted numbers such as "1.0.0"`)

// A Version is the version of a definition: a JSON number or a string of dotted
// numbers. It keeps the form and the digits in which it was given.
type Version struct {
	text   string
	quoted bool // given as a string
}

// ParseVersion reads a version from its JSON.
func ParseVersion(raw jsontext.Value) (Version, error) {
	switch raw.Kind() {
	case '0':
		return newVersion(string(raw), false)
	case '"':
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return Version{}, errNotVersion
		}
		return newVersion(string(text), true)
	default:
		return Version{}, errNotVersion
	}
}

// ParseVersionText reads a version that does not stand in JSON, such as one in a
// URL.
func ParseVersionText(text string) (Version, error) {
	return newVersion(text, true)
}

func newVersion(text string, quoted bool) (Version, error) {
	if len(text) > maxVersionBytes {
		return Version{}, fmt.Errorf("%d bytes, at most %d are allowed", len(text), maxVersionBytes)
	}
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return Version{}, errNotVersion
		}
	}
	return Version{text: text, quoted: quoted}, nil
}

// Compare returns -1 if v is lower than other, 0 if they are the same version,
// and +1 if v is higher. Parts are numbers of any size; a missing part is 0.
func (v Version) Compare(other Version) int {
	a, b := v.text, other.text
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if order := comparePart(x, y); order != 0 {
			return order
		}
	}
	return 0
}

func comparePart(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
}

// String returns the version as it was given, without quotes.
func (v Version) String() string { return v.text }

// AppendJSON appends the version as it was given: a number or a string.
func (v Version) AppendJSON(b []byte) []byte {
	if !v.quoted {
		return append(b, v.text...)
	}
	b = append(b, '"')
	b = append(b, v.text...)
	return append(b, '"')
}

// MarshalJSON implements json.Marshaler with AppendJSON.
func (v Version) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }
