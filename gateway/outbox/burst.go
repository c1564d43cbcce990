package outbox

import "slices"

// A Burst is the requests that a reader has read and not handled yet. While it lasts,
// the outboxes that it holds keep answers back, so that each connection gets with one
// write what the burst has for it. Owned by the reader, who must not wait for anything
// without calling Release.
type Burst struct {
	held []*Outbox
}

// Hold begins the burst, if it has not begun, and lets it hold the outbox.
func (b *Burst) Hold(o *Outbox) {
	if slices.Contains(b.held, o) {
		return
	}
	if len(b.held) == maxHeld {
		b.Release()
	}
	b.held = append(b.held, o)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holders++
}

// Join is Hold if the burst has begun.
func (b *Burst) Join(o *Outbox) {
	if len(b.held) > 0 {
		b.Hold(o)
	}
}

// HoldAlone lets the burst go on with this outbox alone, if it holds others: before what
// may wait.
func (b *Burst) HoldAlone(o *Outbox) {
	if len(b.held) > 1 {
		b.Release()
		b.Hold(o)
	}
}

// maxHeld bounds the outboxes of a burst, which are searched one by one.
const maxHeld = 32

// keptHeld is the size of the list that a reader keeps for its next burst.
const keptHeld = 4

// Release ends the burst: the outboxes write what they have kept back.
func (b *Burst) Release() {
	for _, o := range b.held {
		o.release()
	}
	clear(b.held)
	b.held = b.held[:0]
	if cap(b.held) > keptHeld {
		b.held = nil
	}
}

func (o *Outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holders--; o.holders == 0 {
		o.writeHeldLocked()
	}
}

// maxHeldBytes bounds what an outbox keeps back.
const maxHeldBytes = 16 << 10

// holdLocked keeps a frame back if a burst holds the outbox, and reports whether it
// did. What is over the bound, or has begun to queue for the flusher, is not kept back.
func (o *Outbox) holdLocked(frame []byte) bool {
	most := min(maxHeldBytes, o.opts.Budget/2)
	if o.holders == 0 || o.flushing || o.gathered > 0 || len(frame) > most {
		return false
	}
	if len(o.queue)+len(frame) > most {
		if o.writeHeldLocked(); o.flushing || o.ended {
			return false
		}
	}
	o.appendLocked(frame)
	return true
}

// writeHeldLocked writes what was kept back. What the kernel does not take is left to
// the flusher.
func (o *Outbox) writeHeldLocked() {
	if len(o.queue) == 0 || o.flushing || o.gathered > 0 {
		return
	}
	written := o.writeNowLocked(o.queue)
	if o.ended && written == 0 { // broken: the queue is gone
		return
	}
	o.opts.Metrics.QueueBytes.Sub(float64(written))
	if written == len(o.queue) {
		giveBuffer(o.queue)
		o.queue = nil
		o.releaseLocked()
		return
	}
	o.queue = o.queue[:copy(o.queue, o.queue[written:])]
	o.releaseLocked()
	o.flushLocked()
}
