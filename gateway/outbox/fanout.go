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
	copies   []byte // of frames that do not last; gathered has parts of it

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
	// copiedBytes is how much a Fanout can copy before it has to write.
	copiedBytes = 64 << 10
)

// NewFanout returns a Fanout, or uring.ErrUnsupported if the kernel cannot write to many
// sockets at once. failed is called if it cannot any more; the Fanout then gathers
// nothing. The caller must Close it.
func NewFanout(failed func(error)) (*Fanout, error) {
	ring, err := uring.New(fanoutSends)
	if err != nil {
		return nil, err
	}
	f := &Fanout{ring: ring, failed: failed, copies: make([]byte, 0, copiedBytes)}
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

// OfferIn is Offer, but lets fan gather the frames. lasting says that nobody changes them
// afterwards; all others are copied. fan may be nil.
func (o *Outbox) OfferIn(fan *Fanout, frames []byte, ends []int, lasting bool) (taken int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return len(ends)
	case o.gatherLocked(fan, frames, lasting):
		return o.tookLocked(len(ends))
	}
	return o.offerLocked(frames, ends)
}

// OfferConfirmed is OfferIn with a probe behind the frames, none of which lasts. The answer to
// a probe with the returned tag or a higher one proves that those taken have arrived. An
// outbox that has ended takes none.
func (o *Outbox) OfferConfirmed(fan *Fanout, frames []byte, ends []int) (taken int, tag uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ended:
		return 0, o.confirmed
	case !o.gatherLocked(fan, frames, false):
		taken = o.offerLocked(frames, ends)
		o.confirmLocked(taken)
		return taken, o.confirmed
	}
	o.confirmed += uint64(len(ends))
	if o.probed.IsZero() {
		fan.extend(o.nextProbeLocked)
	}
	return o.tookLocked(len(ends)), o.confirmed
}

// gatherLocked leaves frames to fan, and reports whether it did. It does not if they may have
// to be turned away when the kernel does not take them.
func (o *Outbox) gatherLocked(fan *Fanout, frames []byte, lasting bool) bool {
	if fan == nil || fan.ring == nil || o.raw == nil || o.flushing || o.full || o.queuedLocked() > 0 || o.unawait != nil ||
		len(frames) == 0 || len(frames) > min(maxGathered, o.opts.Budget) || o.share != nil && o.share.Crowded() {
		return false
	}
	if !lasting {
		start := len(fan.copies)
		if start+len(frames)+maxProbe > cap(fan.copies) {
			return false
		}
		fan.copies = append(fan.copies, frames...)
		frames = fan.copies[start:]
	}
	o.gathered = len(frames)
	fan.gathered = append(fan.gathered, gathered{o, frames})
	return true
}

// extend appends a probe to what was copied last.
func (f *Fanout) extend(probe func(dst []byte) []byte) {
	last := &f.gathered[len(f.gathered)-1]
	before := len(last.frames)
	last.frames = probe(last.frames)
	f.copies = f.copies[:len(f.copies)+len(last.frames)-before]
	last.outbox.gathered = len(last.frames)
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
	f.gathered, f.copies = f.gathered[:0], f.copies[:0]
}

// giveUp ends the connections, after a panic, for which something was gathered.
func (f *Fanout) giveUp() {
	for _, g := range f.gathered {
		g.outbox.giveUp()
	}
	f.gathered, f.sending, f.sends, f.copies = nil, nil, nil, f.copies[:0]
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
	o.unlockShorter()
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
