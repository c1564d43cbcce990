package schema

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/internal/problems"
)

// maxQuoted is how many characters of a value or of an unknown name an error has.
const maxQuoted = 40

// A Problem is one thing that is wrong with a definition or a message. Its
// Place is a path such as moves[2].load, and empty in the last problem of a
// list that was cut short. Its Message says what was expected and what was
// there. As a line: moves[2].load: expected an integer, got the string "abc".
type Problem = problems.Problem

// appendMember appends a member's name to a path: .load, or ['a b'] for a name that
// has no shorthand in RFC 9535.
func appendMember(path []byte, name string) []byte {
	if !isShorthand(name) {
		return appendBracketed(path, name)
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, name...)
}

func appendIndex(path []byte, index int) []byte {
	path = strconv.AppendInt(append(path, '['), int64(index), 10)
	return append(path, ']')
}

// isShorthand reports whether a name is a member-name-shorthand of RFC 9535 and
// printable.
func isShorthand(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r >= utf8.RuneSelf && unicode.IsPrint(r)
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

func appendBracketed(path []byte, name string) []byte {
	path = append(path, "['"...)
	for _, r := range name {
		switch {
		case r == '\'' || r == '\\':
			path = append(path, '\\', byte(r))
		case !unicode.IsPrint(r):
			path = fmt.Appendf(path, `\u%04x`, r)
		default:
			path = utf8.AppendRune(path, r)
		}
	}
	return append(path, "']"...)
}

// shorten cuts s after the given number of characters.
func shorten(s string, characters int) string {
	if len(s) <= characters {
		return s
	}
	for i := range s {
		if characters == 0 {
			return s[:i] + "…"
		}
		characters--
	}
	return s
}

// describe completes "expected an integer, got ...".
func describe(raw jsontext.Value) string {
	switch raw.Kind() {
	case '"':
		return "the string " + excerpt(raw)
	case '0':
		return "the number " + excerpt(raw)
	case '{':
		return "the object " + excerpt(raw)
	case '[':
		return "the array " + excerpt(raw)
	default:
		return string(raw)
	}
}

// excerpt returns the beginning of a JSON value, as it was sent.
func excerpt(raw jsontext.Value) string {
	text := shorten(string(raw[:min(len(raw), maxQuoted*utf8.UTFMax+1)]), maxQuoted)
	if raw.Kind() == '"' && strings.HasSuffix(text, "…") {
		return text + `"`
	}
	return text
}

// quoted returns the beginning of a string, as JSON.
func quoted(s string) string { return excerpt(appendQuoted(nil, s)) }
