package schema

import (
	"fmt"
	"strings"
)

// A shape is what the explainer expects in one place of a message: the definition
// in a form that is quick to look up.
type shape struct {
	name     string // of the field; empty for the elements of an array
	kind     Type   // of the value; for arrays, item is the shape of the elements
	optional bool   // the field may be missing
	expected string // completes "expected ..., got ..."
	weight   int    // cost of one value for the judge; see maxJudgeWork

	enum     map[string]struct{}
	item     *shape
	fields   []shape        // of an object, in the order of the definition
	index    map[string]int // name → index in fields
	names    []string       // of fields, for suggestions
	required int            // number of fields that are not optional
}

// A shaper makes the shapes of one definition.
type shaper struct{ rules Rules }

func (s shaper) object(fields []Field, pathBytes int) shape {
	o := shape{
		kind:     Object,
		expected: "an object",
		weight:   weigh(pathBytes) + len(fields),
		fields:   make([]shape, 0, len(fields)),
		index:    make(map[string]int, len(fields)),
		names:    make([]string, 0, len(fields)),
	}
	for i := range fields {
		f := &fields[i]
		field := s.field(f, pathBytes+len(f.Name))
		field.name, field.optional = f.Name, !isRequired(f, s.rules)
		if !field.optional {
			o.required++
		}
		o.fields = append(o.fields, field)
		o.index[f.Name] = i
		o.names = append(o.names, f.Name)
	}
	return o
}

func (s shaper) field(f *Field, pathBytes int) shape {
	of, isArray := f.Type.item()
	if !isArray {
		return s.value(f, f.Type, pathBytes)
	}
	item := s.value(f, of, pathBytes)
	return shape{kind: f.Type, expected: expectedArray(of), weight: item.weight, item: &item}
}

func (s shaper) value(f *Field, of Type, pathBytes int) shape {
	if of == Object {
		return s.object(f.Fields, pathBytes)
	}
	v := shape{kind: of, weight: weigh(pathBytes)}
	switch of {
	case Float:
		v.expected = "a number"
	case Integer:
		v.expected = "an integer"
	case Date:
		v.expected = fmt.Sprintf("a date (%q)", dateLayout)
	case Enum:
		v.expected = "one of " + quotedList(f.Enum)
		v.enum = setOf(f.Enum)
	default:
		v.expected = "a string"
	}
	return v
}

func expectedArray(of Type) string {
	return fmt.Sprintf("an array of %ss", strings.Replace(string(of), "float", "number", 1))
}

// weigh returns the cost of one value for the judge, in look-ups of a property.
// The judge makes the text of the path to every value, whether it needs it or not.
func weigh(pathBytes int) int { return 1 + pathBytes/128 }
