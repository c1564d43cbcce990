package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// stringEnd returns the offset behind the string whose quote is at start, and
// whether it has no escapes. The offset is -1 if the string is wrong or does not
// end. UTF-8 is not checked.
func stringEnd(text []byte, start int) (end int, plain bool) {
	plain = true
	for i := ordinary(text, start+1); i < len(text); i = ordinary(text, i) {
		switch text[i] {
		case '"':
			return i + 1, plain
		case '\\':
			n := Escape(text[i:])
			if n == 0 {
				return -1, false
			}
			i, plain = i+n, false
		default: // a control character
			return -1, false
		}
	}
	return -1, false
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// ordinary returns the offset of the first byte from i on that does not stand for
// itself in a string: a quote, a backslash or a control character.
func ordinary(text []byte, i int) int {
	for ; len(text)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		quote, backslash := w^lows*'"', w^lows*'\\'
		// The lowest bit that is set belongs to the first such byte. Higher ones may be wrong.
		if found := ((w-lows*' ')&^w | (quote-lows)&^quote | (backslash-lows)&^backslash) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// Escape returns the length of the escape at the start of text, 0 if it is wrong.
// Two surrogates that make a pair are one escape.
func Escape(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	}
	first, ok := unicodeEscape(text)
	switch {
	case !ok:
		return 0
	case !utf16.IsSurrogate(first):
		return 6
	}
	second, ok := unicodeEscape(text[6:])
	if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
		return 0
	}
	return 12
}

// unicodeEscape returns the code of the \uXXXX at the start of text.
func unicodeEscape(text []byte) (code rune, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	for _, c := range text[2:6] {
		switch {
		case '0' <= c && c <= '9':
			code = code<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			code = code<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return code, true
}
