package budget_test

import (
	"testing"

	"seagate/internal/budget"
)

func TestBudget(t *testing.T) {
	b := budget.New[string](10, 25)
	for i, c := range []struct {
		key  string
		take int // negative: give
		want bool
		held int64
	}{
		{"a", 6, true, 6},
		{"a", 5, false, 6},
		{"a", 4, true, 10},
		{"b", 11, true, 21}, // it holds nothing
		{"b", 1, false, 21},
		{"c", 5, false, 21}, // all together
		{"c", 4, true, 25},
		{"a", -10, true, 15},
		{"d", 10, true, 25},
		{"b", -11, true, 14},
		{"b", 9, true, 23},
	} {
		got := true
		if c.take < 0 {
			b.Give(c.key, -c.take)
		} else {
			got = b.Take(c.key, c.take)
		}
		if got != c.want || b.Held() != c.held {
			t.Errorf("step %d: %t, %d held; want %t, %d", i, got, b.Held(), c.want, c.held)
		}
	}
}
