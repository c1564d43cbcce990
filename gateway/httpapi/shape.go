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

	"seagate/protocol"
	"seagate/schema"
)

// What members must be, said the same way everywhere.
const (
	mustBeThere  = "must be there"
	mustBeString = "must be a non-empty string"
)

// invalidRequest refuses a request with the given problems, at least one.
func invalidRequest(problems ...string) error {
	return protocol.InvalidRequest("the request", problems...)
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

// A form is a body that is an object. What is wrong with its members is
// gathered, so that whoever sent it can correct everything at once.
type form struct {
	members map[string]any
	wrong   []string
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
		return nil, invalidRequest("body: must be an object")
	}
	return &form{members: members}, nil
}

// text returns the member, a non-empty string.
func (f *form) text(name string) string {
	text, _ := f.members[name].(string)
	if text == "" {
		f.addf("%s: %s", name, mustBeString)
	}
	return text
}

// optional returns the member, a string, or "" if it is not there or null.
func (f *form) optional(name string) string {
	value := f.members[name]
	text, ok := value.(string)
	if !ok && value != nil {
		f.addf("%s: must be a string", name)
	}
	return text
}

// nullable returns the member, a non-empty string, or "" if it is null.
func (f *form) nullable(name string) string {
	value, there := f.members[name]
	text, _ := value.(string)
	if text == "" && (value != nil || !there) {
		f.addf("%s: %s, or null", name, mustBeString)
	}
	return text
}

// maxNames bounds a list of names: as many streams as a jail has by default.
const maxNames = 10_000

// names returns the member, a list of strings.
func (f *form) names(name string) []string {
	list, ok := f.members[name].([]any)
	if !ok {
		f.addf("%s: must be a list of strings", name)
	}
	if len(list) > maxNames {
		f.addf("%s: has %d names and at most %d are allowed", name, len(list), maxNames)
		return nil
	}
	names := make([]string, len(list))
	for i, item := range list {
		if names[i], ok = item.(string); !ok {
			f.addf("%s[%d]: must be a string", name, i)
		}
	}
	return names
}

// object returns the member as a form of its own, an empty one if it is not
// there or null. What is wrong there goes to the form around it with within.
func (f *form) object(name string) *form {
	value := f.members[name]
	members, ok := value.(map[string]any)
	if !ok && value != nil {
		f.addf("%s: must be an object or null", name)
	}
	return &form{members: members}
}

// within adds what is wrong with the form that is the member of that name.
func (f *form) within(name string, inner *form) {
	for _, problem := range inner.wrong {
		f.addf("%s.%s", name, problem)
	}
}

// only notes the members that are none of these. It is for bodies in which one
// that is left out means something: mistyped, it must not just be ignored.
func (f *form) only(known ...string) {
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		if !slices.Contains(known, name) {
			f.addf("%s: there is no such member; there is %s", excerpt(name), strings.Join(known, ", "))
		}
	}
}

// truth returns the member, true or false, and false if it is not there or
// null.
func (f *form) truth(name string) bool {
	value := f.members[name]
	truth, ok := value.(bool)
	if !ok && value != nil {
		f.addf("%s: must be true or false", name)
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
		f.addf("%s: must be an integer from 0, which is no bound, to %d, or null", name, int64(protocol.MaxInteger))
		return nil
	}
	whole := int64(n)
	return &whole
}

func (f *form) addf(format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

func (f *form) err() error { return refusal(f.wrong) }

// refusal returns nil if nothing is wrong.
func refusal(wrong []string) error {
	if len(wrong) == 0 {
		return nil
	}
	return invalidRequest(wrong...)
}

// query returns the parameters, each at most once, and what is wrong with
// them. One that is not known is: with a mistyped dryRun ignored, the stream
// would be defined.
func (q *request) query(known ...string) (values map[string]string, wrong []string) {
	if q.r.URL.RawQuery == "" {
		return nil, nil
	}
	parsed, err := url.ParseQuery(q.r.URL.RawQuery)
	if err != nil {
		return nil, []string{"query: it is not well formed"}
	}
	values = make(map[string]string, len(parsed))
	for name, list := range parsed {
		switch {
		case !slices.Contains(known, name):
			wrong = append(wrong, fmt.Sprintf("query: there is no parameter %q here; there is %s", excerpt(name), strings.Join(known, ", ")))
		case len(list) > 1:
			wrong = append(wrong, fmt.Sprintf("query: %s is there more than once", name))
		}
		values[name] = list[0]
	}
	slices.Sort(wrong)
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
		wrong = append(wrong, problem)
	}
	return query["after"], limit, refusal(wrong)
}

// pageLimit returns how long a page may be, or what is wrong with that.
func pageLimit(query map[string]string) (limit int, problem string) {
	text, given := query["limit"]
	if !given {
		return defaultPage, ""
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, fmt.Sprintf("query: limit must be an integer from 1 to %d", maxPage)
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
