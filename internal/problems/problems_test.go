package problems_test

import (
	"slices"
	"testing"

	"seagate/internal/problems"
)

func TestList(t *testing.T) {
	l := problems.List{Max: 3}
	if l.Count() != 0 || l.More() != 0 || l.Full() || len(l.All()) != 0 {
		t.Errorf("an empty list: %+v", l)
	}
	l.Add("a", "missing")
	l.Add("", "too large")
	l.Addf("b[1]", "expected %d, got %d", 1, 2)
	want := []string{"a: missing", "too large", "b[1]: expected 1, got 2"}
	if got := problems.Lines(l.All()); !slices.Equal(got, want) || !l.Full() || l.More() != 0 {
		t.Errorf("at the bound: %q", got)
	}
	l.Add("c", "missing")
	l.Addf("d", "missing")
	l.Skip(5)
	if got := problems.Lines(l.All()); !slices.Equal(got, append(want, "... and 7 more")) || l.Count() != 10 || l.More() != 7 {
		t.Errorf("past the bound: %q, %d", got, l.Count())
	}
	if got := problems.Lines(l.Kept()); !slices.Equal(got, want) {
		t.Errorf("kept %q", got)
	}
}

func TestListKeepsDefaultMax(t *testing.T) {
	var l problems.List
	for range problems.DefaultMax + 2 {
		l.Add("a", "b")
	}
	if len(l.Kept()) != problems.DefaultMax || l.More() != 2 {
		t.Errorf("kept %d, %d more", len(l.Kept()), l.More())
	}
}

func TestSummary(t *testing.T) {
	list := []problems.Problem{{"a", "1"}, {"b", "2"}, {"c", "3"}}
	if got := problems.Summary(list); got != "a: 1; b: 2; c: 3" {
		t.Error(got)
	}
	if got := problems.Summary(append(list, problems.Problem{})); got != "a: 1; b: 2; c: 3; ..." {
		t.Error(got)
	}
}
