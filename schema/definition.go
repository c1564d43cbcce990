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

// hasFields says whether fields of this type have fields of their own.
func (t Type) hasFields() bool { return t == Object || t == ObjectArray }

// item returns the type of an array's elements, and false for what is no array.
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
	Enum     []string // of an enum: its values, distinct, at least one
	Fields   []Field  // of an object or array<object>: distinct names, may be empty
	Optional bool     // it may be missing from a message
}

// A Definition is one version of what a stream's messages look like. Whoever
// holds one must not change it. ParseDefinition makes valid ones.
type Definition struct {
	Name          string // the stream's
	Version       Version
	Fields        []Field // in the order given, which means nothing
	UnknownFields Policy  // empty where the definition leaves it to the server
}

// AppendJSON appends the definition as existing clients take it: they know the
// keys name, version and fields, and break on any other. What the definition
// did not use is therefore not there.
func (d *Definition) AppendJSON(b []byte) []byte {
	b = appendQuoted(append(b, `{"name":`...), d.Name)
	b = d.Version.AppendJSON(append(b, `,"version":`...))
	b = appendFields(append(b, `,"fields":`...), d.Fields)
	if d.UnknownFields != "" {
		b = appendQuoted(append(b, `,"unknownFields":`...), string(d.UnknownFields))
	}
	return append(b, '}')
}

// MarshalJSON is AppendJSON for encoders.
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

// appendQuoted appends s as a JSON string. It cannot fail: what is kept here
// was decoded from strict JSON and is valid UTF-8.
func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
