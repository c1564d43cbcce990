package schema

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/jsonscan"
	"seagate/internal/problems"
	"seagate/internal/spelling"
)

// ParseDefinition reads a definition of the named stream. A key with the value
// null counts as absent. The error is a *DecodeError if data is not strict JSON,
// and otherwise a *DefinitionError.
func ParseDefinition(data []byte, streamName string, limits Limits) (*Definition, error) {
	doc, err := Decode(data, definitionDepth(limits.Depth))
	if err != nil {
		return nil, err
	}
	p := definitionParser{limits: limits}
	def := p.definition(doc, streamName)
	if p.Count() > 0 {
		return nil, &DefinitionError{Stream: streamName, Problems: p.All()}
	}
	return def, nil
}

// definitionDepth returns how deep the JSON of a definition may nest: two levels,
// an object and an array, for each level of fields, and some for unknown keys.
func definitionDepth(fieldDepth int) int {
	return 2*min(fieldDepth, math.MaxInt32) + 32
}

// A definitionParser reads a decoded definition and collects its problems.
type definitionParser struct {
	problems.List
	limits Limits
	fields int // read so far, on all levels
}

var (
	definitionKeys = []string{"name", "version", "fields", "unknownFields"}
	fieldKeys      = []string{"name", "type", "enum", "fields", "optional"}

	// misplaced has known keys that stand in the wrong place.
	misplaced = map[string]string{
		"unknownFields": "belongs to the definition as a whole, not to a field",
		"optional":      "belongs to a field, not to the definition as a whole",
	}
)

func (p *definitionParser) definition(doc Document, streamName string) *Definition {
	object, ok := doc.Value.(map[string]any)
	if !ok {
		p.Addf("definition", "expected an object, got %s", describe(doc.Raw))
		return nil
	}
	def := &Definition{Name: streamName}
	p.heading(def, object, doc.Raw, "stream")
	if object["fields"] == nil {
		p.Add("fields", "missing, expected a list of fields")
	} else {
		def.Fields = p.fieldList("fields", object["fields"], 1)
	}
	def.UnknownFields = p.policy(object["unknownFields"])
	p.keys("", object, definitionKeys)
	return def
}

// heading reads what the definitions of streams and services have in common.
func (p *definitionParser) heading(def *Definition, object map[string]any, raw []byte, of string) {
	if name, given := object["name"]; given && name != nil && name != def.Name {
		p.Addf("name", "expected %q, the name of the %s, or nothing, got %s", def.Name, of, describeValue(name))
	}
	def.Version = p.version(raw, object["version"] != nil)
}

func (p *definitionParser) version(raw []byte, given bool) Version {
	if !given {
		p.Add("version", "missing, "+errNotVersion.Error())
		return Version{}
	}
	text := member(raw, "version")
	v, err := ParseVersion(text)
	if err != nil {
		p.Addf("version", "%v, got %s", err, describe(text))
	}
	return v
}

func (p *definitionParser) policy(v any) Policy {
	switch v {
	case nil:
		return ""
	case string(Accept):
		return Accept
	case string(Refuse):
		return Refuse
	}
	p.Addf("unknownFields", `expected "accept" or "refuse", got %s`, describeValue(v))
	return ""
}

func (p *definitionParser) fieldList(path string, v any, depth int) []Field {
	list, ok := v.([]any)
	if !ok {
		p.Addf(path, "expected a list of fields, got %s", describeValue(v))
		return nil
	}
	if depth > p.limits.Depth && len(list) > 0 {
		p.Addf(path, "nested deeper than %d levels", p.limits.Depth)
		return nil
	}
	return p.named(path, list, "fields", func(at string, item any) Field { return p.field(at, item, depth) })
}

// named parses the items of a list, which must have distinct names. counted says in a
// problem what the limit of fields counts.
func (p *definitionParser) named(path string, list []any, counted string, parse func(at string, item any) Field) []Field {
	items := make([]Field, 0, min(len(list), p.limits.Fields))
	first := make(map[string]int) // name → index
	for i, item := range list {
		if p.fields >= p.limits.Fields {
			p.Addf(path, "more than %d %s, counting all levels", p.limits.Fields, counted)
			break
		}
		p.fields++
		at := fmt.Sprintf("%s[%d]", path, i)
		one := parse(at, item)
		if before, there := first[one.Name]; there && one.Name != "" {
			p.Addf(at+".name", "%q is already the name of %s[%d]", one.Name, path, before)
		} else {
			first[one.Name] = i
		}
		items = append(items, one)
	}
	return items
}

