// Package days reads durations as people give them: as time.ParseDuration does, and with days
// and weeks.
package days

import (
	"regexp"
	"strconv"
	"time"
)

// long is a number of days or of weeks.
var long = regexp.MustCompile(`([0-9]+(?:\.[0-9]+)?|\.[0-9]+)([dw])`)

// Parse reads a duration such as "90s", "1h30m", "7d" or "2w". A day is 24 hours, whatever the
// clocks of a country do.
func Parse(text string) (time.Duration, error) {
	d, err := time.ParseDuration(long.ReplaceAllStringFunc(text, inHours))
	if err != nil {
		_, err = time.ParseDuration(text) // this error quotes what was given
	}
	return d, err
}

func inHours(text string) string {
	n, _ := strconv.ParseFloat(text[:len(text)-1], 64)
	hours := 24 * n
	if text[len(text)-1] == 'w' {
		hours *= 7
	}
	return strconv.FormatFloat(hours, 'f', -1, 64) + "h"
}
