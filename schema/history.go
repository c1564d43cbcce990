package schema

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A History is all versions of one stream's schema, as one record holds them.
// It never changes; a new version makes a new History. A nil History is that of
// a stream without a definition.
type History struct {
	versions  []*Definition // the lowest first; at least one
	definedAt []time.Time   // of each of versions; zero for those of releases that did not keep it
	current   *Schema       // for the last of versions
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

// InForce returns the version that was in force at a time, or nil if there was none. known is false
// if that is not known, because an older release did not record the times of definitions.
func (h *History) InForce(at time.Time) (def *Definition, known bool) {
	for i, def := range slices.Backward(h.Versions()) {
		switch defined := h.definedAt[i]; {
		case defined.IsZero():
			return nil, false
		case !defined.After(at):
			return def, true
		}
	}
	return nil, true
}

// Memory estimates how many bytes of memory the history takes, with the current version
// compiled, if its record has recordBytes bytes. Measured with 1,000 fields whose names have 10
// and 250 bytes: parsing takes 1.2 to 2.7 bytes for each byte of the record, and compiling takes
// 1.3 to 2.1 KB for each field.
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

// recordFormat is the only format so far. A record in another format was written
// by a later release. Guessing at its content could lose some of it.
const recordFormat = 1

// definedFormat is RFC 3339 in UTC, always of the same length.
const definedFormat = "2006-01-02T15:04:05.000000Z"

// Encode returns the value of the stream's record:
//
//	{"format":1,"versions":[<definition>,...],"definedAt":["2026-11-21T10:00:00.500000Z",...]}
//
// with the lowest version first, and definitions as AppendJSON writes them. A time is "" if it is
// unknown, and definedAt is missing in records of releases that did not keep it.
func (h *History) Encode() []byte {
	b := fmt.Appendf(nil, `{"format":%d,"versions":[`, recordFormat)
	for i, def := range h.versions {
		if i > 0 {
			b = append(b, ',')
		}
		b = def.AppendJSON(b)
	}
	b = append(b, `],"definedAt":[`...)
	for i, at := range h.definedAt {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		if !at.IsZero() {
			b = at.AppendFormat(b, definedFormat)
		}
		b = append(b, '"')
	}
	return append(b, "]}"...)
}

// DecodeHistory reads what Encode returned. stream is the name of the stream.
func DecodeHistory(stream string, value []byte, rules Rules) (*History, error) {
	var record struct {
		Format    int              `json:"format"`
		Versions  []jsontext.Value `json:"versions"`
		DefinedAt []string         `json:"definedAt"`
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
	h := &History{definedAt: make([]time.Time, len(record.Versions))}
	for i, text := range record.DefinedAt {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil && i < len(h.definedAt) {
			h.definedAt[i] = at
		}
	}
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
	differences := Diff(now, def, h.current.rules)
	switch {
	case order > 0:
		return Outcome{Definition: def, Change: Replaced, Differences: differences}, nil
	case len(differences) > 0:
		return Outcome{}, &ConflictError{Stream: now.Name, Version: now.Version, Differences: differences}
	default:
		return Outcome{Definition: now, Change: Unchanged}, nil
	}
}

// Compare returns how two versions differ, and what of it breaks by the rules in force.
func (h *History) Compare(old, new *Definition) []Difference { return Diff(old, new, h.current.rules) }

// With returns the history with one more version, the highest, that is defined at a time, or
// ErrHistoryFull if its record would be larger than maxBytes.
func (h *History) With(schema *Schema, at time.Time, maxBytes int) (*History, error) {
	next := &History{current: schema}
	if h != nil {
		next.versions, next.definedAt = slices.Clip(h.versions), slices.Clip(h.definedAt)
	}
	def := schema.Definition
	next.versions, next.definedAt = append(next.versions, def), append(next.definedAt, at.UTC().Round(0))
	if size := len(next.Encode()); size > maxBytes {
		return nil, fmt.Errorf("%w: %s would take %d bytes with version %s, at most %d are allowed",
			ErrHistoryFull, quoted(def.Name), size, def.Version, maxBytes)
	}
	return next, nil
}
