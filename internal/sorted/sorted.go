// Package sorted keeps names in order, so that they can be listed in pages.
package sorted

import "slices"

// Names are distinct names in byte order. The zero value is empty. Not safe for
// concurrent use.
type Names []string

// Add adds a name, unless it is there already.
func (n *Names) Add(name string) {
	if i, there := slices.BinarySearch(*n, name); !there {
		*n = slices.Insert(*n, i, name)
	}
}

// Remove removes a name, if it is there.
func (n *Names) Remove(name string) {
	if i, there := slices.BinarySearch(*n, name); there {
		*n = slices.Delete(*n, i, i+1)
	}
}

// After returns the names higher than name. They are valid until the next change.
func (n Names) After(name string) []string {
	i, there := slices.BinarySearch(n, name)
	if there {
		i++
	}
	return n[i:]
}
