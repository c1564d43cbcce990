package fair_test

import (
	"testing"

	"seagate/internal/fair"
)

// Tenants get equal work, however many jobs they have, and the jobs of one keep their order.
func TestTenantsGetEqualWork(t *testing.T) {
	var q fair.Queue[[2]int] // tenant, number
	busy, quiet := q.Join("busy"), q.Join("quiet")
	for n := range 100 {
		q.Push(busy, [2]int{0, n})
	}
	for n := range 10 {
		q.Push(quiet, [2]int{1, n})
	}
	var served [2]int
	for range 20 {
		next := q.Peek()
		j, lane := q.Pop()
		if j != next || j[1] != served[j[0]] {
			t.Fatalf("served %v, Peek has said %v, and %d were served before", j, next, served[j[0]])
		}
		served[j[0]]++
		q.Charge(lane, 100)
	}
	if served != [2]int{10, 10} {
		t.Errorf("served %v, want 10 each", served)
	}
}

// A lane lasts as long as somebody uses it, and its jobs as long as they wait.
func TestLanesOfTenantsThatAreGone(t *testing.T) {
	var q fair.Queue[string]
	a := q.Join("a")
	if q.Join("a") != a || q.Tenants() != 1 {
		t.Error("a tenant has two lanes")
	}
	q.Push(a, "job")
	q.Leave(a)
	q.Leave(a)
	if q.Tenants() != 0 || q.IsEmpty() {
		t.Errorf("%d tenants are left, and jobs: %v", q.Tenants(), !q.IsEmpty())
	}
	if j, _ := q.Pop(); j != "job" || !q.IsEmpty() {
		t.Errorf("got %q", j)
	}
}
