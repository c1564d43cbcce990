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
	most     time.Duration                         // that a body may take, if limited
	limited  bool
}

// begin adds a body. end must be called before the handler returns.
func (b *bodies) begin(control *http.ResponseController) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.arriving == nil {
		b.arriving = map[*http.ResponseController]struct{}{}
	}
	b.arriving[control] = struct{}{}
	if b.limited {
		_ = control.SetReadDeadline(time.Now().Add(b.most))
	}
}

// end removes a body. It reports whether limit was called.
func (b *bodies) end(control *http.ResponseController) (limited bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.arriving, control)
	return b.limited
}

// limit gives each body at most d: from now if it is arriving, or else from its begin.
func (b *bodies) limit(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most, b.limited = d, true
	for control := range b.arriving {
		_ = control.SetReadDeadline(time.Now().Add(d))
	}
}
