package groups

import (
	"context"
	"sync"
	"time"
)

// deadLetters hands messages to Options.DeadLetter, one after the other, from a
// goroutine that lives as long as there are any. There are never more of them
// than messages that groups have set aside.
type deadLetters struct {
	mu      sync.Mutex // guards what follows; no other lock is taken with it
	queue   []func()   // calls of Options.DeadLetter to come
	sending bool       // the goroutine is there
	closed  bool
	pending int           // letters that were handed over and have no outcome yet
	none    chan struct{} // closed when pending becomes 0; nil if nobody waits
}

// add has send called. The goroutine counts as one of running.
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
		send()
	}
}

// next returns the next call, or nil, upon which the goroutine ends.
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

// settled notes the outcome of a letter.
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

// wait waits until all letters have an outcome, so that they need not be sent
// again; but no longer than outcomeTime, and until ctx ends.
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
