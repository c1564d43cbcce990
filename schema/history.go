package schema

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A History is all versions of one stream's schema, as one record holds them.
// It never changes; a new version makes a new History. A nil History is that of
// a stream without a definition.
type History struct {
	versions []*Definition // the lowest first; at least one
	current  *Schema       // for the last of versions
}

// Current returns the schema in force, or nil.
func (h *History) Current() *Schema {
	if h == nil {
		return nil
	}
	return h.current
}

// Versions returns all versions, the lowest first. The slice must not be
// changed.
func (h *History) Versions() []*Definition {
	if h == nil {
		return nil
	}
	return h.versions
}

// Memory returns about how many bytes of memory the history takes, with the current version
// compiled, if its record has so many bytes. Measured with 1,000 fields: 1.2 to 2.7 bytes for
// each of the record when it is parsed, and 1.3 to 2.1 KB for each field when it is compiled,
// with names of 10 and of 250 bytes.
func (h *History) Memory(recordBytes int64) int64 {
	current := h.current.Definition
	return 3*recordBytes + 4*int64(len(current.AppendJSON(nil))) + 1300*int64(fieldsIn(current.Fields))
}

func fieldsIn(fields []Field) (n int) {
	for _, f := range fields {
		n += 1 + fieldsIn(f.Fields)
	}
	return n
}

// A Change says what a definition does to its stream.
type Change string

// The changes.
const (
	Created   Change = "created"   // the stream had no definition
	Replaced  Change = "replaced"  // the version is higher than the current one
	Unchanged Change = "unchanged" // the version and the fields are the current ones
)

// An Outcome says what a definition did, or would do.
type Outcome struct {
	Definition  *Definition // the current one afterwards; if Unchanged, as it was given first
	Change      Change
	Differences []Difference // if Replaced, from the previous version
}

// recordFormat is the only format so far. A record in another was written by a
// later release. Guessing at it could lose what that release knows.
const recordFormat = 1

// Encode returns the value of the stream's record:
//
//	{"format":1,"versions":[<definition>,...]}
//
// with the lowest version first, and definitions as AppendJSON writes them.
func (h *History) Encode() []byte {
	b := fmt.Appendf(nil, `{"format":%d,"versions":[`, recordFormat)
	for i, def := range h.versions {
		if i > 0 {
			b = append(b, ',')
		}
		b = def.AppendJSON(b)
	}
	return append(b, "]}"...)
}

// DecodeHistory reads what Encode returned. stream is the name of the stream.
func DecodeHistory(stream string, value []byte, rules Rules) (*History, error) {
	var record struct {
		Format   int              `json:"format"`
		Versions []jsontext.Value `json:"versions"`
	}
	if err := json.Unmarshal(value, &record); err != nil {
		return nil, err
	}
	if record.Format != recordFormat {
		return nil, fmt.Errorf("format %d, and this release knows %d", record.Format, recordFormat)
	}
	if len(record.Versions) == 0 {
		return nil, errors.New("no versions")
	}
	h := &History{}
	for i, raw := range record.Versions {
		// A definition that was accepted once stays, whatever the limits are now.
		def, err := ParseDefinition(raw, stream, noLimits)
		if err != nil {
			return nil, err
		}
		if i > 0 && h.versions[i-1].Version.Compare(def.Version) >= 0 {
			return nil, fmt.Errorf("version %s stands behind %s", def.Version, h.versions[i-1].Version)
		}
		h.versions = append(h.versions, def)
	}
	h.current = NewSchema(h.versions[len(h.versions)-1], rules)
	return h, nil
}

var noLimits = Limits{Fields: math.MaxInt, Depth: math.MaxInt, EnumValues: math.MaxInt, NameBytes: math.MaxInt}

// Version returns one version, or nil.
func (h *History) Version(v Version) *Definition {
	i, found := slices.BinarySearchFunc(h.Versions(), v, func(d *Definition, v Version) int { return d.Version.Compare(v) })
	if !found {
		return nil
	}
	return h.versions[i]
}

// Outcome returns what defining def does to the stream. It returns an
// *OlderVersionError or a *ConflictError if the current version forbids it.
func (h *History) Outcome(def *Definition) (Outcome, error) {
	if h == nil {
		return Outcome{Definition: def, Change: Created}, nil
	}
	now := h.current.Definition
	order := def.Version.Compare(now.Version)
	if order < 0 {
		return Outcome{}, &OlderVersionError{Stream: now.Name, Pushed: def.Version, Defined: now.Version}
	}
	differences := Diff(now, def)
	switch {
	case order > 0:
		return Outcome{Definition: def, Change: Replaced, Differences: differences}, nil
	case len(differences) > 0:
		return Outcome{}, &ConflictError{Stream: now.Name, Version: now.Version, Differences: differences}
	default:
		return Outcome{Definition: now, Change: Unchanged}, nil
	}
}

// With returns the history with one more version, the highest, or ErrHistoryFull
// if its record would be larger than maxBytes.
func (h *History) With(schema *Schema, maxBytes int) (*History, error) {
	next := &History{current: schema}
	if h != nil {
		next.versions = slices.Clip(h.versions)
	}
	def := schema.Definition
	next.versions = append(next.versions, def)
	if size := len(next.Encode()); size > maxBytes {
		return nil, fmt.Errorf("%w: %s would take %d bytes with version %s, at most %d are allowed",
			ErrHistoryFull, quoted(def.Name), size, def.Version, maxBytes)
	}
	return next, nil
}
