// Package days reads durations as people give them: as time.ParseDuration does, and with days
// and weeks.
package days

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// part is a number with its unit.
var part = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)([a-zµμ]+)`)

// Parse reads a duration such as "90s", "1h30m", "7d" or "2w". A day is 24 hours, whatever the
// clocks of a country do.
func Parse(text string) (time.Duration, error) {
	if !strings.ContainsAny(text, "dw") {
		return time.ParseDuration(text)
	}
	var sum time.Duration
	unsigned := strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-")
	for rest := unsigned; rest != ""; {
		found := part.FindStringSubmatch(rest)
		if found == nil {
			return 0, wrong(text)
		}
		rest = rest[len(found[0]):]
		d, ok := amount(found[1], found[2])
		if !ok || d > math.MaxInt64-sum {
			return 0, wrong(text)
		}
		sum += d
	}
	switch signs := len(text) - len(unsigned); {
	case signs > 1:
		return 0, wrong(text)
	case signs == 1 && text[0] == '-':
		return -sum, nil
	}
	return sum, nil
}

// amount returns so many of a unit, and false if there is no such unit or they are too many.
func amount(number, unit string) (d time.Duration, ok bool) {
	hours := time.Duration(1)
	switch unit {
	case "d":
		unit, hours = "h", 24
	case "w":
		unit, hours = "h", 7*24
	}
	d, err := time.ParseDuration(number + unit)
	return d * hours, err == nil && d <= math.MaxInt64/hours
}

func wrong(text string) error {
	return fmt.Errorf("%q is no duration such as 90s, 1h30m or 7d", text)
}
