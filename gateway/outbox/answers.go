package outbox

import "sync"

// Answers sends the answers to requests in the order of the requests, although they may
// become known in another order. Safe for concurrent use.
type Answers struct {
	send func(frames []byte, more bool)

	mu      sync.Mutex // guards what follows
	ready   sync.Cond
	pending []*Answer // oldest first
}

// An Answer is the place of one answer among the others.
type Answer struct {
	known bool
	frame []byte
}

// NewAnswers returns Answers. They call send with the answers that are due, as frames
// one behind the other, one call at a time; more says that others are still to come.
func NewAnswers(send func(frames []byte, more bool)) *Answers {
	a := &Answers{send: send}
	a.ready.L = &a.mu
	return a
}

// Reserve takes the next place. It waits while limit places are taken. The caller must
// call Fill once, or the answers after it are never sent.
func (a *Answers) Reserve(limit int) *Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.pending) >= limit {
		a.ready.Wait()
	}
	place := &Answer{}
	a.pending = append(a.pending, place)
	return place
}

// Fill sets the answer of a place, and sends all answers that are due. A nil frame is no
// answer.
func (a *Answers) Fill(place *Answer, frame []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	place.known, place.frame = true, frame
	n := 0
	var due []byte
	for n < len(a.pending) && a.pending[n].known {
		if frame := a.pending[n].frame; due == nil {
			due = frame
		} else {
			due = append(due, frame...)
		}
		n++
	}
	a.pending = a.pending[n:]
	if len(due) > 0 {
		a.send(due, len(a.pending) > 0)
	}
	if len(a.pending) == 0 {
		a.pending = nil
	}
	a.ready.Broadcast()
}

// Settle waits until every answer is sent, so that the caller may send the next one
// directly.
func (a *Answers) Settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.pending) > 0 {
		a.ready.Wait()
	}
}

// Pending returns how many places are taken.
func (a *Answers) Pending() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.pending)
}
