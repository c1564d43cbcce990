package groups

import (
	"context"
	"sync"
	"time"

	"seagate/internal/backlog"
	"seagate/internal/panics"
)

// deadLetters calls Options.DeadLetter, one call after the other. Options.SetAsideBytes of each
// group bounds the queue.
type deadLetters struct {
	queue *backlog.Queue[func()] // future calls

	mu      sync.Mutex    // guards what follows; no other lock is taken with it
	pending int           // calls that are queued or began, and whose done was not called yet
	none    chan struct{} // closed when pending becomes 0; nil if nobody waits
}

func newDeadLetters() *deadLetters {
	d := &deadLetters{}
	d.queue = backlog.New(func(send func()) {
		defer panics.Contain("dead letters", d.settled)
		send()
	})
	return d
}

// add queues a call of send. After close, add does nothing.
func (d *deadLetters) add(send func()) {
	d.count(1)
	if !d.queue.Add(send) {
		d.count(-1)
	}
}

// settled counts a call whose outcome is known.
func (d *deadLetters) settled() { d.count(-1) }

func (d *deadLetters) count(by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending += by; d.pending == 0 && d.none != nil {
		close(d.none)
		d.none = nil
	}
}

// close drops the calls that have not begun, and waits for the one under way to return.
func (d *deadLetters) close() { d.count(-d.queue.Close()) }

// outcomeTime is how long Close waits for the outcomes of dead letters.
const outcomeTime = 5 * time.Second

// wait waits until the outcome of all dead letters is known, so that none needs to
// be sent again. It waits for outcomeTime at most, and returns when ctx ends.
func (d *deadLetters) wait(ctx context.Context) {
	d.mu.Lock()
	if d.pending == 0 {
		d.mu.Unlock()
		return
	}
	none := make(chan struct{})
	d.none = none
	d.mu.Unlock()
	timer := time.NewTimer(outcomeTime)
	defer timer.Stop()
	select {
	case <-none:
	case <-timer.C:
	case <-ctx.Done():
	}
}
