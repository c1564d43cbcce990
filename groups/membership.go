package groups

import (
	"slices"
	"sync"
	"time"

	"seagate/groups/progress"
	"seagate/streams"
)

// A Membership is one member's place in a group. Its methods return quickly and
// deliver nothing: the topic's worker does. Safe for concurrent use.
type Membership struct {
	group    *group
	member   Member
	position uint64
	credit   int // in messages

	// Guarded by group.mu.
	state    memberState
	ended    error // why nothing follows, if the member is to be told
	inFlight inFlight
	bytes    int       // payload in flight
	told     []telling // gaps, in the order of their tags, of which it has not said that it heard
	resumed  bool      // Resume was called since the member was last called
	acked    bool      // Ack was called since then
	ackedTag uint64    // with this tag, the highest

	// Owned by the worker.
	panicked bool
	asked    uint64   // group.pass when visible was right
	visible  []int    // which messages of the batch it accepts; nil: all
	seen     int      // how many of visible are behind the message in question
	share    *[]Share // what it was assigned of the batch; nil: nothing
	taken    int      // what Deliver returned
	tag      uint64
}

// A memberState says what a member may be handed.
type memberState uint8

const (
	joined   memberState = iota // nothing until Start
	starting                    // nothing until the worker has told it of losses
	ready                       // messages, if it has credit
	full                        // nothing until Resume: it took fewer than it was handed
	dead                        // nothing any more: it panicked
	left                        // nothing any more: it left, or was told that nothing follows
)

// Position is the number of the first message that the group was not done
// with when the member joined.
func (ms *Membership) Position() uint64 { return ms.position }

// Start begins delivery.
func (ms *Membership) Start() {
	if why := ms.start(); why != nil {
		ms.end(why)
	}
}

// start returns why the membership ended before it began, if it did.
func (ms *Membership) start() (why error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	switch ms.state {
	case joined:
		// At once where nothing has to be told first: the member takes its
		// turn with the next message.
		ms.state = ready
		if len(ms.group.losses) > 0 {
			ms.state = starting
		}
		ms.group.wakeLocked()
	case left:
		why, ms.ended = ms.ended, nil
	}
	return why
}

// Resume says that a member that took fewer messages than it was handed has
// room again.
func (ms *Membership) Resume() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.resumed = true
	if ms.state == full {
		ms.state = ready
	}
	ms.group.wakeLocked()
}

// Ack acknowledges all that was handed over up to the tag. Of a member that
// acknowledges explicitly it says only which gaps it has heard of.
func (ms *Membership) Ack(tag uint64) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.acked, ms.ackedTag = true, max(ms.ackedTag, tag)
	ms.ackLocked(tag)
}

func (ms *Membership) ackLocked(tag uint64) {
	ms.heardLocked(tag)
	if ms.inFlight.explicit {
		return
	}
	had, acked := ms.hasCreditLocked(), 0
	var run progress.Span // of neighbours, which are noted together
	for h := ms.inFlight.oldest(); h != nil && h.tag <= tag && h.tag != untagged; h = ms.inFlight.oldest() {
		m := h.message
		ms.inFlight.remove(ms.inFlight.head)
		ms.bytes -= len(m.Payload)
		if acked == 0 || m.Seq != run.Last+1 {
			ms.group.progress.Add(run.First, run.Last)
			run.First = m.Seq
		}
		run.Last = m.Seq
		acked++
	}
	if acked > 0 {
		ms.group.progress.Add(run.First, run.Last)
	}
	ms.settledLocked(had, acked)
}

// AckSeqs acknowledges the messages with these numbers and returns how many of
// them it could: those that the member was handed and has neither acknowledged
// nor given back, and those that were taken back from it because its time was
// up and have not been handed out again. It returns ErrNotExplicit if the
// member's tags acknowledge.
func (ms *Membership) AckSeqs(seqs []uint64) (acked int, err error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	return ms.ackSeqsLocked(seqs)
}

// AckUpTo is AckSeqs of all messages up to a number.
func (ms *Membership) AckUpTo(seq uint64) (acked int, err error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	seqs := ms.inFlight.upTo(seq)
	for n, who := range ms.group.overdue {
		if who == ms && n <= seq {
			seqs = append(seqs, n)
		}
	}
	slices.Sort(seqs) // one span, mostly, for progress
	return ms.ackSeqsLocked(seqs)
}

func (ms *Membership) ackSeqsLocked(seqs []uint64) (acked int, err error) {
	if !ms.inFlight.explicit {
		return 0, ErrNotExplicit
	}
	had := ms.hasCreditLocked()
	for _, seq := range seqs {
		if h, ok := ms.inFlight.take(seq); ok {
			ms.doneLocked(h)
			acked++
		} else if ms.group.overdue[seq] == ms {
			delete(ms.group.overdue, seq)
			ms.group.progress.Add(seq, seq)
			acked++
		}
	}
	ms.settledLocked(had, acked)
	return acked, nil
}

