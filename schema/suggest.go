package schema

import (
	"slices"
	"strings"
)

// maxSuggestBytes bounds the names that are compared, because the comparison
// costs the product of their lengths.
const maxSuggestBytes = 64

// nearest returns the known name that name is probably a misspelling of: one
// that differs in case alone, or by one edit if it has up to four letters, or
// by two. Shorter words that far apart are different words: "note" is not a
// misspelling of "name".
func nearest(name string, known []string) (string, bool) {
	best, bestEdits := "", maxSuggestBytes
	for _, candidate := range known {
		allowed := allowedEdits(candidate)
		if edits := distance(name, candidate, allowed); edits <= allowed && edits < bestEdits {
			best, bestEdits = candidate, edits
		}
	}
	return best, best != ""
}

func allowedEdits(name string) int {
	switch {
	case len(name) < 3:
		return 0
	case len(name) < 5:
		return 1
	default:
		return 2
	}
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbours between a and b, without regard to case, or limit+1 if there are
// more than limit (optimal string alignment).
func distance(a, b string, limit int) int {
	if len(a) > maxSuggestBytes || len(b) > maxSuggestBytes || max(len(a), len(b))-min(len(a), len(b)) > limit {
		return limit + 1
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	var before, above, row []int // the last three rows of the matrix
	above = make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+mismatch(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		if slices.Min(row) > limit {
			return limit + 1
		}
		before, above = above, row
	}
	return min(above[len(b)], limit+1)
}

func mismatch(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
