// Package spelling finds the known name that a misspelled one was meant to be,
// for "did you mean ...?" in errors.
package spelling

import (
	"slices"
	"strings"
)

// MaxBytes bounds the names that are compared, in bytes. Comparing costs the
// product of two lengths, and clients choose the names.
const MaxBytes = 64

// Nearest returns the known name with the fewest edits between it and name,
// the first of them if there are several, and false if every known name needs
// more edits than slips allows it. Edits are as in distance.
func Nearest(name string, known []string, slips func(known string) int) (string, bool) {
	if len(name) > MaxBytes {
		return "", false
	}
	name = Fold(name)
	best, fewest := "", MaxBytes
	for _, candidate := range known {
		limit := min(slips(candidate), fewest-1)
		if edits := distance(name, Fold(candidate), limit); edits <= limit {
			best, fewest = candidate, edits
		}
	}
	return best, best != ""
}

// Fold makes spellings equal that differ in case, or in "-" for "_".
func Fold(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "-", "_"))
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbouring bytes between a and b, which are folded (optimal string alignment).
// It is limit+1 for all that is more than limit, and for names longer than
// MaxBytes.
func distance(a, b string, limit int) int {
	tooLong := len(a) > MaxBytes || len(b) > MaxBytes // Fold may lengthen a name
	if tooLong || limit < 0 || max(len(a), len(b))-min(len(a), len(b)) > limit {
		return limit + 1
	}
	// The last three rows of the matrix of distances between prefixes.
	var rows [3][MaxBytes + 1]int
	before, above, row := rows[0][:len(b)+1], rows[1][:len(b)+1], rows[2][:len(b)+1]
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(above[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		if slices.Min(row) > limit {
			return limit + 1
		}
		before, above, row = above, row, before
	}
	return min(above[len(b)], limit+1)
}