// Nack gives messages back that could not be processed, which counts as a
// failure of theirs, and returns how many of the numbers it had been handed.
// They are handed out again, perhaps to the same member, at once or after a
// delay; the delay is forgotten when the group has no members. It returns
// ErrNotExplicit if the member's tags acknowledge.
func (ms *Membership) Nack(seqs []uint64, reason string, delay time.Duration) (nacked int, err error) {
	g := ms.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if !ms.inFlight.explicit {
		return 0, ErrNotExplicit
	}
	for _, seq := range seqs {
		if h, ok := ms.inFlight.take(seq); ok {
			ms.bytes -= len(h.message.Payload)
			g.failLocked(h, reason, delay)
			nacked++
		}
	}
	if nacked > 0 {
		g.markLocked()
		g.wakeLocked()
	}
	return nacked, nil
}

// Leave ends the membership. What was not acknowledged goes to the other
// members, or waits for the next one. A call of the member that is under way
// may return after Leave; what it takes does not count. It is safe to call
// twice.
func (ms *Membership) Leave() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.group.removeMemberLocked(ms)
}

func (ms *Membership) doneLocked(h handOut) {
	ms.bytes -= len(h.message.Payload)
	ms.group.progress.Add(h.message.Seq, h.message.Seq)
}

// settledLocked goes on after messages were acknowledged by a member that had
// credit before, or had none.
func (ms *Membership) settledLocked(had bool, acked int) {
	if acked == 0 {
		return
	}
	g := ms.group
	g.markLocked()
	if !had && ms.hasCreditLocked() {
		g.wakeLocked()
		return
	}
	g.wakeIfHeldLocked()
}

// hasCreditLocked says whether the member may be handed a message. One is
// always allowed, however large.
func (ms *Membership) hasCreditLocked() bool {
	n := ms.inFlight.live
	return ms.state == ready && (n == 0 || n < ms.credit && ms.bytes < ms.group.registry.opts.Credit.Bytes)
}

// Slices of shares are needed during a pass only.
var shares = sync.Pool{New: func() any { return new([]Share) }}

// assignLocked puts a message, the i-th of its batch, in flight.
func (ms *Membership) assignLocked(m *streams.Message, i int, attempt uint32) {
	if ms.share == nil {
		ms.share = shares.Get().(*[]Share)
		ms.acked, ms.ackedTag, ms.resumed = false, 0, false
	}
	*ms.share = append(*ms.share, Share{i, int(attempt)})
	ms.inFlight.add(handOut{m, untagged, attempt, never})
	ms.bytes += len(m.Payload)
}

func (ms *Membership) recycle() {
	*ms.share = (*ms.share)[:0]
	shares.Put(ms.share)
	ms.share = nil
}

// ask asks the member what it may be handed, unless it is beyond asking.
func (ms *Membership) ask(b *streams.Batch) {
	ms.visible, ms.seen = []int{}, 0
	if ms.panicked {
		return
	}
	defer ms.containPanic()
	ms.visible = ms.member.Visible(b)
}

// accepts says whether the member may be handed the i-th message. i never goes
// down within a batch.
func (ms *Membership) accepts(i int) bool {
	if ms.visible == nil {
		return true
	}
	for ms.seen < len(ms.visible) && ms.visible[ms.seen] < i {
		ms.seen++
	}
	return ms.seen < len(ms.visible) && ms.visible[ms.seen] == i
}

// deliver hands the member its share. One that panics has taken nothing.
func (ms *Membership) deliver(b *streams.Batch) {
	if ms.share == nil {
		return
	}
	ms.taken, ms.tag = 0, 0
	defer ms.containPanic()
	ms.taken, ms.tag = ms.member.Deliver(b, *ms.share)
}

// gap tells the member of a gap, unless it is beyond that.
func (ms *Membership) gap(first, last uint64) (tag uint64, told bool) {
	defer ms.containPanic()
	return ms.member.Gap(first, last)
}

// end tells the member that nothing follows.
func (ms *Membership) end(why error) {
	if why == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			ms.group.registry.opts.OnPanic(ms.member, v)
		}
	}()
	ms.member.End(why)
}

// containPanic keeps one member's failure from the others, and from the worker.
func (ms *Membership) containPanic() {
	v := recover()
	if v == nil {
		return
	}
	ms.panicked = true
	g := ms.group
	g.mu.Lock()
	if ms.state != left {
		ms.state = dead
	}
	g.mu.Unlock()
	g.registry.opts.OnPanic(ms.member, v)
}
