package groups

import (
	"slices"
	"sync"
	"time"

	"seagate/groups/progress"
	"seagate/streams"
)

// A Membership is one member's place in a group. Its methods return quickly: only
// the topic's worker delivers messages. Safe for concurrent use.
type Membership struct {
	group    *group
	member   Member
	id       uint32 // unique in the group
	position uint64
	header   []byte // see Header
	credit   int    // in messages; of an explicit member
	joinedIn streams.State
	onState  func(streams.State) bool // see JoinOptions.State

	// Guarded by group.mu.
	state     memberState
	toldState streams.State
	ended     error // what Start passes to Member.End; nil: nothing
	inFlight  inFlight
	window    window    // the credit of a member that acknowledges tags
	bytes     int       // payload in flight
	told      []telling // gaps that it was told of and has not acknowledged, in the order of their tags
	resumed   bool      // Resume was called since the last call of Deliver or State began
	acked     bool      // Ack was called since the last call of Deliver or Gap began
	ackedTag  uint64    // the highest tag of these calls

	// ackedUpTo is the highest number that AckUpTo was called with since the last
	// call of Deliver began; 0: none.
	ackedUpTo uint64

	// Owned by the worker.
	panicked bool
	asked    uint64   // the group.pass that visible belongs to
	visible  []int    // what Member.Visible returned; nil: all messages of the batch
	seen     int      // how many entries of visible accepts has passed
	share    *[]Share // the messages of the batch that it was assigned; nil: none
	taken    int      // what Deliver returned
	tag      uint64
}

// A memberState determines what a member may be handed.
type memberState uint8

const (
	joined   memberState = iota // nothing until Start
	starting                    // nothing until the worker has told it of gaps and the topic's state
	ready                       // messages, if it has credit
	full                        // nothing until Resume: it took fewer than it was handed
	leaving                     // nothing any more: Drain was called, and something is still in flight
	dead                        // nothing any more: it panicked
	left                        // nothing any more: it left, or the group ended its membership
)

// Position returns the sequence number of the first message that the group was not
// done with when the member joined.
func (ms *Membership) Position() uint64 { return ms.position }

// Header returns the topic's header for the member that made the group, as it was
// when the group began. It is nil for other members, and if there is none. It is
// shared and must not be changed.
func (ms *Membership) Header() []byte { return ms.header }

// State returns the state of the topic when the member joined, as far as the
// group had read.
func (ms *Membership) State() streams.State { return ms.joinedIn }

// Start begins delivery. If the membership has ended since Join, Start calls
// Member.End instead.
func (ms *Membership) Start() {
	if why := ms.start(); why != nil {
		ms.end(why)
	}
}

// start returns what Start passes to Member.End; nil: nothing.
func (ms *Membership) start() (why error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	switch ms.state {
	case joined:
		ms.state = ready
		// If there is something to tell first, the worker makes the member ready.
		if len(ms.group.losses) > 0 || ms.isUninformedLocked() {
			ms.state = starting
		}
		ms.group.wakeLocked()
	case left:
		why, ms.ended = ms.ended, nil
	}
	return why
}

// Resume must be called when a member has room again, after Member.Deliver took
// fewer messages than it was handed.
func (ms *Membership) Resume() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.resumed = true
	if ms.state == full {
		ms.state = ready
		ms.holdUninformedLocked()
	}
	ms.group.wakeLocked()
}

// Ack acknowledges all messages and gaps up to a tag that Member.Deliver or
// Member.Gap returned. For an explicit member, it acknowledges only gaps.
func (ms *Membership) Ack(tag uint64) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.acked, ms.ackedTag = true, max(ms.ackedTag, tag)
	ms.ackLocked(tag)
}

func (ms *Membership) ackLocked(tag uint64) {
	ms.heardLocked(tag)
	if ms.inFlight.explicit {
		ms.wakeIfDrainedLocked()
		return
	}
	had, acked := ms.hasCreditLocked(), 0
	var run progress.Span // consecutive numbers of one count of deliveries, which are added in one step
	var deliveries uint32
	for h := ms.inFlight.oldest(); h != nil && h.tag <= tag && h.tag != untagged; h = ms.inFlight.oldest() {
		m, n := h.message, h.attempt+1
		ms.inFlight.remove(ms.inFlight.head)
		ms.bytes -= len(m.Payload)
		if acked == 0 || m.Seq != run.Last+1 || n != deliveries {
			ms.group.settleRunLocked(run, Acknowledged, ms, deliveries)
			run.First, deliveries = m.Seq, n
		}
		run.Last = m.Seq
		acked++
	}
	ms.group.settleRunLocked(run, Acknowledged, ms, deliveries)
	if w := &ms.window; !w.isIdle() && tag >= w.tag {
		w.acknowledged(!had, ms.group.registry.now())
	}
	ms.settledLocked(had, acked)
}

// AckSeqs acknowledges the messages with these sequence numbers, and returns how many
// it acknowledged. It ignores numbers that are neither in flight to this member nor
// timed out at it; after a timeout, it ignores a message that another member has
// taken. It returns ErrNotExplicit if the member acknowledges tags.
func (ms *Membership) AckSeqs(seqs []uint64) (acked int, err error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	return ms.ackSeqsLocked(seqs)
}

// AckUpTo calls AckSeqs with all of the member's messages up to seq, inclusive.
// Those that the member is being handed are acknowledged once it has taken them,
// and are not counted.
func (ms *Membership) AckUpTo(seq uint64) (acked int, err error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.ackedUpTo = max(ms.ackedUpTo, seq)
	return ms.ackUpToLocked(seq)
}

