package httpapi

import (
	"net/http"
	"sync"
	"time"

	"seagate/internal/panics"
)

// bodies are the bodies that are being received. Each may take timeout. A server that stops
// gives them little time, so that a client that sends slowly does not delay its end.
//
// Almost all bodies are there with the head of their request. One timer for all of them costs
// these nothing, while a deadline of the connection has to be set and cleared for each.
type bodies struct {
	timeout time.Duration

	mu      sync.Mutex    // guards what follows
	ring    arrival       // its next is the one that began first
	timer   *time.Timer   // calls expire; nil before the first body
	ticking bool          // the timer runs, for the first of the ring or an earlier one
	most    time.Duration // that a body may take, if limited
	limited bool
}

// An arrival is a body that is being received. The zero value stands for no body. Guarded by
// bodies.mu.
type arrival struct {
	w          http.ResponseWriter
	deadline   time.Time
	prev, next *arrival // in the ring; nil if it has ended
	cut        bool     // its connection has a deadline
}

// hasBody reports whether a request has a body, which may be empty.
func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// begin adds a body whose request began at start. end must be called before the handler
// returns.
func (b *bodies) begin(a *arrival, w http.ResponseWriter, start time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ring.next == nil {
		b.ring.next, b.ring.prev = &b.ring, &b.ring
	}
	a.w, a.deadline = w, start.Add(b.timeout)
	a.prev, a.next = b.ring.prev, &b.ring
	a.prev.next, a.next.prev = a, a
	if b.limited {
		a.cutAt(start.Add(b.most))
	}
	if !b.ticking {
		b.tickLocked(b.timeout)
	}
}

func (b *bodies) tickLocked(d time.Duration) {
	if b.ticking = true; b.timer == nil {
		b.timer = time.AfterFunc(d, b.expire)
		return
	}
	b.timer.Reset(d)
}

// received removes a body that has arrived.
func (b *bodies) received(a *arrival) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.next != nil {
		a.removeLocked()
	}
	if a.cut {
		// The deadline was for the body alone. net/http watches the connection during the
		// operation, and would take it for broken past the deadline and cancel the request.
		a.cutAt(time.Time{})
	}
}

// areLimited reports whether limit was called.
func (b *bodies) areLimited() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limited
}

// end removes a body that was not received, if there is one. Its deadline stays: net/http reads
// the body to its end after the handler, and would wait for a peer that sends a byte now and then.
func (b *bodies) end(a *arrival) {
	if a.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.next == nil {
		return
	}
	a.removeLocked()
	if !a.cut {
		a.cutAt(a.deadline)
	}
}

// expire cuts the bodies whose time is over.
func (b *bodies) expire() {
	defer panics.Contain("timer")
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for first := b.ring.next; first != &b.ring; first = b.ring.next {
		if left := first.deadline.Sub(now); left > 0 {
			b.tickLocked(left)
			return
		}
		first.removeLocked()
		first.cutAt(first.deadline)
	}
	b.ticking = false
}

// limit gives each body at most d: from now if it is arriving, or else from its begin.
func (b *bodies) limit(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most, b.limited = d, true
	if b.ring.next == nil {
		return
	}
	deadline := time.Now().Add(d)
	for a := b.ring.next; a != &b.ring; a = a.next {
		a.cutAt(deadline)
	}
}

func (a *arrival) removeLocked() {
	a.prev.next, a.next.prev = a.next, a.prev
	a.prev, a.next = nil, nil
}

// cutAt sets the deadline of the connection. A writer that has no deadlines has no peer that
// sends slowly.
func (a *arrival) cutAt(deadline time.Time) {
	a.cut = true
	_ = http.NewResponseController(a.w).SetReadDeadline(deadline)
}
