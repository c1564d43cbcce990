package groups

import (
	"slices"
	"sync"
	"time"

	"seagate/streams"
)

// A Membership is one member's place in a group. Safe for concurrent use.
type Membership struct {
	group    *group
	member   Member
	position uint64
	credit   int // in messages

	// Guarded by group.mu.
	started bool
	dead    bool         // it panicked
	full    bool         // it took fewer than it was handed, and has not called Resume
	run     *[]Delivery  // assigned and not yet handed over; nil if there is nothing
	held    holdings     // handed over and not acknowledged
	bytes   int          // payload in run and held
	told    []telling    // gaps, in the order of their tags, of which it has not said that it heard
	last    func(Member) // and that nothing follows; nil if it does
}

// Position is the number of the first message that the group was not done
// with when the member joined.
func (ms *Membership) Position() uint64 { return ms.position }

// Start begins delivery.
func (ms *Membership) Start() {
	g := ms.group
	g.mu.Lock()
	defer g.mu.Unlock()
	ms.started = true
	g.tellLossesLocked()
	if ms.last != nil {
		ms.tell(ms.last)
		return
	}
	ms.full = false
	g.pumpLocked()
}

// Resume says that a member that took fewer messages than it was handed has
// room again.
func (ms *Membership) Resume() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.full = false
	ms.group.pumpLocked()
}

// Ack acknowledges all that was handed over up to the tag. Of a member that
// acknowledges explicitly it says only which gaps it has heard of.
func (ms *Membership) Ack(tag uint64) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.heardLocked(tag)
	if ms.held.explicit {
		return
	}
	had, acked := ms.hasCredit(), 0
	for h := ms.held.oldest(); h != nil && h.tag <= tag; h = ms.held.oldest() {
		ms.doneLocked(ms.held.takeOldest())
		acked++
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
	return ms.ackLocked(seqs)
}

// AckUpTo is AckSeqs of all messages up to a number.
func (ms *Membership) AckUpTo(seq uint64) (acked int, err error) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	seqs := ms.held.upTo(seq)
	for n, who := range ms.group.late {
		if who == ms && n <= seq {
			seqs = append(seqs, n)
		}
	}
	slices.Sort(seqs) // one span, mostly, for the ledger
	return ms.ackLocked(seqs)
}

func (ms *Membership) ackLocked(seqs []uint64) (acked int, err error) {
	if !ms.held.explicit {
		return 0, ErrNotExplicit
	}
	had := ms.hasCredit()
	for _, seq := range seqs {
		if h, ok := ms.held.take(seq); ok {
			ms.doneLocked(h)
			acked++
		} else if ms.group.late[seq] == ms {
			delete(ms.group.late, seq)
			ms.group.add(seq, seq)
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
	if !ms.held.explicit {
		return 0, ErrNotExplicit
	}
	for _, seq := range seqs {
		if h, ok := ms.held.take(seq); ok {
			ms.bytes -= len(h.message.Payload)
			g.failLocked(h, reason, delay)
			nacked++
		}
	}
	if nacked > 0 {
		g.markLocked()
		g.pumpLocked()
	}
	return nacked, nil
}

// Leave ends the membership. What was not acknowledged goes to the other
// members, or waits for the next one. It is safe to call twice.
func (ms *Membership) Leave() {
	g := ms.group
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.members, ms)
	if i < 0 {
		return
	}
	g.members = slices.Delete(g.members, i, i+1)
	g.giveBackLocked(ms)
	ms.forgetTold()
	g.markLocked()
	if len(g.members) == 0 {
		g.restLocked()
		return
	}
	g.tellLossesLocked()
	g.pumpLocked()
}

func (ms *Membership) doneLocked(h handed) {
	ms.bytes -= len(h.message.Payload)
	ms.group.add(h.message.Seq, h.message.Seq)
}

// settledLocked goes on after messages were acknowledged by a member that had
// credit before, or had none.
func (ms *Membership) settledLocked(had bool, acked int) {
	if acked == 0 {
		return
	}
	ms.group.markLocked()
	if !had || ms.group.held {
		ms.group.pumpLocked()
	}
}

func (ms *Membership) hasCredit() bool {
	bytes := ms.group.registry.opts.Credit.Bytes
	n := ms.held.live
	if ms.run != nil {
		n += len(*ms.run)
	}
	return !ms.full && (n == 0 || n < ms.credit && ms.bytes < bytes)
}

// Slices of deliveries are needed during a pass only.
var deliveries = sync.Pool{New: func() any { return new([]Delivery) }}

func (ms *Membership) assign(d Delivery) {
	if ms.run == nil {
		ms.run = deliveries.Get().(*[]Delivery)
	}
	*ms.run = append(*ms.run, d)
	ms.bytes += len(d.Payload)
}

func (ms *Membership) recycle() {
	clear(*ms.run)
	*ms.run = (*ms.run)[:0]
	deliveries.Put(ms.run)
	ms.run = nil
}

// accepts asks the member, unless it is beyond asking.
func (ms *Membership) accepts(p *streams.Batch, i int) bool {
	if ms.dead {
		return false
	}
	defer ms.containPanic()
	return ms.member.Accepts(p, i)
}

// deliver hands the run to the member. One that panics has taken nothing.
func (ms *Membership) deliver(run []Delivery) (taken int, tag uint64) {
	defer ms.containPanic()
	return ms.member.Deliver(run)
}

// tell calls the member, unless it is beyond that.
func (ms *Membership) tell(f func(Member)) {
	if !ms.dead {
		defer ms.containPanic()
		f(ms.member)
	}
}

// lastWord tells the member, now or by Start, that nothing follows.
func (ms *Membership) lastWord(tell func(Member)) {
	ms.last = tell
	if ms.started {
		ms.tell(tell)
	}
}

// containPanic keeps one member's failure from the others, and from whoever
// happened to share out messages.
func (ms *Membership) containPanic() {
	if v := recover(); v != nil {
		ms.dead = true
		ms.group.registry.opts.OnPanic(ms.member, v)
	}
}
