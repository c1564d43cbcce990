package schema

import (
	"github.com/go-json-experiment/json/jsontext"
)

// A Type is the type of a field, as definitions spell it.
type Type string

// The types of the protocol.
const (
	String       Type = "string"
	Float        Type = "float"
	Integer      Type = "integer"
	Date         Type = "date"
	Enum         Type = "enum"
	Object       Type = "object"
	StringArray  Type = "array<string>"
	FloatArray   Type = "array<float>"
	IntegerArray Type = "array<integer>"
	DateArray    Type = "array<date>"
	ObjectArray  Type = "array<object>"
)

var types = []Type{String, Float, Integer, Date, Enum, Object, StringArray, FloatArray, IntegerArray, DateArray, ObjectArray}

// hasFields reports whether fields of this type contain fields.
func (t Type) hasFields() bool { return t == Object || t == ObjectArray }

// item returns the type of an array's elements, and false for other types.
func (t Type) item() (Type, bool) {
	switch t {
	case StringArray:
		return String, true
	case FloatArray:
		return Float, true
	case IntegerArray:
		return Integer, true
	case DateArray:
		return Date, true
	case ObjectArray:
		return Object, true
	default:
		return "", false
	}
}

// A Field is one field of a definition.
type Field struct {
	Name     string
	Type     Type
	Enum     []string // for an enum: its values, at least one, all different
	Fields   []Field  // for an object or array<object>: their names are all different
	Optional bool     // a message may lack the field
}

// A Definition is one version of what the messages of a stream look like. Nobody
// may change one. ParseDefinition returns valid ones.
type Definition struct {
	Name          string // of the stream
	Version       Version
	Fields        []Field // the order means nothing
	UnknownFields Policy  // empty if the server's Rules decide
}

// AppendJSON appends the whole definition. An extension of stream-sea appears only
// if the definition uses it.
func (d *Definition) AppendJSON(b []byte) []byte {
	b = d.appendKnown(b)
	if d.UnknownFields != "" {
		b = appendQuoted(append(b, `,"unknownFields":`...), string(d.UnknownFields))
	}
	return append(b, '}')
}

// AppendThreeKeys appends what deployed clients know of a definition: name, version
// and fields. The Python client fails on any other key.
func (d *Definition) AppendThreeKeys(b []byte) []byte { return append(d.appendKnown(b), '}') }

// appendKnown appends the definition without its extensions and the closing brace.
func (d *Definition) appendKnown(b []byte) []byte {
	b = appendQuoted(append(b, `{"name":`...), d.Name)
	b = d.Version.AppendJSON(append(b, `,"version":`...))
	return appendFields(append(b, `,"fields":`...), d.Fields)
}

// MarshalJSON implements json.Marshaler with AppendJSON.
func (d *Definition) MarshalJSON() ([]byte, error) { return d.AppendJSON(nil), nil }

func appendFields(b []byte, fields []Field) []byte {
	b = append(b, '[')
	for i := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = fields[i].appendJSON(b)
	}
	return append(b, ']')
}

func (f *Field) appendJSON(b []byte) []byte {
	b = appendQuoted(append(b, `{"name":`...), f.Name)
	b = appendQuoted(append(b, `,"type":`...), string(f.Type))
	if f.Type == Enum {
		b = appendStrings(append(b, `,"enum":`...), f.Enum)
	}
	if f.Type.hasFields() {
		b = appendFields(append(b, `,"fields":`...), f.Fields)
	}
	if f.Optional {
		b = append(b, `,"optional":true`...)
	}
	return append(b, '}')
}

func appendStrings(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, s)
	}
	return append(b, ']')
}

// appendQuoted appends s as a JSON string. It cannot fail: all text here comes
// from strict JSON and is valid UTF-8.
func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
