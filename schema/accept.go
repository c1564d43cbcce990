package schema

import (
	"unicode/utf8"

	"seagate/internal/jsonscan"
)

// Check reads one message that nests at most depth levels deep, checks it, and
// returns it without insignificant white space. The result may share the memory of
// payload. The error is that of Decode or of Validate. A nil Schema checks only
// that the message is JSON that every reader understands alike.
//
// Nearly every message matches its definition. Check finds that out in one walk
// over the text, without allocating. Only a message that the walk does not accept
// is decoded for the judge and the explainer, which decide and word the refusal.
func (s *Schema) Check(payload []byte, depth int) ([]byte, error) {
	b := NewBudget(0)
	return s.CheckWithin(&b, payload, depth)
}

// CheckWithin is Check for one of several messages that share a budget. It returns
// ErrTooCostly if the budget does not suffice for one that the walk does not accept.
func (s *Schema) CheckWithin(b *Budget, payload []byte, depth int) ([]byte, error) {
	var v *Validator
	if s != nil {
		v = s.validator()
	}
	if spaces, ok := accepts(v, payload, depth); ok {
		if spaces == 0 {
			return payload, nil
		}
		return jsonscan.Compact(payload, spaces), nil
	}
	doc, err := Decode(payload, depth)
	if err == nil && v != nil {
		err = v.validate(doc, b)
	}
	if err != nil {
		return nil, err
	}
	return doc.Raw, nil
}

// accepts reports whether payload is certainly a message that Decode and v accept,
// and how much insignificant white space it has. It may say no to a message that
// they accept, for example to one that writes a date with escapes.
func accepts(v *Validator, payload []byte, depth int) (spaces int, ok bool) {
	w := walker{text: payload, levels: depth}
	var top *shape
	if v != nil {
		top, w.takesUnknown, w.lenientDates = &v.top, v.takesUnknown, v.rules.LenientDates
	}
	if !w.value(top) {
		return 0, false
	}
	w.space()
	return w.spaces, w.at == len(payload)
}

const (
	// maxUnknownNames is how many names of unknown fields a walker notes, over all
	// objects that it is in. Looking for duplicates takes time in the square of
	// their number.
	maxUnknownNames = 32
	// maxSeen is how many words of 64 fields the objects that a walker is in may
	// have. It is enough for every definition within DefaultLimits.
	maxSeen = 32
)

// A walker reads the text of one message beside its definition, once, from front
// to back. Each method reads what its name says and reports false for what is
// wrong, and for what is rare and not worth its code.
type walker struct {
	text         []byte
	at           int // offset of the next byte
	spaces       int // bytes of white space before at, outside of strings
	levels       int // how much deeper the text may nest
	takesUnknown bool
	lenientDates bool

	// Of the objects that are being read, outermost first. They are arrays, not
	// slices, so that a walker lives on the stack.
	seen      [maxSeen]uint64 // a bit for each field
	seenWords int
	names     [maxUnknownNames]span // unknown names
	nameCount int
}

// A span is a part of a walker's text.
type span struct{ from, to int }

// value reads a value that fits s. A nil shape takes every value.
func (w *walker) value(s *shape) bool {
	w.space()
	if w.at >= len(w.text) {
		return false
	}
	switch c := w.text[w.at]; {
	case s == nil:
		return w.any(c)
	case c == '"':
		return w.stringOf(s)
	case c == '{' && s.kind == Object:
		return w.object(s)
	case c == '[' && s.item != nil:
		return w.array(s.item)
	case s.kind == Float:
		_, ok := w.number()
		return ok
	case s.kind == Integer:
		token, ok := w.number()
		return ok && isWhole(token)
	default:
		return false
	}
}

func (w *walker) any(c byte) bool {
	switch c {
	case '"':
		_, _, ok := w.string()
		return ok
	case '{':
		return w.object(nil)
	case '[':
		return w.array(nil)
	case 't', 'f', 'n':
		return w.word()
	default:
		_, ok := w.number()
		return ok
	}
}

func (w *walker) space() {
	if w.at < len(w.text) && w.text[w.at] <= ' ' {
		from := w.at
		w.at = jsonscan.SpaceEnd(w.text, from)
		w.spaces += w.at - from
	}
}

