package progress

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// model is a set of numbers, to which the same is done as to a Progress.
type model struct {
	*testing.T
	p        Progress
	done     map[uint64]bool
	attempts map[uint64]Attempts
}

func newModel(t *testing.T) *model {
	return &model{T: t, p: At(1), done: map[uint64]bool{}, attempts: map[uint64]Attempts{}}
}

func (m *model) add(first, last uint64) {
	m.Helper()
	for _, s := range m.p.Missing(first, last) {
		for n := s.First; n <= s.Last; n++ {
			if m.done[n] {
				m.Fatalf("%d is done and missing", n)
			}
			m.done[n] = true
			delete(m.attempts, n)
		}
	}
	m.p.Add(first, last)
	for n := first; n <= last; n++ {
		if !m.done[n] {
			m.Fatalf("%d was neither done nor missing", n)
		}
	}
}

func (m *model) cut(next uint64) {
	m.p.Cut(next)
	maps.DeleteFunc(m.done, func(n uint64, _ bool) bool { return n >= next })
	maps.DeleteFunc(m.attempts, func(n uint64, _ Attempts) bool { return n >= next })
}

func (m *model) tried(seq uint64, a Attempts) {
	m.p.SetAttempts(seq, a)
	if !m.done[seq] {
		m.attempts[seq] = a
	}
}

// check compares all numbers up to one.
func (m *model) check(upTo uint64) {
	m.Helper()
	above, end := uint64(0), m.p.Position()
	for n := uint64(1); n <= upTo; n++ {
		if m.p.Has(n) != m.done[n] {
			m.Fatalf("Has(%d) is %v with %+v", n, m.p.Has(n), m.p)
		}
		if n%7 == 1 {
			m.count(n, min(upTo, 3*n))
		}
		if m.p.Attempts(n) != m.attempts[n] {
			m.Fatalf("attempts of %d are %+v, want %+v", n, m.p.Attempts(n), m.attempts[n])
		}
		if n > m.p.Position() && m.done[n] {
			above, end = above+1, n+1
		}
	}
	if m.done[m.p.Position()] || m.p.DoneAbove() != above || m.p.End() != end {
		m.Fatalf("position %d, %d above it, end %d; want %d, %d", m.p.Position(), m.p.DoneAbove(), m.p.End(), above, end)
	}
	spans := m.p.Spans()
	for i := 1; i < len(spans); i++ {
		if spans[i].First <= spans[i-1].Last+1 {
			m.Fatalf("spans %v", spans)
		}
	}
	all, count := m.p.AllAttempts()
	if got := maps.Collect(all); count != len(m.attempts) || !maps.Equal(got, m.attempts) {
		m.Fatalf("%d attempts: %v, want %v", count, got, m.attempts)
	}
	if s, whole := m.p.Summary(); s.Position() != m.p.Position() || s.DoneAbove() != above || whole != (above == 0 && count == 0) {
		m.Fatalf("summary %+v, %v of %+v", s, whole, m.p)
	}
}

// A Progress says what a set says to which the same was done.
func TestProgressIsASetOfNumbers(t *testing.T) {
	const numbers = 300
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		m := newModel(t)
		for range 200 {
			first := 1 + rng.Uint64N(numbers)
			m.add(first, first+rng.Uint64N(1+rng.Uint64N(8)))
			m.tried(1+rng.Uint64N(numbers), Attempts{Deliveries: rng.Uint32()})
			m.check(numbers + 10)
		}
		next := 1 + rng.Uint64N(numbers)
		m.cut(next)
		m.check(numbers + 10)
	}
}

// The bytes are operations: what, where, and how many.
func FuzzProgress(f *testing.F) {
	f.Add([]byte{0, 3, 2, 0, 9, 1, 2, 5, 0, 0, 1, 6, 1, 4, 0})
	f.Add([]byte{0, 2, 0, 0, 4, 0, 0, 6, 0, 0, 1, 9, 2, 200, 1, 1, 3, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newModel(t)
		for ; len(ops) >= 3; ops = ops[3:] {
			at, n := uint64(ops[1])+1, uint64(ops[2]%32)
			switch ops[0] % 4 {
			case 0, 1:
				m.add(at, at+n)
			case 2:
				m.tried(at, Attempts{Deliveries: uint32(n), Failures: 1, Reason: "x"})
			case 3:
				m.cut(at)
			}
			m.check(300)
		}
	})
}

func TestProgressAtRestHoldsNoMemory(t *testing.T) {
	p := At(1)
	for n := uint64(2); n < 1000; n += 2 {
		p.Add(n, n)
		p.SetAttempts(n+1, Attempts{Deliveries: 1})
	}
	p.Add(1, 1000)
	if cap(p.buf) > 64 || p.attempts != nil || p.position != 1001 {
		t.Errorf("%d spans, %d attempts, position %d", cap(p.buf), len(p.attempts), p.position)
	}
}

// count compares the number of done messages in a span.
func (m *model) count(first, last uint64) {
	m.Helper()
	want := uint64(0)
	for n := first; n <= last; n++ {
		if m.done[n] {
			want++
		}
	}
	if got := m.p.CountDone(first, last); got != want {
		m.Fatalf("CountDone(%d, %d) is %d, want %d, with %+v", first, last, got, want, m.p)
	}
}
