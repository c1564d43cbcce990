package groups

import (
	"context"
	"sync"
	"time"

	"seagate/internal/panics"
)

// deadLetters calls Options.DeadLetter, one call after the other, from a goroutine
// that ends when the queue is empty. Options.SetAsideBytes of each group bounds
// the queue.
type deadLetters struct {
	mu      sync.Mutex // guards what follows; no other lock is taken with it
	queue   []func()   // future calls of Options.DeadLetter
	sending bool       // the goroutine is running
	closed  bool
	pending int           // calls that began and whose done was not called yet
	none    chan struct{} // closed when pending becomes 0; nil if nobody waits
}

// add queues a call of send. running waits for the goroutine. After close, add does
// nothing.
func (d *deadLetters) add(running *sync.WaitGroup, send func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.queue = append(d.queue, send)
	if !d.sending {
		d.sending = true
		running.Go(d.send)
	}
}

func (d *deadLetters) send() {
	for send := d.next(); send != nil; send = d.next() {
		func() {
			defer panics.Contain("dead letters", d.settled)
			send()
		}()
	}
}

// next returns the next call, or nil: then the goroutine must end.
func (d *deadLetters) next() (send func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		d.queue, d.sending = nil, false
		return nil
	}
	send = d.queue[0]
	d.queue[0] = nil
	d.queue = d.queue[1:]
	d.pending++
	return send
}

// settled counts a call whose outcome is known.
func (d *deadLetters) settled() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending--; d.pending == 0 && d.none != nil {
		close(d.none)
		d.none = nil
	}
}

// close drops the calls that have not begun.
func (d *deadLetters) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed, d.queue = true, nil
}

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
