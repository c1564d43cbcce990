package jsonscan

import "bytes"

// Measure counts the white space of text outside of strings, and returns the
// offset of the first bracket that opens a level beyond depth, or -1. It stops
// at that bracket. For a text that is not JSON it is right up to the first
// wrong byte, which is as far as a decoder reads.
func Measure(text []byte, depth int) (spaces, deep int) {
	level := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			i = endOfString(text, i)
		case c == '{' || c == '[':
			if level++; level > depth {
				return spaces, i
			}
		case c == '}' || c == ']':
			level--
		case isSpace(c):
			spaces++
		}
	}
	return spaces, -1
}

// DeeperThan reports whether the objects and arrays of text nest deeper than
// limit levels. A text that is not JSON is treated as in Measure.
func DeeperThan(text []byte, limit int) bool {
	// Nearly every message has fewer brackets than it may have levels, and
	// counting them is much faster than telling strings from structure.
	if bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}) <= limit {
		return false
	}
	_, deep := Measure(text, limit)
	return deep >= 0
}

// Values returns how many values are in text, the members and items of all levels counted, and the
// text itself not. The text must be valid JSON.
func Values(text []byte) (values int) {
	empty := false // what follows is the first in an object or array, if there is something
	for i := 0; i < len(text); i++ {
		c := text[i]
		if isSpace(c) {
			continue
		}
		if c == ',' || empty && c != '}' && c != ']' {
			values++
		}
		if empty = c == '{' || c == '['; c == '"' {
			i = endOfString(text, i)
		}
	}
	return values
}

// endOfString returns the index of the quote that ends the string which begins at i. Without one, it
// is at least len(text).
func endOfString(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// Compact returns a copy of text without its white space outside of strings.
// The text must be valid JSON and spaces what Measure counted. The copy has no
// spare capacity: it may be kept for long, and the memory of a megabyte of
// spaces must not be kept with it.
func Compact(text []byte, spaces int) []byte {
	out := make([]byte, 0, len(text)-spaces)
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !quoted && isSpace(c) {
			continue
		}
		out = append(out, c)
		switch c {
		case '"':
			quoted = !quoted
		case '\\':
			i++
			out = append(out, text[i])
		}
	}
	return out
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
