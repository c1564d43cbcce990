package msgstream

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
)

// A Version is the version of a class: numbers with dots between them, and perhaps a
// pre-release, as in 8.2, 8.19.0 and 8.19a1. Zeros at the end mean nothing.
type Version struct {
	text    string   // as it was given
	numbers []string // without leading zeros, and without zeros at the end
	stage   string   // "a", "b", or "c" for a release, which comes after both
	step    string   // of the stage
}

const maxVersionBytes = 64

var versionForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)*)(?:([ab])([0-9]+))?$`)

// ErrVersion reports a text that is no version.
var ErrVersion = errors.New("msgstream: a version is numbers with dots between them, and perhaps a or b and a number, as in 8.19a1")

// ParseVersion reads a version.
func ParseVersion(text string) (Version, error) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil || len(text) > maxVersionBytes {
		return Version{}, ErrVersion
	}
	v := Version{text: text, stage: cmp.Or(parts[2], "c"), step: plainNumber(parts[3])}
	for number := range strings.SplitSeq(parts[1], ".") {
		v.numbers = append(v.numbers, plainNumber(number))
	}
	for len(v.numbers) > 0 && v.numbers[len(v.numbers)-1] == "" {
		v.numbers = v.numbers[:len(v.numbers)-1]
	}
	return v, nil
}

// plainNumber returns a number without leading zeros, and "" for zero.
func plainNumber(digits string) string { return strings.TrimLeft(digits, "0") }

// String returns the version as it was given to ParseVersion.
func (v Version) String() string { return v.text }

// Compare returns -1 if v comes before w, 1 if it comes after it, and 0 if they mean the
// same: 8.2 < 8.19a1 < 8.19 = 8.19.0.
func (v Version) Compare(w Version) int {
	for i := range max(len(v.numbers), len(w.numbers)) {
		if c := compareNumbers(numberAt(v.numbers, i), numberAt(w.numbers, i)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(v.stage, w.stage), compareNumbers(v.step, w.step))
}

func numberAt(numbers []string, i int) string {
	if i < len(numbers) {
		return numbers[i]
	}
	return ""
}

// compareNumbers compares digits without leading zeros, however many there are.
func compareNumbers(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
