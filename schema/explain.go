package schema

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/problems"
)

// maxSuggestions is how many names are compared per Budget to suggest what an unknown
// field was meant to be.
const maxSuggestions = 4096

// errNotDecoded reports a Document whose Raw is not from Decode.
var errNotDecoded = errors.New("schema: the document was not made by Decode")

// An explainer reads the text of one message beside its definition, once, from
// front to back. It takes time linear in the length of the message, whatever the
// definition, and gives up when its budget is spent.
type explainer struct {
	problems.List
	budget  Budget
	v       *Validator
	text    bytes.Buffer // over the message; the decoder reads a bytes.Buffer in place
	dec     *jsontext.Decoder
	path    []segment // of the value that is being read
	seen    []bool    // the fields found in all objects that are being read, outermost first
	unquote []byte    // reused for strings with escapes

	hidden []Problem // those of the list that the judge cannot see
	work   int       // of the judge for this message; see maxJudgeWork
}

type segment struct {
	name  string
	index int // of an array's element, if name is empty
}

var explainers = sync.Pool{New: func() any { return &explainer{dec: new(jsontext.Decoder)} }}

// jsonAsDecoded turns off a check that Decode has made.
var jsonAsDecoded = jsontext.AllowDuplicateNames(true)

func explain(v *Validator, raw []byte, b *Budget) (finding, error) {
	x := explainers.Get().(*explainer)
	x.v, x.budget = v, *b
	x.Max, x.MaxBytes = max(1, b.problems), max(1, b.bytes)
	x.text = *bytes.NewBuffer(raw)
	x.dec.Reset(&x.text, jsonAsDecoded)
	x.value(&v.top)
	_, err := x.dec.ReadToken()
	found := finding{List: x.List, hidden: x.hidden, work: x.work}
	*b = x.budget // a copy, so that the caller's budget need not be on the heap
	x.release()
	if b.steps < 0 {
		return finding{}, ErrTooCostly
	}
	b.problems -= len(found.Kept())
	b.bytes -= found.Bytes()
	if err != io.EOF || len(raw) == 0 {
		return finding{}, errNotDecoded
	}
	return found, nil
}

// release returns x to the pool, without the message and what was made of it.
func (x *explainer) release() {
	const keep = 4096
	if cap(x.unquote) > keep {
		x.unquote = nil
	}
	*x = explainer{dec: x.dec, path: x.path[:0], seen: x.seen[:0], unquote: x.unquote[:0]}
	x.dec.Reset(&x.text)
	explainers.Put(x)
}

// A finding is what the explainer found in one message.
type finding struct {
	problems.List
	hidden []Problem
	work   int
}

func (x *explainer) value(s *shape) {
	x.work += s.weight
	x.budget.steps--
	kind := x.dec.PeekKind()
	switch {
	case kind == '{' && s.kind == Object:
		x.object(s)
	case kind == '[' && s.item != nil:
		x.array(s)
	default:
		x.scalar(s, kind)
	}
}

func (x *explainer) scalar(s *shape, kind jsontext.Kind) {
	raw, err := x.dec.ReadValue()
	if err == nil && !x.fits(s, kind, raw) {
		x.refuse(s, raw)
	}
}

func (x *explainer) fits(s *shape, kind jsontext.Kind, raw jsontext.Value) bool {
	switch s.kind {
	case String:
		return kind == '"'
	case Float:
		return kind == '0'
	case Integer:
		return kind == '0' && isWhole(raw)
	case Date:
		return kind == '"' && isDate(string(x.unquoted(raw)), x.v.rules.LenientDates)
	case Enum:
		if kind != '"' {
			return false
		}
		_, ok := s.enum[string(x.unquoted(raw))]
		return ok
	default:
		return false
	}
}

// unquoted returns the characters of a JSON string. They are valid until the next
// call.
func (x *explainer) unquoted(raw jsontext.Value) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	x.unquote, _ = jsontext.AppendUnquote(x.unquote[:0], raw)
	return x.unquote
}

