package outbox

import (
	"seagate/internal/panics"
	"seagate/internal/uring"
)

// A Fanout gathers what one goroutine delivers to many outboxes, and hands it to the kernel
// with few system calls. Until Flush, the frames have the place in which they were offered:
// what an outbox gets meanwhile is queued behind them. Owned by that goroutine.
type Fanout struct {
	ring     *uring.Ring // nil after it has failed
	failed   func(error)
	gathered []gathered

	// Of the flush under way, see hold.
	next    int // index in gathered
	end     int
	sending []gathered
	sends   []uring.Send
	held    func(fd uintptr) // hold, made once
}

// gathered are frames on their way to an outbox.
type gathered struct {
	outbox *Outbox
	frames []byte
}

const (
	// fanoutSends is how many sockets a Fanout writes to at a time.
	fanoutSends = 64
	// fewSends is how many are written to one by one: a ring has a cost of its own.
	fewSends = 3
	// maxGathered bounds the frames that a Fanout takes for one outbox. To copy more costs the
	// kernel much more than to be entered.
	maxGathered = 16 << 10
)

// NewFanout returns a Fanout, or uring.ErrUnsupported if the kernel cannot write to many
// sockets at once. failed is called if it cannot any more; the Fanout then gathers
// nothing. The caller must Close it.
func NewFanout(failed func(error)) (*Fanout, error) {
	ring, err := uring.New(fanoutSends)
	if err != nil {
		return nil, err
	}
	f := &Fanout{ring: ring, failed: failed}
	f.held = f.hold
	return f, nil
}

// Close gives up what the kernel holds for it. Nothing may be gathered.
func (f *Fanout) Close() {
	if f.ring != nil {
		f.ring.Close()
		f.ring = nil
	}
}

// OfferIn is Offer for frames that nobody changes afterwards, which fan may gather. fan may be
// nil.
func (o *Outbox) OfferIn(fan *Fanout, frames []byte, ends []int) (taken int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return len(ends)
	case !o.gatherLocked(fan, frames):
		return o.offerLocked(frames, ends)
	}
	o.opts.Metrics.MessagesOut.Add(float64(len(ends)))
	return len(ends)
}

// gatherLocked leaves frames to fan, and reports whether it did. It does not if they may have
// to be turned away when the kernel does not take them.
func (o *Outbox) gatherLocked(fan *Fanout, frames []byte) bool {
	if fan == nil || fan.ring == nil || o.raw == nil || o.flushing || o.full || o.queuedLocked() > 0 || o.unawait != nil ||
		len(frames) == 0 || len(frames) > min(maxGathered, o.opts.Budget) || o.share != nil && o.share.Crowded() {
		return false
	}
	o.gathered = len(frames)
	fan.gathered = append(fan.gathered, gathered{o, frames})
	return true
}

// Flush writes what was gathered. What the kernel does not take is queued.
func (f *Fanout) Flush() {
	defer panics.Contain("delivery", f.giveUp)
	for f.next = 0; f.next < len(f.gathered); {
		f.end = min(f.next+fanoutSends, len(f.gathered))
		f.holdNext()
		for i, g := range f.sending {
			g.outbox.wrote(g.frames, f.sends[i].Written, f.sends[i].Err)
		}
		clear(f.sending)
		clear(f.sends)
		f.sending, f.sends = f.sending[:0], f.sends[:0]
	}
	clear(f.gathered)
	f.gathered = f.gathered[:0]
}

// giveUp ends the connections, after a panic, for which something was gathered.
func (f *Fanout) giveUp() {
	for _, g := range f.gathered {
		g.outbox.giveUp()
	}
	f.gathered, f.sending, f.sends = nil, nil, nil
}

// holdNext keeps the next socket open, those behind it within, and writes to all while they are
// open. A descriptor that was closed could be another client's by now.
func (f *Fanout) holdNext() {
	for f.next < f.end {
		g := f.gathered[f.next]
		f.next++
		err := g.outbox.raw.Control(f.held)
		if err == nil {
			return // within Control, all were written to
		}
		g.outbox.wrote(g.frames, 0, err)
	}
	f.write()
}

func (f *Fanout) hold(fd uintptr) {
	g := f.gathered[f.next-1]
	f.sending = append(f.sending, g)
	f.sends = append(f.sends, uring.Send{FD: int(fd), Bytes: g.frames})
	f.holdNext()
}

// write writes to the sockets that are held open.
func (f *Fanout) write() {
	if len(f.sends) > fewSends && f.ring != nil {
		err := f.ring.Send(f.sends)
		if err == nil {
			return
		}
		f.Close()
		f.failed(err)
	}
	for i := range f.sends {
		if s := &f.sends[i]; s.Written == 0 && s.Err == nil {
			s.Written, s.Err = writeOnce(s.FD, s.Bytes)
		}
	}
}

// wrote ends the write of gathered frames, and goes on with what was queued meanwhile.
func (o *Outbox) wrote(frames []byte, written int, err error) {
	o.mu.Lock()
	o.gathered = 0
	if err != nil {
		o.breakLocked()
	} else {
		o.opts.Metrics.BytesOut.Add(float64(written))
		o.goOnLocked(frames[written:])
	}
	if !o.flushing {
		o.flushedLocked()
	}
	resume := o.shortenedLocked()
	o.mu.Unlock()
	if resume {
		o.opts.Drained()
	}
}

// goOnLocked writes or queues what is left of gathered frames, and what came behind them.
func (o *Outbox) goOnLocked(rest []byte) {
	if len(rest) > 0 {
		behind := o.queue
		o.queue = nil
		o.appendLocked(rest)
		if behind != nil {
			o.queue = append(o.queue, behind...)
			giveBuffer(behind)
		}
		o.flushLocked()
	} else if o.holders == 0 || o.ended {
		o.writeHeldLocked()
	}
}
