package auth

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"seagate/internal/panics"
)

const (
	// maxWaiting bounds how many attempts wait at a gate.
	maxWaiting = 128
	// After a wrong secret the gate rests for restFactor times the time that stretching took.
	// So wrong secrets keep a core busy for a third of the time at most. An attempt without
	// suspicion comes first, and waits for a tenth of a second at most.
	restFactor = 2
)

// A gate lets one attempt at a time stretch a secret. Waiting attempts pass in the order of their
// suspicion, the least suspicious first, so a client that has never failed does not wait behind
// those who guess. If too many wait, the most suspicious is refused. Among equals the newest
// passes first: when a flood begins, addresses without any earlier attempt fill the gate, and a
// later client would have to wait for all of them.
type gate struct {
	mu      sync.Mutex // guards what follows
	closed  bool       // an attempt is inside, or the gate rests
	waiting []*ticket  // least suspicious first, and the newest first among equals
}

// A ticket is an attempt that waits.
type ticket struct {
	suspicion suspicion
	turn      chan bool // receives whether the attempt may pass; has room for it
}

// A suspicion is how suspicious an attempt is. What others tried with the same client id does not
// count, because the id that attackers guess at is the operator's.
type suspicion struct {
	address int // failures of its address
	tries   int // attempts of its address that came here, successful or not
}

func (s suspicion) compare(other suspicion) int {
	return cmp.Or(cmp.Compare(s.address, other.address), cmp.Compare(s.tries, other.tries))
}

// enter waits for its turn. It returns false if too many others wait that pass first.
func (g *gate) enter(s suspicion) bool {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		g.mu.Unlock()
		return true
	}
	t := &ticket{suspicion: s, turn: make(chan bool, 1)}
	at, _ := slices.BinarySearchFunc(g.waiting, t, func(before, t *ticket) int {
		return before.suspicion.compare(t.suspicion)
	})
	g.waiting = slices.Insert(g.waiting, at, t)
	if len(g.waiting) > maxWaiting {
		g.waiting[maxWaiting].turn <- false
		g.waiting = slices.Delete(g.waiting, maxWaiting, maxWaiting+1)
	}
	g.mu.Unlock()
	return <-t.turn
}

// leave lets the next attempt in after a rest.
func (g *gate) leave(rest time.Duration) {
	if rest > 0 {
		time.AfterFunc(rest, func() {
			defer panics.Contain("timer")
			g.next()
		})
		return
	}
	g.next()
}

func (g *gate) next() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.closed = false
		return
	}
	g.waiting[0].turn <- true
	g.waiting = slices.Delete(g.waiting, 0, 1)
}