func (ms *Membership) ackUpToLocked(seq uint64) (acked int, err error) {
	seqs := ms.inFlight.upTo(seq)
	for n, who := range ms.group.overdue {
		if who == ms && n <= seq {
			seqs = append(seqs, n)
		}
	}
	slices.Sort(seqs) // progress is fast with consecutive numbers
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
			ms.group.settleOneLocked(seq, Acknowledged, ms, ms.group.progress.Attempts(seq).Deliveries)
			acked++
		}
	}
	ms.settledLocked(had, acked)
	return acked, nil
}

// Nack returns messages that could not be processed, and returns how many of the
// numbers were in flight to this member. Each of these counts as a failure. The
// group hands them out again, perhaps to the same member, at once or after delay.
// The delay is forgotten when the group has no members. Nack returns
// ErrNotExplicit if the member acknowledges tags.
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

// Drain lets the member leave without redelivery of its messages to others. The member is
// handed nothing more, except what a call of Member.Deliver under way brings. Once nothing
// that it was handed is unacknowledged, it leaves, and Member.End is called with ErrDrained.
// That may be at once. Until then its messages stay with it, as if it had not called
// Drain: it acknowledges or returns them, or they time out. What it accepts is not skipped
// meanwhile, and waits if there is no other member. Leave cuts this short. Drain is safe
// to call twice, and after the end.
func (ms *Membership) Drain() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	if ms.state == dead || ms.state == left {
		return
	}
	ms.state = leaving
	ms.wakeIfDrainedLocked()
}

// wakeIfDrainedLocked lets the worker end a leaving member that has nothing in flight.
func (ms *Membership) wakeIfDrainedLocked() {
	if ms.isDrainedLocked() {
		ms.group.wakeLocked()
	}
}

// isDrainedLocked reports whether a leaving member has acknowledged everything, gaps included.
func (ms *Membership) isDrainedLocked() bool {
	return ms.state == leaving && ms.inFlight.live == 0 && len(ms.told) == 0
}

// Leave ends the membership. Its unacknowledged messages go to the other members, or
// wait for the next one. A call of the Member that began before may return after
// Leave; messages that it takes count as not taken. Leave is safe to call twice.
func (ms *Membership) Leave() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.group.removeMemberLocked(ms)
}

func (ms *Membership) doneLocked(h handOut) {
	ms.bytes -= len(h.message.Payload)
	ms.group.settleOneLocked(h.message.Seq, Acknowledged, ms, h.attempt+1)
}

// settledLocked wakes the worker if acknowledged messages made a delivery possible.
// had is whether the member had credit before, acked the number of messages.
func (ms *Membership) settledLocked(had bool, acked int) {
	ms.wakeIfDrainedLocked()
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

// hasCreditLocked reports whether the member may be handed another message. A member
// with nothing in flight always may, however large the message is.
func (ms *Membership) hasCreditLocked() bool {
	n, most := ms.inFlight.live, ms.credit
	if !ms.inFlight.explicit {
		most = ms.window.size
	}
	return ms.state == ready && (n == 0 || n < most && ms.bytes < ms.group.registry.opts.Credit.Bytes)
}

// shares is a pool, because a share is needed only while a batch is shared out.
var shares = sync.Pool{New: func() any { return new([]Share) }}

// assignLocked adds a message, the i-th of its batch, to those in flight.
func (ms *Membership) assignLocked(m *streams.Message, i int, attempt uint32) {
	if ms.share == nil {
		ms.share = shares.Get().(*[]Share)
		ms.acked, ms.ackedTag, ms.ackedUpTo, ms.resumed = false, 0, 0, false
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

// ask calls Member.Visible. A member that has panicked accepts nothing.
func (ms *Membership) ask(b *streams.Batch) {
	ms.visible, ms.seen = []int{}, 0
	if ms.panicked {
		return
	}
	defer ms.containPanic()
	ms.visible = ms.member.Visible(b)
}

// accepts reports whether the member accepts the i-th message of the batch. i must
// never go down within a batch.
func (ms *Membership) accepts(i int) bool {
	if ms.visible == nil {
		return true
	}
	for ms.seen < len(ms.visible) && ms.visible[ms.seen] < i {
		ms.seen++
	}
	return ms.seen < len(ms.visible) && ms.visible[ms.seen] == i
}

// deliver calls Member.Deliver with the share, if there is one. If the member panics,
// it has taken nothing.
func (ms *Membership) deliver(b *streams.Batch) {
	if ms.share == nil {
		return
	}
	ms.taken, ms.tag = 0, 0
	defer ms.containPanic()
	ms.taken, ms.tag = ms.member.Deliver(b, *ms.share)
}

// gap calls Member.Gap. If the member panics, it was not told.
func (ms *Membership) gap(first, last uint64) (tag uint64, told bool) {
	defer ms.containPanic()
	return ms.member.Gap(first, last)
}

// end calls Member.End, unless why is nil.
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

// containPanic recovers from a panic of a member, so that the worker and the other
// members continue. It must be deferred.
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

// A MemberStat is a snapshot of a member and of its group.
type MemberStat struct {
	Position uint64 // of the group: see Stat
	Lag      uint64 // of the group
	InFlight int    // messages that this member was handed and has not acknowledged
}

// Stat returns a snapshot of the member. It reads nothing from the store.
func (ms *Membership) Stat() MemberStat {
	g := ms.group
	_, b := g.registry.bounds(g.key.Topic)
	g.mu.Lock()
	defer g.mu.Unlock()
	s := MemberStat{InFlight: ms.inFlight.live}
	s.Position, s.Lag = g.lagLocked(b)
	return s
}
