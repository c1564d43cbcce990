package budget_test

import (
	"testing"
	"testing/synctest"
	"time"

	"seagate/internal/budget"
	"seagate/internal/panics/panicstest"
)

// At the bound of a party, and of all.
func TestShared(t *testing.T) {
	s := budget.NewShared(100, 400)
	a, b, c := s.Part("a"), s.Part("b"), s.Part("c")
	take := func(p *budget.Part, n int, want bool) {
		t.Helper()
		if got := p.Take(n); got != want {
			t.Errorf("took %d: %v, with %d held", n, got, s.Held())
		}
	}
	take(a, 40, true)
	if a.Crowded() {
		t.Error("there is much room")
	}
	take(a, 60, true)
	take(a, 1, false)
	if !b.Crowded() {
		t.Error("a party has all that it may have")
	}
	take(b, 100, true) // half of the whole is held
	take(b, 1, false)
	take(c, 66, true) // an equal part of that half
	take(c, 1, false)
	b.Give(90)
	take(b, 56, true) // as much as c has
	take(b, 1, false)
	a.Give(100)
	take(a, 1000, true) // which holds nothing
	take(a, 1, false)
	c.Force(50)
	take(c, 1, false)
	a.Give(1000)
	b.Give(66)
	c.Give(116)
	if s.Held() != 0 || a.Crowded() {
		t.Errorf("%d are held, crowded %v", s.Held(), a.Crowded())
	}
}

// Those that wait are called in their order, as far as there is room, and no more often than
// that. One that panics harms nobody.
func TestSharedAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := budget.NewShared(100, 400)
		a, b := s.Part("a"), s.Part("b")
		a.Take(100)
		called := ""
		await := func(n int, name string, then func()) (cancel func()) {
			return a.Await(n, func() {
				called += name
				a.Take(n)
				then()
			})
		}
		await(60, "1", func() {})
		await(40, "2", func() { panic("injected") })
		cancel := await(40, "3", func() {})
		await(40, "4", func() {})
		b.Await(40, func() { called += "b" }) // there is room for another party
		want := func(want string) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			if called != want {
				t.Errorf("called %q, want %q", called, want)
			}
			called = ""
		}
		want("b")
		a.Give(59)
		want("")
		a.Give(1)
		want("1")
		cancel()
		cancel()
		panicstest.Want(t, "timer", 1, func() {
			a.Give(40)
			want("2")
			a.Give(40)
			want("4")
		})
	})
}
