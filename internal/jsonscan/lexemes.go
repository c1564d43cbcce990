package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// SpaceEnd returns the offset of the first byte from i on that is not white space,
// len(text) if there is none.
func SpaceEnd(text []byte, i int) int {
	for i < len(text) && text[i] <= ' ' && isSpace(text[i]) {
		i++
	}
	return i
}

// WordEnd returns the offset after the true, false or null that begins at i, or -1.
func WordEnd(text []byte, i int) int {
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(text[i:], []byte(word)) {
			return i + len(word)
		}
	}
	return -1
}

// These bound the numbers that a float64 certainly can hold.
const (
	maxSmallNumber   = 200 // bytes
	maxSmallExponent = 2   // digits
)

// NumberEnd returns the offset after the number that begins at i, or -1. A number is small if a
// float64 certainly can hold it.
func NumberEnd(text []byte, i int) (end int, small bool) {
	start := i
	if i < len(text) && text[i] == '-' {
		i++
	}
	end = digitsEnd(text, i)
	if end == i || end > i+1 && text[i] == '0' {
		return -1, false
	}
	if end < len(text) && text[end] == '.' {
		i = end + 1
		if end = digitsEnd(text, i); end == i {
			return -1, false
		}
	}
	exponent := 0
	if end < len(text) && text[end]|0x20 == 'e' {
		if i = end + 1; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if end = digitsEnd(text, i); end == i {
			return -1, false
		}
		exponent = end - i
	}
	return end, end-start <= maxSmallNumber && exponent <= maxSmallExponent
}

func digitsEnd(text []byte, i int) int {
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return i
}

const (
	lows  = 0x0101010101010101
	highs = 0x80 * lows
)

// StringEnd returns the offset after the string whose quote is at start, or -1. A string is plain
// if it has no escapes, and ascii if it has no bytes beyond ASCII. StringEnd does not look at
// whether those are UTF-8.
func StringEnd(text []byte, start int) (end int, plain, ascii bool) {
	if start >= len(text) || text[start] != '"' {
		return -1, false, false
	}
	plain = true
	seen := uint64(0) // has a high bit if a byte of the string had one
	for i := start + 1; i < len(text); {
		if len(text)-i >= 8 {
			// A high bit tells which byte is a quote, a backslash or a control character. The lowest
			// that is set belongs to the first such byte. Higher ones may be wrong.
			w := binary.LittleEndian.Uint64(text[i:])
			quote, backslash := w^lows*'"', w^lows*'\\'
			found := ((w-lows*' ')&^w | (quote-lows)&^quote | (backslash-lows)&^backslash) & highs
			if found == 0 {
				seen |= w
				i += 8
				continue
			}
			seen |= w & (found&-found - 1) // of the bytes before that one
			i += bits.TrailingZeros64(found) / 8
		} else if c := text[i]; c >= ' ' && c != '"' && c != '\\' {
			seen |= uint64(c)
			i++
			continue
		}
		switch text[i] {
		case '"':
			return i + 1, plain, seen&highs == 0
		case '\\':
			n := escape(text[i:])
			if n == 0 {
				return -1, false, false
			}
			i, plain = i+n, false
		default:
			return -1, false, false
		}
	}
	return -1, false, false
}

// escape returns the length of the escape at the start of text, 0 if it is wrong.
// Two surrogates that make a pair are one escape.
func escape(text []byte) int {
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
