package outbox

import "seagate/internal/budget"

const (
	// uncounted is how many bytes a connection may have queued before it takes any of the
	// share, so that connections whose peers read take none.
	uncounted = 4 << 10
	// shareStep is how many bytes it takes at a time, so that a queue takes some seldom.
	shareStep = 8 << 10
)

// SetShare makes the queue a part of what the connections of a jail may have queued
// together. It is called when the client has authenticated.
func (o *Outbox) SetShare(of *budget.Part) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.share = of
}

// reserveLocked takes what n more bytes in the queue need of the share, and reports whether
// there was room.
func (o *Outbox) reserveLocked(n int) bool {
	need := o.missingLocked(n)
	if need > 0 && !o.share.Take(need) {
		return false
	}
	o.charged += need
	return true
}

// chargeLocked takes what is queued of the share, though there may be no room.
func (o *Outbox) chargeLocked() {
	if need := o.missingLocked(0); need > 0 {
		o.share.Force(need)
		o.charged += need
	}
}

// missingLocked returns how much of the share n more bytes need that it has not yet.
func (o *Outbox) missingLocked(n int) int {
	if o.share == nil || o.ended {
		return 0
	}
	return max(0, ofShare(o.queuedLocked()+n)-o.charged)
}

// settleLocked gives back what is not needed any more.
func (o *Outbox) settleLocked() {
	if o.charged == 0 {
		return
	}
	if over := o.charged - ofShare(o.queuedLocked()); over > 0 {
		o.charged -= over
		o.share.Give(over)
	}
}

// ofShare returns how much a queue takes of the share.
func ofShare(queued int) int {
	return max(0, queued-uncounted+shareStep-1) / shareStep * shareStep
}

// mayBeginLocked reports whether a delivery may be given to the kernel. If the kernel takes a part
// of its first frame, the rest has to be queued, so there must be room for it in the share. It asks
// the share only if that is crowded.
func (o *Outbox) mayBeginLocked(first int) bool {
	switch {
	case o.unawait != nil:
		return false
	case o.share == nil || o.queuedLocked() > 0 || !o.share.Crowded():
		return true
	}
	return o.reserveLocked(first)
}

// awaitShareLocked lets an outbox without a queue wait for the share to have room for n bytes.
// One with a queue goes on when that has drained.
func (o *Outbox) awaitShareLocked(n int) {
	if o.queuedLocked() > 0 || o.unawait != nil || o.ended || o.share == nil {
		return
	}
	o.opts.Metrics.QueueShareWaits.Inc()
	o.unawait = o.share.Await(ofShare(n), o.shareHasRoom)
}

func (o *Outbox) shareHasRoom() {
	o.mu.Lock()
	waited := o.unawait != nil
	o.unawait = nil
	o.full = o.full && !waited
	o.mu.Unlock()
	if waited {
		o.opts.Drained()
	}
}

// leaveShareLocked ends the wait for room.
func (o *Outbox) leaveShareLocked() {
	if o.unawait != nil {
		o.unawait()
		o.unawait = nil
	}
}

// begun returns how many frames have begun of which the first written bytes are with the kernel.
func begun(ends []int, written int) (n int) {
	for start := 0; n < len(ends) && start < written; n++ {
		start = ends[n]
	}
	return n
}
