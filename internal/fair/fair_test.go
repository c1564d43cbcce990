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

// A tenant that leaves after each job, and comes back with the next one, gets no more than one
// that has many jobs waiting.
func TestATenantThatComesAndGoesPays(t *testing.T) {
	var q fair.Queue[string]
	busy := q.Join("busy")
	for range 10_000 {
		q.Push(busy, "busy")
	}
	work, waits := map[string]int{}, false
	for range 1000 {
		if !waits {
			q.Push(q.Join("guest"), "guest")
			waits = true
		}
		j, lane := q.Pop()
		cost := 100
		if j == "guest" {
			cost, waits = 5000, false
		}
		q.Charge(lane, cost)
		work[j] += cost
		if j == "guest" {
			q.Leave(lane)
		}
	}
	if work["guest"] > work["busy"]+10_000 {
		t.Errorf("the work was %v, want equal shares", work)
	}
}
