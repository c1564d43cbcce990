package schema

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Schema is what a stream's messages are checked against now. Safe for
// concurrent use.
type Schema struct {
	Definition *Definition
	validator  func() (*Validator, error)
}

// newSchema compiles when it is first needed: at the start of a process there
// are thousands of definitions, at half a millisecond each.
func newSchema(def *Definition, rules Rules) *Schema {
	return &Schema{
		Definition: def,
		validator:  sync.OnceValues(func() (*Validator, error) { return Compile(def, rules) }),
	}
}

// Validate is Validator.Validate.
func (s *Schema) Validate(doc Document) error {
	v, err := s.validator()
	if err != nil {
		return err
	}
	return v.Validate(doc)
}

// A history is all versions of one stream, and what its record holds. It is
// never changed; a new version makes a new one.
type history struct {
	revision uint64        // of the record
	versions []*Definition // lowest first; at least one
	current  *Schema       // of the last
}

// recordFormat is the only one so far. A record with another was written by a
// later release, and to guess at it could lose what that release knows.
const recordFormat = 1

// encodeHistory makes the value of a stream's record:
//
//	{"format":1,"versions":[<definition>,...]}
//
// with the lowest version first, and definitions as AppendJSON writes them.
func encodeHistory(versions []*Definition) []byte {
	b := fmt.Appendf(nil, `{"format":%d,"versions":[`, recordFormat)
	for i, def := range versions {
		if i > 0 {
			b = append(b, ',')
		}
		b = def.AppendJSON(b)
	}
	return append(b, "]}"...)
}

func decodeHistory(stream string, value []byte, revision uint64, rules Rules) (*history, error) {
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
	h := &history{revision: revision}
	for i, raw := range record.Versions {
		// What was accepted once stays, whatever today's limits are.
		def, err := ParseDefinition(raw, stream, noLimits)
		if err != nil {
			return nil, err
		}
		if i > 0 && h.versions[i-1].Version.Compare(def.Version) >= 0 {
			return nil, fmt.Errorf("version %s stands behind %s", def.Version, h.versions[i-1].Version)
		}
		h.versions = append(h.versions, def)
	}
	h.current = newSchema(h.versions[len(h.versions)-1], rules)
	return h, nil
}

var noLimits = Limits{Fields: math.MaxInt, Depth: math.MaxInt, EnumValues: math.MaxInt, NameBytes: math.MaxInt}
