package jsonpath

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxIndex is the largest magnitude of an index. Every JSON implementation represents integers up
// to it exactly (RFC 9535 §2.1, RFC 7493 §2.2).
const maxIndex = 1<<53 - 1

// A segment is one step of a path: to a member by name, or to an element by index. A negative index
// counts from the end.
type segment struct {
	name    string
	index   int64
	byIndex bool
}

// A Path names at most one place in a JSON value. The zero value is the whole.
type Path struct{ steps []segment }

// Resolve returns the value at the path in doc, which was decoded into any, or is the
// Value of a Document whose Set has the path. ok is false if there is none.
func (p Path) Resolve(doc any) (value any, ok bool) {
	for i := range p.steps {
		step := &p.steps[i]
		switch place := doc.(type) {
		case map[string]any:
			if step.byIndex {
				return nil, false
			}
			if doc, ok = place[step.name]; !ok {
				return nil, false
			}
		case []any:
			if doc, ok = step.element(place); !ok {
				return nil, false
			}
		case *Part:
			if doc, ok = place.at(step); !ok {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return doc, true
}

func (s *segment) element(array []any) (value any, ok bool) {
	if !s.byIndex {
		return nil, false
	}
	i := s.index
	if i < 0 {
		i += int64(len(array))
	}
	if i < 0 || i >= int64(len(array)) {
		return nil, false
	}
	return array[i], true
}

// Append writes the canonical spelling of the path, similar to the normalized paths of RFC 9535
// §2.7.
func (p Path) Append(b []byte) []byte {
	b = append(b, '$')
	for _, step := range p.steps {
		b = append(b, '[')
		if step.byIndex {
			b = strconv.AppendInt(b, step.index, 10)
		} else {
			b = strconv.AppendQuote(b, step.name)
		}
		b = append(b, ']')
	}
	return b
}

// Len returns how many names and indexes the path has.
func (p Path) Len() int { return len(p.steps) }

// Found returns how many names and indexes of the path, from the first, lead to a place in doc.
func (p Path) Found(doc any) (n int) {
	for n < len(p.steps) {
		if _, ok := (Path{p.steps[:n+1]}).Resolve(doc); !ok {
			break
		}
		n++
	}
	return n
}

// First returns the path of the first n names and indexes.
func (p Path) First(n int) Path { return Path{p.steps[:n]} }

// Parse reads a singular query (RFC 9535 §2.3.5.1). A leading "$." is optional before a name:
//
//	path     = ("$" / name) *(S segment)
//	segment  = "." name / "[" S (quoted / int) S "]"
//	name     = name-first *(name-first / DIGIT)
//	int      = "0" / ["-"] DIGIT1 *DIGIT
//	S        = *(space / tab / LF / CR)
//
// text must be valid UTF-8. The error says at which byte the text is wrong.
func Parse(text string) (Path, error) {
	s := pathScanner{text: text}
	steps, err := s.path()
	if err != nil {
		return Path{}, fmt.Errorf("at byte %d: %w", s.pos, err)
	}
	return Path{steps}, nil
}

// A pathScanner reads a path from left to right.
type pathScanner struct {
	text string
	pos  int
}

var (
	errNoRoot    = errors.New("a path begins with $ or a member name")
	errNoSegment = errors.New("expected .name or [ after a segment")
	errNoName    = errors.New("expected a member name, not * or a second dot: a path names one place")
	errNoSelect  = errors.New("expected an index or a quoted name, not *, ? or a slice: a path names one place")
	errNoClose   = errors.New("expected ] after one index or quoted name")
	errBadIndex  = errors.New("an index is a decimal integer without leading zeros, within ±(2^53-1)")
	errNoQuote   = errors.New("the quoted name does not end")
	errControl   = errors.New("control characters are escaped in a quoted name")
	errBadEscape = errors.New(`the escapes are \b \f \n \r \t \/ \\ \uXXXX and the quote that encloses the name`)
	errBadHex    = errors.New(`\u takes four hexadecimal digits, surrogates in pairs`)
)

func (s *pathScanner) path() ([]segment, error) {
	var path []segment
	if !s.take('$') {
		name, err := s.name()
		if err != nil {
			return nil, errNoRoot
		}
		path = append(path, segment{name: name})
	}
	for s.pos < len(s.text) {
		step, err := s.segment()
		if err != nil {
			return nil, err
		}
		path = append(path, step)
	}
	return path, nil
}

func (s *pathScanner) segment() (segment, error) {
	s.skipBlanks()
	switch {
	case s.take('.'):
		name, err := s.name()
		return segment{name: name}, err
	case s.take('['):
		return s.bracketed()
	default:
		return segment{}, errNoSegment
	}
}

func (s *pathScanner) bracketed() (segment, error) {
	s.skipBlanks()
	step, err := s.selector()
	if err != nil {
		return segment{}, err
	}
	s.skipBlanks()
	if !s.take(']') {
		return segment{}, errNoClose
	}
	return step, nil
}

func (s *pathScanner) selector() (segment, error) {
	switch c := s.peek(); {
	case c == '\'' || c == '"':
		s.pos++
		name, err := s.quoted(c)
		return segment{name: name}, err
	case c == '-' || isDigit(rune(c)):
		index, err := s.index()
		return segment{index: index, byIndex: true}, err
	default:
		return segment{}, errNoSelect
	}
}

// name reads a name without quotes, the member-name-shorthand of RFC 9535.
func (s *pathScanner) name() (string, error) {
	start := s.pos
	for s.pos < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if !isNameFirst(r) && (s.pos == start || !isDigit(r)) {
			break
		}
		s.pos += size
	}
	if s.pos == start {
		return "", errNoName
	}
	return s.text[start:s.pos], nil
}

func isNameFirst(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r >= utf8.RuneSelf
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func (s *pathScanner) index() (int64, error) {
	start := s.pos
	s.take('-')
	for isDigit(rune(s.peek())) {
		s.pos++
	}
	text := s.text[start:s.pos]
	index, err := strconv.ParseInt(text, 10, 64)
	canonical := strconv.FormatInt(index, 10) == text // neither 01 nor -0
	if err != nil || !canonical || index > maxIndex || index < -maxIndex {
		return 0, errBadIndex
	}
	return index, nil
}

// quoted reads a string literal, including the quote that ends it.
func (s *pathScanner) quoted(quote byte) (string, error) {
	var name strings.Builder
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		switch {
		case c < ' ':
			return "", errControl
		case c == quote:
			s.pos++
			return name.String(), nil
		case c == '\\':
			s.pos++
			r, err := s.escape(quote)
			if err != nil {
				return "", err
			}
			name.WriteRune(r)
		default:
			s.pos++
			name.WriteByte(c)
		}
	}
	return "", errNoQuote
}

// escape reads an escape after its backslash.
func (s *pathScanner) escape(quote byte) (rune, error) {
	c := s.peek()
	if c == 'u' {
		return s.unicode()
	}
	s.pos++
	switch c {
	case quote, '/', '\\':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	}
	return 0, errBadEscape
}

// unicode reads uXXXX, and a second \uXXXX if the first is half of a surrogate pair.
func (s *pathScanner) unicode() (rune, error) {
	r, err := s.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if !s.take('\\') {
		return 0, errBadHex
	}
	low, err := s.hex()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return 0, errBadHex
	}
	return r, nil
}

func (s *pathScanner) hex() (rune, error) {
	if !s.take('u') || len(s.text)-s.pos < 4 {
		return 0, errBadHex
	}
	unit, err := strconv.ParseUint(s.text[s.pos:s.pos+4], 16, 16)
	if err != nil {
		return 0, errBadHex
	}
	s.pos += 4
	return rune(unit), nil
}

func (s *pathScanner) skipBlanks() {
	for s.take(' ') || s.take('\t') || s.take('\n') || s.take('\r') {
	}
}

// peek returns the next byte, or NUL at the end. NUL occurs in no path.
func (s *pathScanner) peek() byte {
	if s.pos == len(s.text) {
		return 0
	}
	return s.text[s.pos]
}

func (s *pathScanner) take(c byte) bool {
	if s.pos == len(s.text) || s.text[s.pos] != c {
		return false
	}
	s.pos++
	return true
}
