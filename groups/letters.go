package groups

import (
	"context"
	"sync"
	"time"
)

// letters counts the dead letters whose outcome is not known.
type letters struct {
	mu    sync.Mutex // guards what follows
	under int        // way
	none  chan struct{}
}

func (l *letters) send() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.under++
}

func (l *letters) arrive() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.under--; l.under == 0 && l.none != nil {
		close(l.none)
		l.none = nil
	}
}

// letterTime is how long the outcome of a letter is waited for at the end.
const letterTime = 5 * time.Second

// wait waits until all have arrived, so that they need not be sent again; but
// no longer than it takes one, and until ctx ends.
func (l *letters) wait(ctx context.Context) {
	l.mu.Lock()
	if l.under == 0 {
		l.mu.Unlock()
		return
	}
	none := make(chan struct{})
	l.none = none
	l.mu.Unlock()
	timer := time.NewTimer(letterTime)
	defer timer.Stop()
	select {
	case <-none:
	case <-timer.C:
	case <-ctx.Done():
	}
}
