package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"seagate/internal/problems"
	"seagate/protocol"
	"seagate/schema"
)

// What members must be, said the same way everywhere.
const (
	mustBeThere  = "must be there"
	mustBeString = "must be a non-empty string"
)

// invalidRequest refuses a request for one problem.
func invalidRequest(place, message string) error {
	var wrong problems.List
	wrong.Add(place, message)
	return refusal(&wrong)
}

// refusal returns nil if nothing is wrong.
func refusal(wrong *problems.List) error {
	return protocol.InvalidRequest("the request", wrong)
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

// A form is a body that is an object. Its methods read one member each and note
// what is wrong with it, so that the client can correct everything at once.
type form struct {
	members map[string]any
	problems.List
}

func (q *request) form() (*form, error) {
	body, err := q.body()
	if err != nil {
		return nil, err
	}
	value, err := readJSON(body, q.depth)
	if err != nil {
		return nil, err
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, invalidRequest("body", "must be an object")
	}
	return &form{members: members}, nil
}

// text returns the member, a non-empty string.
func (f *form) text(name string) string {
	text, _ := f.members[name].(string)
	if text == "" {
		f.Add(name, mustBeString)
	}
	return text
}

// optional returns the member, a string, or "" if it is not there or null.
func (f *form) optional(name string) string {
	value := f.members[name]
	text, ok := value.(string)
	if !ok && value != nil {
		f.Add(name, "must be a string")
	}
	return text
}

// nullable returns the member, a non-empty string, or "" if it is null.
func (f *form) nullable(name string) string {
	value, there := f.members[name]
	text, _ := value.(string)
	if text == "" && (value != nil || !there) {
		f.Add(name, mustBeString+", or null")
	}
	return text
}

// maxNames bounds a list of names: as many streams as a jail has by default.
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

// object returns the member as a form of its own, an empty one if it is missing or
// null. Afterwards, within adds the problems of that form to this one.
func (f *form) object(name string) *form {
	value := f.members[name]
	members, ok := value.(map[string]any)
	if !ok && value != nil {
		f.Add(name, "must be an object or null")
	}
	return &form{members: members}
}

// within adds the problems of the form that is the member of that name.
func (f *form) within(name string, inner *form) {
	for _, problem := range inner.Kept() {
		f.Add(name+"."+problem.Place, problem.Message)
	}
	f.Skip(inner.More())
}

// only notes the members that are none of these. It is for bodies in which one
// that is left out means something: mistyped, it must not just be ignored.
func (f *form) only(known ...string) {
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		if !slices.Contains(known, name) {
			f.Addf(excerpt(name), "there is no such member; there is %s", strings.Join(known, ", "))
		}
	}
}

// truth returns the member, true or false, and false if it is not there or
// null.
func (f *form) truth(name string) bool {
	value := f.members[name]
	truth, ok := value.(bool)
	if !ok && value != nil {
		f.Add(name, "must be true or false")
	}
	return truth
}

// count returns the member, an integer from 0 on, or nil if it is not there or
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

func (f *form) err() error { return refusal(&f.List) }

// query returns the parameters, each at most once, and what is wrong with them.
// An unknown parameter is refused, because a mistyped dryRun that is ignored
// would define the stream.
func (q *request) query(known ...string) (values map[string]string, wrong problems.List) {
	if q.r.URL.RawQuery == "" {
		return nil, wrong
	}
	parsed, err := url.ParseQuery(q.r.URL.RawQuery)
	if err != nil {
		wrong.Add("query", "it is not well formed")
		return nil, wrong
	}
	values = make(map[string]string, len(parsed))
	for _, name := range slices.Sorted(maps.Keys(parsed)) {
		list := parsed[name]
		switch {
		case !slices.Contains(known, name):
			wrong.Addf("query", "there is no parameter %q here; there is %s", excerpt(name), strings.Join(known, ", "))
		case len(list) > 1:
			wrong.Addf("query", "%s is there more than once", name)
		}
		values[name] = list[0]
	}
	return values, wrong
}

// Page sizes of the lists.
const (
	defaultPage = 100
	maxPage     = 1000
)

// page returns where a list begins, and how long it may be.
func (q *request) page() (after string, limit int, err error) {
	query, wrong := q.query("after", "limit")
	limit, problem := pageLimit(query)
	if problem != "" {
		wrong.Add("query", problem)
	}
	return query["after"], limit, refusal(&wrong)
}

// pageLimit returns how long a page may be, or what is wrong with that.
func pageLimit(query map[string]string) (limit int, problem string) {
	text, given := query["limit"]
	if !given {
		return defaultPage, ""
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, fmt.Sprintf("limit must be an integer from 1 to %d", maxPage)
	}
	return limit, ""
}

// next is what a page says about the one after it: the name to ask for it
// with, nil if there is none.
func next(last string, more bool) *string {
	if !more {
		return nil
	}
	return &last
}
