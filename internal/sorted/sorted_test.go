package sorted

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	var n Names
	for _, name := range []string{"c", "a", "b", "a", "d"} {
		n.Add(name)
	}
	n.Remove("d")
	n.Remove("e")
	for after, want := range map[string][]string{"": {"a", "b", "c"}, "a": {"b", "c"}, "aa": {"b", "c"}, "c": {}, "z": {}} {
		if got := n.After(after); !slices.Equal(got, want) {
			t.Errorf("after %q: %q, want %q", after, got, want)
		}
	}
}