// sign reads white space and then c, if c is there.
func (w *walker) sign(c byte) bool {
	w.space()
	if w.at >= len(w.text) || w.text[w.at] != c {
		return false
	}
	w.at++
	return true
}

// object reads an object. A nil shape takes all fields.
func (w *walker) object(s *shape) bool {
	if w.levels--; w.levels < 0 {
		return false
	}
	fields, missing := 0, 0
	if s != nil {
		fields, missing = len(s.fields), s.required
	}
	seen, names := w.seenWords, w.nameCount
	if w.seenWords += (fields + 63) / 64; w.seenWords > maxSeen {
		return false
	}
	clear(w.seen[seen:w.seenWords])
	w.at++
	next := 0 // most clients write the fields in the order of the definition
	for more := !w.sign('}'); more; {
		i, ok := w.member(s, seen, names, next)
		if !ok {
			return false
		}
		if i >= 0 {
			next = i + 1
			if !s.fields[i].optional {
				missing--
			}
		}
		if more = w.sign(','); !more && !w.sign('}') {
			return false
		}
	}
	w.seenWords, w.nameCount = seen, names
	w.levels++
	return missing == 0
}

// member reads one member of an object. It returns the index of the field, or -1
// for one that the definition does not have.
func (w *walker) member(s *shape, seen, names, next int) (field int, ok bool) {
	w.space()
	if w.at >= len(w.text) || w.text[w.at] != '"' {
		return 0, false
	}
	from := w.at + 1
	name, plain, ok := w.string()
	if !ok || !plain || !w.sign(':') {
		return 0, false
	}
	i, known := 0, false
	switch {
	case s == nil:
	case next < len(s.fields) && s.fields[next].name == string(name):
		i, known = next, true
	default:
		i, known = s.index[string(name)]
	}
	if !known {
		return -1, (s == nil || w.takesUnknown) && w.unknown(name, from, names) && w.value(nil)
	}
	word, bit := &w.seen[seen+i/64], uint64(1)<<(i%64)
	if *word&bit != 0 {
		return 0, false
	}
	*word |= bit
	return i, w.value(&s.fields[i])
}

// unknown notes the name of an unknown field, which starts at from. It reports
// false for a duplicate.
func (w *walker) unknown(name []byte, from, names int) bool {
	if w.nameCount == maxUnknownNames {
		return false
	}
	for _, other := range w.names[names:w.nameCount] {
		if string(w.text[other.from:other.to]) == string(name) {
			return false
		}
	}
	w.names[w.nameCount] = span{from, from + len(name)}
	w.nameCount++
	return true
}

func (w *walker) array(item *shape) bool {
	if w.levels--; w.levels < 0 {
		return false
	}
	w.at++
	for more := !w.sign(']'); more; {
		if !w.value(item) {
			return false
		}
		if more = w.sign(','); !more && !w.sign(']') {
			return false
		}
	}
	w.levels++
	return true
}

func (w *walker) stringOf(s *shape) bool {
	text, plain, ok := w.string()
	switch s.kind {
	case String:
		return ok
	case Date:
		return ok && plain && len(text) <= maxDate && isDate(string(text), w.lenientDates)
	case Enum:
		_, found := s.enum[string(text)]
		return ok && plain && found
	default:
		return false
	}
}

// maxDate is the length of the longest date: nine digits of fraction and +00:00.
const maxDate = len(datePlaces) + len(".123456789+00:00")

// string reads a string and returns what is between its quotes. It is plain if it
// has no escapes.
func (w *walker) string() (text []byte, plain, ok bool) {
	end, plain, ascii := jsonscan.StringEnd(w.text, w.at)
	if end < 0 {
		return nil, false, false
	}
	text = w.text[w.at+1 : end-1]
	w.at = end
	return text, plain, ascii || utf8.Valid(text)
}

// number reads a number that a double certainly can hold.
func (w *walker) number() (token []byte, ok bool) {
	end, small := jsonscan.NumberEnd(w.text, w.at)
	if !small {
		return nil, false
	}
	token = w.text[w.at:end]
	w.at = end
	return token, true
}

func (w *walker) word() bool {
	end := jsonscan.WordEnd(w.text, w.at)
	w.at = max(w.at, end)
	return end >= 0
}
