package session

import "sync"

// answers sends the answers to publishes in the order of the requests, although they
// may become known in another order.
type answers struct {
	send func([]byte)

	mu      sync.Mutex // guards what follows
	ready   sync.Cond
	pending []*answer // oldest first
}

type answer struct {
	frame []byte // nil until it is known
}

func newAnswers(send func([]byte)) *answers {
	a := &answers{send: send}
	a.ready.L = &a.mu
	return a
}

// reserve takes the next place. It waits while limit places are taken. The caller must
// call fill once, or the answers after it are never sent.
func (a *answers) reserve(limit int) *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.pending) >= limit {
		a.ready.Wait()
	}
	place := &answer{}
	a.pending = append(a.pending, place)
	return place
}

// fill sets the answer of a place, and sends all answers that are due.
func (a *answers) fill(place *answer, frame []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	place.frame = frame
	n := 0
	for n < len(a.pending) && a.pending[n].frame != nil {
		a.send(a.pending[n].frame)
		n++
	}
	a.pending = a.pending[n:]
	if len(a.pending) == 0 {
		a.pending = nil
	}
	a.ready.Broadcast()
}

// settle waits until every answer is sent, so that the caller may send the next one
// directly.
func (a *answers) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.pending) > 0 {
		a.ready.Wait()
	}
}
