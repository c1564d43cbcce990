// Package rfc3339 reads times strictly.
package rfc3339

import (
	"strings"
	"time"
)

// Parse reads a time in the format of RFC 3339 §5.6, and returns it in UTC. It
// returns false for everything else, and for a time that four digits of a year
// cannot say in UTC.
func Parse(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || beyond(text) {
		return time.Time{}, false
	}
	at = at.UTC()
	year := at.Year() // the offset may have moved it
	return at, 0 <= year && year <= 9999
}

// beyond reports what time.Parse accepts and RFC 3339 does not: an hour of one
// digit, a comma, an offset of a day or more.
func beyond(text string) bool {
	const shortHour = len("2006-01-02T3")
	if text[shortHour] == ':' || strings.Contains(text, ",") {
		return true
	}
	if strings.HasSuffix(text, "Z") {
		return false
	}
	offset := text[len(text)-len("07:00"):]
	return offset[:2] > "23" || offset[3:] > "59"
}
