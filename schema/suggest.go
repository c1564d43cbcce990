package schema

import "seagate/internal/spelling"

// nearest returns the known name that name is probably a misspelling of. It
// allows two edits, one in names of three or four letters, and none in shorter
// ones, because short words that far apart are different words: "note" is no
// misspelling of "name".
func nearest(name string, known []string) (string, bool) {
	return spelling.Nearest(name, known, func(known string) int {
		switch {
		case len(known) < 3:
			return 0
		case len(known) < 5:
			return 1
		default:
			return 2
		}
	})
}
