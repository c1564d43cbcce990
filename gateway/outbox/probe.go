package outbox

import (
	"time"

	"seagate/internal/monotonic"
)

// confirmLocked counts frames whose arrival a probe confirms, and sends one if
// none is under way. The answer to that one sends the next.
func (o *Outbox) confirmLocked(frames int) {
	o.confirmed += uint64(frames)
	if frames > 0 && o.probed.IsZero() {
		o.probeLocked()
	}
}

func (o *Outbox) probeLocked() {
	var b [maxProbe]byte
	o.putLocked(o.nextProbeLocked(b[:0]))
}

// nextProbeLocked appends the probe that is under way from now on.
func (o *Outbox) nextProbeLocked(dst []byte) []byte {
	o.probed, o.probeTag = time.Now(), o.confirmed
	return o.opts.Probe(dst, o.confirmed)
}

// maxProbe is the size of the longest probe.
const maxProbe = 32

// Answered notes the answer to a probe, which proves that every confirmed frame
// up to the tag has arrived. It returns false if the tag is not that of the
// probe under way: some clients send pongs as heartbeats (RFC 6455 §5.5.3).
func (o *Outbox) Answered(tag uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.probed.IsZero() || tag != o.probeTag {
		return false
	}
	o.probed = time.Time{}
	if tag < o.confirmed && !o.ended {
		o.probeLocked()
	}
	return true
}

// KeepAlive sends a probe if none is under way. It returns false if the peer is
// gone: the last probe is unanswered for longer than patience, and nothing else
// was heard of the peer meanwhile. A peer may be slow without being gone, since
// a probe waits behind what was written before it, and its answer behind the
// message that the peer is sending. While the flusher waits for the peer,
// Options.StallTimeout decides; while the reader is busy, nothing can be heard.
func (o *Outbox) KeepAlive(patience time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended || o.flushing || o.busy.Load():
		return true
	case o.probed.IsZero():
		o.probeLocked()
		return true
	default:
		heard := time.Duration(o.heard.Load())
		return time.Since(o.probed) <= patience || heard != 0 && monotonic.Now()-heard <= patience
	}
}

// Heard notes that bytes came from the peer, or that it made room for more.
func (o *Outbox) Heard() { o.heard.Store(int64(monotonic.Now())) }

// SetBusy says whether the connection's reader works on a request, which may
// take as long as the disk does, and so hears no answer to a probe.
func (o *Outbox) SetBusy(busy bool) {
	if !busy {
		o.Heard()
	}
	o.busy.Store(busy)
}
