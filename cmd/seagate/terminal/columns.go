package terminal

import (
	"unicode"

	"golang.org/x/text/width"
)

// Columns returns how many columns of a terminal a printable text takes.
func Columns(text string) (n int) {
	for _, r := range text {
		n += columnsOf(r)
	}
	return n
}

// columnsOf returns two for the wide characters of East Asia and pictographs (Unicode Standard
// Annex #11), none for marks that stand on the character before them, and else one.
func columnsOf(r rune) int {
	switch {
	case r < 0x300: // nearly every one
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Shorten cuts a text to a number of columns. "…" ends a text that was cut.
func Shorten(text string, columns int) string {
	if columns < 1 || Columns(text) <= columns {
		return text
	}
	taken := 0
	for at, r := range text {
		if taken += columnsOf(r); taken > columns-1 {
			return text[:at] + "…"
		}
	}
	return text
}
