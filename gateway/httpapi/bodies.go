package httpapi

import (
	"net/http"
	"sync"
	"time"
)

// bodies are the bodies that are being received. A server that stops gives them little
// time, so that a client that sends slowly does not delay its end.
type bodies struct {
	mu       sync.Mutex                            // guards what follows
	arriving map[*http.ResponseController]struct{} // their requests are not answered yet
	deadline time.Time                             // of all bodies, or zero
}

// begin adds a body. end must be called before the handler returns.
func (b *bodies) begin(control *http.ResponseController) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.arriving == nil {
		b.arriving = map[*http.ResponseController]struct{}{}
	}
	b.arriving[control] = struct{}{}
	if !b.deadline.IsZero() {
		_ = control.SetReadDeadline(b.deadline)
	}
}

// end removes a body. It reports whether the body had to arrive before the deadline of
// limit.
func (b *bodies) end(control *http.ResponseController) (limited bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.arriving, control)
	return !b.deadline.IsZero()
}

// limit sets the deadline of the bodies that are arriving, and of those to come.
func (b *bodies) limit(deadline time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline = deadline
	for control := range b.arriving {
		_ = control.SetReadDeadline(deadline)
	}
}