func (x *explainer) refuse(s *shape, raw jsontext.Value) {
	if x.Full() {
		x.Skip(1)
		return
	}
	x.Add(x.place(), "expected "+s.expected+", got "+describe(raw))
	if s.kind == Integer && raw.Kind() == '0' && isWholeDouble(raw) {
		x.hidden = append(x.hidden, x.Kept()[len(x.Kept())-1])
	}
}

// isWholeDouble reports whether a number loses its fraction as a double, so that
// the judge accepts it as an integer.
func isWholeDouble(raw jsontext.Value) bool {
	f, _ := strconv.ParseFloat(string(raw), 64)
	return f == math.Trunc(f)
}

func (x *explainer) array(s *shape) {
	_, _ = x.dec.ReadToken()
	for i := 0; x.more(); i++ {
		x.path = append(x.path, segment{index: i})
		x.value(s.item)
		x.path = x.path[:len(x.path)-1]
	}
	_, _ = x.dec.ReadToken()
}

// more reports whether the object or array that is being read has another part, and the
// budget suffices to read on.
func (x *explainer) more() bool {
	if x.budget.steps < 0 {
		return false
	}
	switch x.dec.PeekKind() {
	case '}', ']', jsontext.KindInvalid:
		return false
	default:
		return true
	}
}

func (x *explainer) object(s *shape) {
	_, _ = x.dec.ReadToken()
	base, missing := len(x.seen), s.required
	x.seen = slices.Grow(x.seen, len(s.fields))[:base+len(s.fields)]
	clear(x.seen[base:])
	x.budget.steps -= len(s.fields) / 64
	for x.more() {
		if f := x.member(s, base); f != nil && !f.optional {
			missing--
		}
	}
	_, _ = x.dec.ReadToken()
	if missing > 0 {
		x.missing(s, x.seen[base:], missing)
	}
	x.seen = x.seen[:base]
}

// member reads one member. It returns the field of that name, nil if unknown.
func (x *explainer) member(s *shape, base int) *shape {
	raw, err := x.dec.ReadValue()
	if err != nil {
		return nil
	}
	name := x.unquoted(raw)
	i, known := s.index[string(name)]
	if !known {
		x.budget.steps--
		x.unknown(s, name)
		_ = x.dec.SkipValue()
		return nil
	}
	f := &s.fields[i]
	x.seen[base+i] = true
	x.path = append(x.path, segment{name: f.name})
	x.value(f)
	x.path = x.path[:len(x.path)-1]
	return f
}

// missing notes count required fields that were not seen. It does not look for
// them once the list is full: each object of a megabyte of {},{},... may lack 1000.
func (x *explainer) missing(s *shape, seen []bool, count int) {
	for i := 0; count > 0 && !x.Full(); i++ {
		f := &s.fields[i]
		if seen[i] || f.optional {
			continue
		}
		count--
		x.path = append(x.path, segment{name: f.name})
		x.Add(x.place(), "missing, expected "+f.expected)
		x.path = x.path[:len(x.path)-1]
	}
	x.Skip(count)
}

func (x *explainer) unknown(s *shape, name []byte) {
	if x.v.takesUnknown {
		return
	}
	if x.Full() {
		x.Skip(1)
		return
	}
	path := appendMember(x.appendPath(nil), shorten(string(name), maxQuoted))
	x.Add(string(path), "not a field of "+x.v.title+x.suggestion(s, string(name)))
}

func (x *explainer) suggestion(s *shape, name string) string {
	if x.budget.compared -= len(s.names); x.budget.compared < 0 {
		return ""
	}
	if meant, ok := nearest(name, s.names); ok {
		return "; did you mean " + quoted(meant) + "?"
	}
	return ""
}

// place returns the path of the value that is being read, "payload" for the whole
// message.
func (x *explainer) place() string {
	if len(x.path) == 0 {
		return "payload"
	}
	return string(x.appendPath(nil))
}

func (x *explainer) appendPath(b []byte) []byte {
	for _, s := range x.path {
		if s.name == "" {
			b = appendIndex(b, s.index)
		} else {
			b = appendMember(b, s.name)
		}
	}
	return b
}
