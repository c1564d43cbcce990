package spelling_test

import (
	"strings"
	"testing"

	"seagate/internal/spelling"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"eta", "eta", 0}, {"ETA", "eta", 0}, {"eta", "etd", 1}, {"eta", "eat", 1}, {"load", "loads", 1}, {"optinal", "optional", 1},
		{"fields", "feild", 2}, {"unknown_felds", "unknownFields", 2}, {"abcdef", "abc", 3}, {"vessel", "berth", 3}, {"é", "e", 2},
		{"Data-Dir", "data_dir", 0},
		{strings.Repeat("a", 64), strings.Repeat("a", 64), 0},
		{strings.Repeat("a", 65), strings.Repeat("a", 65), 3},
		{strings.Repeat("Ⱥ", 32), strings.Repeat("Ⱥ", 32), 3}, // 64 bytes, and 96 in lower case
	} {
		if got := spelling.Distance(test.a, test.b, 2); got != test.want {
			t.Errorf("Distance(%q, %q, 2) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"a", "name", "fields", "field", "unknownFields"}
	slips := func(known string) int { return len(known) / 4 }
	for name, want := range map[string]string{
		"nmae": "name", "NAME": "name", "names": "name", "note": "", "b": "", "": "",
		"feild": "field", "fieldss": "fields", "fielde": "fields", // the first of two that are as near
		"unknwon_felds": "unknownFields", "unknown-flds": "unknownFields", "unkno": "",
		strings.Repeat("n", 1<<20): "",
	} {
		if got, ok := spelling.Nearest(name, known, slips); got != want || ok != (want != "") {
			t.Errorf("Nearest(%.20q) = %q, %t, want %q", name, got, ok, want)
		}
	}
}

// FuzzDistance holds the distance to what every distance is: symmetric, 0 for
// equal names alone, at least the difference in length, and bounded by limit.
func FuzzDistance(f *testing.F) {
	f.Add("optinal", "optional", 2)
	f.Add("ab", "ba", 1)
	f.Add("é-", "É_", 0)
	f.Fuzz(func(t *testing.T, a, b string, limit int) {
		limit &= 15
		got := spelling.Distance(a, b, limit)
		if got < 0 || got > limit+1 || got != spelling.Distance(b, a, limit) {
			t.Fatalf("Distance(%q, %q, %d) = %d, and %d the other way", a, b, limit, got, spelling.Distance(b, a, limit))
		}
		a, b = spelling.Fold(a), spelling.Fold(b)
		if got <= limit && ((got == 0) != (a == b) || got < max(len(a), len(b))-min(len(a), len(b))) {
			t.Fatalf("Distance(%q, %q, %d) = %d", a, b, limit, got)
		}
	})
}