func (p *definitionParser) field(at string, v any, depth int) Field {
	object, ok := v.(map[string]any)
	if !ok {
		p.Addf(at, "expected a field, an object with name and type, got %s", describeValue(v))
		return Field{}
	}
	f := Field{
		Name:     p.fieldName(at+".name", object["name"]),
		Type:     p.fieldType(at+".type", object["type"]),
		Optional: p.optional(at+".optional", object["optional"]),
	}
	if f.Type == Enum {
		f.Enum = p.enum(at+".enum", object["enum"])
	} else if f.Type != "" {
		p.unwanted(at+".enum", object["enum"], "only an enum has values, and this is a field of type %s", f.Type)
	}
	if f.Type.hasFields() {
		f.Fields = p.nested(at+".fields", object["fields"], f.Type, depth)
	} else if f.Type != "" {
		p.unwanted(at+".fields", object["fields"], "only object and array<object> have fields, and this is a field of type %s", f.Type)
	}
	p.keys(at+".", object, fieldKeys)
	return f
}

func (p *definitionParser) nested(at string, v any, t Type, depth int) []Field {
	if v == nil {
		p.Addf(at, "missing, a field of type %s needs the list of its fields", t)
		return nil
	}
	return p.fieldList(at, v, depth+1)
}

func (p *definitionParser) fieldName(at string, v any) string {
	name, ok := v.(string)
	switch {
	case v == nil:
		p.Add(at, "missing, expected a non-empty string")
	case !ok || name == "":
		p.Addf(at, "expected a non-empty string, got %s", describeValue(v))
	case len(name) > p.limits.NameBytes:
		p.Addf(at, "%d bytes, at most %d are allowed", len(name), p.limits.NameBytes)
		return ""
	}
	return name
}

func (p *definitionParser) fieldType(at string, v any) Type {
	name, ok := v.(string)
	switch {
	case v == nil:
		p.Add(at, "missing, expected one of "+typeNames())
	case !ok || !slices.Contains(types, Type(name)):
		p.Addf(at, "expected one of %s, got %s", typeNames(), describeValue(v))
	default:
		return Type(name)
	}
	return ""
}

func typeNames() string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

func (p *definitionParser) optional(at string, v any) bool {
	optional, ok := v.(bool)
	if v != nil && !ok {
		p.Addf(at, "expected true or false, got %s", describeValue(v))
	}
	return optional
}

func (p *definitionParser) enum(at string, v any) []string {
	list, _ := v.([]any)
	switch {
	case v == nil:
		p.Add(at, "missing, expected a non-empty list of strings")
		return nil
	case len(list) == 0:
		p.Addf(at, "expected a non-empty list of strings, got %s", describeValue(v))
		return nil
	case len(list) > p.limits.EnumValues:
		p.Addf(at, "%d values, at most %d are allowed", len(list), p.limits.EnumValues)
		return nil
	}
	values := make([]string, 0, len(list))
	first := make(map[string]int, len(list))
	for i, item := range list {
		value, ok := item.(string)
		if !ok {
			p.Addf(fmt.Sprintf("%s[%d]", at, i), "expected a string, got %s", describeValue(item))
			continue
		}
		if before, there := first[value]; there {
			p.Addf(fmt.Sprintf("%s[%d]", at, i), "%s is already in the list, at %d", quoted(value), before)
			continue
		}
		first[value] = i
		values = append(values, value)
	}
	return values
}

// unwanted refuses a key that does not belong to the field's type. It accepts
// null, which the PHP client sends, and an empty list, which others send.
func (p *definitionParser) unwanted(at string, v any, why string, t Type) {
	if list, ok := v.([]any); v == nil || ok && len(list) == 0 {
		return
	}
	p.Addf(at, why, t)
}

// keys refuses keys that look like a misspelling of a known key and would be
// ignored.
func (p *definitionParser) keys(prefix string, object map[string]any, known []string) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if slices.Contains(known, key) {
			continue
		}
		if why, ok := misplaced[key]; ok {
			p.Add(prefix+key, why)
		} else if meant, ok := nearest(key, known); ok {
			p.Addf(prefix+key, "unknown key; did you mean %q?", meant)
		}
	}
}

// nearest returns the known name that name is probably a misspelling of. It allows
// two edits, one in names of three or four letters, and none in shorter ones.
// Short words that differ more are different words: "note" is no misspelling of
// "name".
func nearest(name string, known []string) (string, bool) {
	return spelling.Nearest(name, known, func(known string) int {
		switch {
		case len(known) < 3:
			return 0
		case len(known) < 5:
			return 1
		default:
			return 2
		}
	})
}

// describeValue is describe for a decoded value.
func describeValue(v any) string {
	raw, _ := json.Marshal(v)
	return describe(raw)
}

// member returns the text of a member of a decoded object, nil if it has none.
func member(object jsontext.Value, name string) (text jsontext.Value) {
	_, _ = jsonscan.Object(object, math.MaxInt, func(quoted, value jsontext.Value) {
		if found, _ := jsonscan.Text(quoted); string(found) == name {
			text = value
		}
	})
	return text
}
