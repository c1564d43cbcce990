package schema

import (
	"bytes"
	"cmp"
	"container/list"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v5"
)

// judgeURL is the name of every compiled schema; each has a compiler of its own.
// It is absolute, because the compiler takes other names for paths of files.
const judgeURL = "seagate:///definition"

const dateFormat = "seagate-date"

// A judge is a definition as a JSON Schema. It is compiled only when it is asked, since the compiled
// form takes most of the memory of a definition and few messages need it: see judgeCache.
type judge struct {
	def   *Definition
	rules Rules

	// Guarded by judgeCache.mu.
	schema *jsonschema.Schema
	place  *list.Element // in judgeCache.order; nil if it is not there
}

// compile returns the JSON Schema. It takes half a millisecond for ten fields.
func (j *judge) compile() (schema *jsonschema.Schema, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the JSON Schema compiler failed: %v", r)
		}
	}()
	def, rules := j.def, j.rules
	t := translation{rules: rules, def: def, formats: map[string]func(any) bool{
		dateFormat: onStrings(func(s string) bool { return isDate(s, rules.LenientDates) }),
	}}
	text, err := json.Marshal(t.object(def.Fields))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	compiler.AssertFormat = true // by default, draft 2020 does not check formats
	compiler.Formats = t.formats
	compiler.LoadURL = func(url string) (io.ReadCloser, error) {
		return nil, errors.New("definitions refer to nothing outside of them: " + url)
	}
	if err := compiler.AddResource(judgeURL, bytes.NewReader(text)); err != nil {
		return nil, err
	}
	return compiler.Compile(judgeURL)
}

// errJudgeFailed reports that the judge gave no verdict.
var errJudgeFailed = errors.New("schema: the JSON Schema validator failed")

// errNotAsked reports that the explainer is to decide alone.
var errNotAsked = errors.New("schema: the budget does not suffice for the JSON Schema validator")

// verdict returns nil, a *jsonschema.ValidationError, errNotAsked, ErrTooCostly if the definition
// may not be compiled, or an error that wraps errJudgeFailed. It recovers, because messages are
// checked on goroutines where a panic of the validator would end the process.
func (j *judge) verdict(value any, b *Budget) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errJudgeFailed, r)
		}
	}()
	if judges.kept(j) == nil {
		if compiles, err := b.compiles(1 + fieldsIn(j.def.Fields)); !compiles {
			return cmp.Or(err, errNotAsked)
		}
	}
	compiled, err := judges.schemaOf(j)
	if err != nil {
		return fmt.Errorf("%w: %w", errJudgeFailed, err)
	}
	return compiled.Validate(value)
}

// A translation turns a definition into a JSON Schema.
type translation struct {
	rules   Rules
	def     *Definition
	formats map[string]func(any) bool
}

type object = map[string]any

func (t *translation) object(fields []Field) object {
	properties := make(object, len(fields))
	required := []string{}
	for i := range fields {
		f := &fields[i]
		properties[f.Name] = t.field(f)
		if isRequired(f, t.rules) {
			required = append(required, f.Name)
		}
	}
	return object{
		"type":                 "object",
		"properties":           properties,
		"required":             required,
		"additionalProperties": acceptsUnknown(t.def, t.rules),
	}
}

func (t *translation) field(f *Field) object {
	if item, ok := f.Type.item(); ok {
		return object{"type": "array", "items": t.value(f, item)}
	}
	return t.value(f, f.Type)
}

func (t *translation) value(f *Field, of Type) object {
	switch of {
	case Float:
		return object{"type": "number"}
	case Integer:
		return object{"type": "integer"}
	case Date:
		return object{"type": "string", "format": dateFormat}
	case Enum:
		return object{"type": "string", "format": t.enum(f.Enum)}
	case Object:
		return t.object(f.Fields)
	default:
		return object{"type": "string"}
	}
}

// enum returns a format that accepts the values of an enum. The enum keyword
// would compare with one value after the other, and each of its errors has all of
// them: a megabyte of wrong values for an enum of 1000 makes gigabytes of text.
func (t *translation) enum(values []string) string {
	set := setOf(values)
	name := "seagate-enum-" + strconv.Itoa(len(t.formats))
	t.formats[name] = onStrings(func(s string) bool { _, ok := set[s]; return ok })
	return name
}

func setOf(values []string) map[string]struct{} {
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[v] = struct{}{}
	}
	return set
}

// onStrings makes a format for strings. By the rules of JSON Schema it accepts all
// other values.
func onStrings(holds func(string) bool) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return !ok || holds(s)
	}
}

func isRequired(f *Field, rules Rules) bool {
	return !f.Optional && rules.MissingFields != Accept
}

func acceptsUnknown(def *Definition, rules Rules) bool {
	if def.UnknownFields != "" {
		return def.UnknownFields == Accept
	}
	return rules.UnknownFields == Accept
}
