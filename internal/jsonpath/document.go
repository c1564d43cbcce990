package jsonpath

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
)

// A Document is a text as a Set has read it. It decodes a value when it is asked for
// the first time, so one goroutine at a time may use it.
type Document struct {
	// Value is the whole: a string, float64, bool or nil, or a *Part. Path.Resolve
	// takes it.
	Value   any
	decoded int
}

// Decoded returns how many values were decoded. It grows with what is asked for.
func (d *Document) Decoded() int { return d.decoded }

// A Part is an object or array of a Document.
type Part struct {
	document *Document
	raw      jsontext.Value
	isArray  bool
	length   int
	found    []place         // what is at paths of the Set
	index    map[segment]int // of found, if there is much; nil until it is used

	values int // see Values; 0 until it is known
	whole  any // see Whole; nil until it is decoded
}

// A place is a member or element of a Part, or the whole document.
type place struct {
	name      string
	index     int64          // from the front
	raw       jsontext.Value // of a scalar
	value     any            // a *Part, or a scalar if isDecoded
	isDecoded bool
}

func (d *Document) decode(at *place) any {
	if !at.isDecoded {
		at.value, at.isDecoded = scalar(at.raw), true
		d.decoded++
	}
	return at.value
}

// scalar decodes a value that is neither an object nor an array.
func scalar(raw jsontext.Value) any {
	switch raw[0] {
	case 'n':
		return nil
	case 't', 'f':
		return raw[0] == 't'
	case '"':
		text, _ := jsonscan.Text(raw) // the cursor has checked it, and the number
		return string(text)
	default:
		number, _ := strconv.ParseFloat(string(raw), 64)
		return number
	}
}

// at returns the member or element that a step of a path leads to.
func (p *Part) at(step *segment) (value any, ok bool) {
	if step.byIndex != p.isArray {
		return nil, false
	}
	key := *step
	if key.index < 0 {
		key.index += int64(p.length)
	}
	if len(p.found) > few {
		i, ok := p.indexed()[key]
		if !ok {
			return nil, false
		}
		return p.document.decode(&p.found[i]), true
	}
	for i := range p.found {
		if at := &p.found[i]; at.index == key.index && at.name == key.name {
			return p.document.decode(at), true
		}
	}
	return nil, false
}

func (p *Part) indexed() map[segment]int {
	if p.index == nil {
		p.index = make(map[segment]int, len(p.found))
		for i := range p.found {
			p.index[segment{name: p.found[i].name, index: p.found[i].index, byIndex: p.isArray}] = i
		}
	}
	return p.index
}

// IsArray reports whether the part is an array, not an object.
func (p *Part) IsArray() bool { return p.isArray }

// Len returns how many members or elements the part has.
func (p *Part) Len() int { return p.length }

// Bytes returns the length of the text of the part.
func (p *Part) Bytes() int { return len(p.raw) }

// Values returns how many values are in the part, on all levels.
func (p *Part) Values() int {
	if p.values == 0 && p.length > 0 {
		p.values = jsonscan.Values(p.raw)
	}
	return p.values
}

// Whole decodes the part as json v2 does into an any: into a map[string]any or []any.
func (p *Part) Whole() any {
	if p.whole == nil {
		_ = json.Unmarshal(p.raw, &p.whole) // the cursor has checked it
		p.document.decoded += p.Values()
	}
	return p.whole
}
