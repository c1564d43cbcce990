package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"seagate/internal/problems"
	"seagate/protocol"
	"seagate/schema"
)

// Problems that several places report.
const (
	mustBeThere  = "must be there"
	mustBeString = "must be a non-empty string"
)

// A refusal collects all problems of a request, so that the client can correct
// everything at once.
type refusal struct{ problems.List }

// err returns nil if there are no problems.
func (r *refusal) err() error { return protocol.InvalidRequest("the request", &r.List) }

// invalidRequest refuses a request for one problem.
func invalidRequest(place, message string) error {
	var r refusal
	r.Add(place, message)
	return r.err()
}

var jsonCodes = map[schema.DecodeErrorKind]protocol.Code{
	schema.Malformed:    protocol.CodeMalformedJSON,
	schema.DuplicateKey: protocol.CodeMalformedJSON,
	schema.InvalidText:  protocol.CodeInvalidUTF8,
	schema.TooDeep:      protocol.CodeNestingTooDeep,
	schema.NumberRange:  protocol.CodeInvalidRequest,
}

// readJSON decodes a body that is strict JSON.
func readJSON(body []byte, depth int) (any, error) {
	document, err := schema.Decode(body, depth)
	if err == nil {
		return document.Value, nil
	}
	code := protocol.CodeMalformedJSON
	if broken, ok := errors.AsType[*schema.DecodeError](err); ok {
		code = jsonCodes[broken.Kind]
	}
	return nil, protocol.Errorf(code, "the body: %v", err)
}

// A form is a body that is an object. Each of its methods reads one member, and
// adds a problem if the member is not as it must be.
type form struct {
	members map[string]any
	refusal
}

// readForm calls read with the body, and returns the problems that it added. A
// body that is not an object is an error.
func (q *request) readForm(read func(*form)) error {
	body, err := q.body()
	if err != nil {
		return err
	}
	f, err := readForm(body, q.depth)
	if err != nil {
		return err
	}
	read(f)
	return f.err()
}

// readForm returns the members of a body, which must be an object of at most depth levels.
func readForm(body []byte, depth int) (*form, error) {
	value, err := readJSON(body, depth)
	if err != nil {
		return nil, err
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, invalidRequest("body", "must be an object")
	}
	return &form{members: members}, nil
}

// optional returns the member, or the zero value if it is missing or null.
func optional[T any](f *form, name, mustBe string) T {
	value := f.members[name]
	typed, ok := value.(T)
	if !ok && value != nil {
		f.Add(name, mustBe)
	}
	return typed
}

// text returns the member, a non-empty string.
func (f *form) text(name string) string {
	text, _ := f.members[name].(string)
	if text == "" {
		f.Add(name, mustBeString)
	}
	return text
}

// optionalText returns the member, a string, or "" if it is missing or null.
func (f *form) optionalText(name string) string { return optional[string](f, name, "must be a string") }

// truth returns the member, or false if it is missing or null.
func (f *form) truth(name string) bool { return optional[bool](f, name, "must be true or false") }

// nullable returns the member, a non-empty string, or "" if it is null. Unlike
// an optional member it must be there.
func (f *form) nullable(name string) string {
	value, there := f.members[name]
	text, _ := value.(string)
	if text == "" && (value != nil || !there) {
		f.Add(name, mustBeString+", or null")
	}
	return text
}

// maxNames bounds a list of names. A jail has as many streams by default.
const maxNames = 10_000

// names returns the member, a list of strings.
func (f *form) names(name string) []string {
	list, ok := f.members[name].([]any)
	if !ok {
		f.Add(name, "must be a list of strings")
	}
	if len(list) > maxNames {
		f.Addf(name, "has %d names and at most %d are allowed", len(list), maxNames)
		return nil
	}
	names := make([]string, len(list))
	for i, item := range list {
		if names[i], ok = item.(string); !ok {
			f.Addf(fmt.Sprintf("%s[%d]", name, i), "must be a string")
		}
	}
	return names
}

// object calls read with the member as a form, empty if the member is missing
// or null, and adds the problems that read adds to that form.
func (f *form) object(name string, read func(*form)) {
	inner := &form{members: optional[map[string]any](f, name, "must be an object or null")}
	read(inner)
	for _, problem := range inner.Kept() {
		f.Add(name+"."+problem.Place, problem.Message)
	}
	f.Skip(inner.More())
}

// only refuses members other than these. It is for bodies in which a missing
// member means something, so that a mistyped one must not be ignored.
func (f *form) only(known ...string) {
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		if !slices.Contains(known, name) {
			f.Addf(excerpt(name), "there is no such member; there is %s", strings.Join(known, ", "))
		}
	}
}

// count returns the member, an integer of at least 0, or nil if it is missing or
// null.
func (f *form) count(name string) *int64 {
	value := f.members[name]
	if value == nil {
		return nil
	}
	n, ok := value.(float64)
	if !ok || n < 0 || n > protocol.MaxInteger || n != math.Trunc(n) {
		f.Addf(name, "must be an integer from 0, which is no bound, to %d, or null", int64(protocol.MaxInteger))
		return nil
	}
	whole := int64(n)
	return &whole
}
