package groups

import (
	"container/heap"
	"math"
	"slices"
	"time"

	"seagate/streams"
)

// A reader is a group as its topic sees it, from the joining of the first
// member to the leaving of the last, or to a move. Its methods run on the
// topic's worker: the readers of one group are never served at the same time.
// A call that is under way when the reader ends finds that it is no longer the
// group's.
type reader struct {
	group *group

	members []*Membership // of the group, when the worker last looked; owned by the worker
}

// Deliver shares out what comes from the topic.
func (rd *reader) Deliver(b *streams.Batch) int {
	assigned, more := rd.share(b, true)
	if more {
		rd.retry()
	}
	return assigned
}

// State implements streams.Consumer; members are not told.
func (rd *reader) State(streams.State) {}

// Resumed goes on after something has changed: a member started, has room or
// credit again, or a message came back. Whoever changes the group calls
// wakeLocked and delivers nothing itself.
func (rd *reader) Resumed() {
	rd.tellLosses()
	rd.retry()
}

// wakeLocked has the worker call Resumed, and then read on.
func (g *group) wakeLocked() {
	if g.in != nil {
		g.in.Resume()
	}
}

// Gap notes that the group is done with what it will not see, and tells its
// members.
func (rd *reader) Gap(first, last uint64) {
	if rd.lose(first, last) {
		rd.tellLosses()
	}
}

func (rd *reader) lose(first, last uint64) bool {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return false
	}
	for _, s := range g.missing(first, last) {
		g.lost += s.size()
		g.registry.lost.Add(s.size())
		g.loseLocked(s)
	}
	g.add(first, last)
	g.markLocked()
	return true
}

// End ends the group with its topic: the registry's keeper deletes it, since a
// worker does not wait for storage. After any other error all members go, and
// who joins next tries again.
func (rd *reader) End(err error) {
	endAll(rd.dismiss(err), err)
}

func (rd *reader) dismiss(err error) (told []*Membership) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return nil
	}
	if err == streams.ErrDeleted {
		g.ended = true
		defer g.registry.condemn(g)
	}
	return g.dismissLocked(err)
}

// retryMessages bounds a batch of messages that are handed out again. Filters
// decode a whole batch, and many may wait here while members have little
// credit.
const retryMessages = 256

// retry shares out what waits to be handed out again, until no member has
// credit.
func (rd *reader) retry() {
	for {
		b := &streams.Batch{Messages: rd.takeRetries()}
		if len(b.Messages) == 0 {
			return
		}
		assigned, more := rd.share(b, false)
		if rest := b.Messages[assigned:]; len(rest) > 0 {
			rd.putBack(rest)
			if !more {
				return
			}
		}
	}
}

// takeRetries takes the oldest messages out of the queue. They are the worker's
// until they are assigned or put back.
func (rd *reader) takeRetries() []*streams.Message {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd || len(g.returned) == 0 {
		return nil
	}
	return g.returned.oldest(retryMessages)
}

func (rd *reader) putBack(messages []*streams.Message) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd { // the next reader reads them again
		return
	}
	for _, m := range messages {
		heap.Push(&g.returned, m)
	}
}

// share hands out the messages of a batch, in order, until one finds no member
// with credit. It returns how many were assigned, and whether messages wait to
// be handed out again, for example because a member had no room. fresh says
// that the messages come from the topic.
//
// Members are asked and served without the lock. What is assigned is in flight
// at once, so that credit and records are right at every moment; its tags
// follow when the members have taken it. What happens to it in between (an
// acknowledgement, a member that leaves, a move) counts.
func (rd *reader) share(b *streams.Batch, fresh bool) (assigned int, more bool) {
	g := rd.group
	g.pass++
	for {
		rd.ask(b)
		g.mu.Lock()
		if g.reader != rd || fresh && len(g.returned) > 0 {
			g.mu.Unlock()
			return 0, false
		}
		if sameMembers(rd.members, g.members) {
			break
		}
		rd.members = g.members
		g.mu.Unlock()
	}
	assigned = g.assignLocked(b, fresh)
	g.mu.Unlock()
	if assigned == 0 {
		return 0, false
	}
	for _, ms := range rd.members {
		ms.deliver(b)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ms := range rd.members {
		g.settleLocked(ms)
	}
	return assigned, g.reader == rd && len(g.returned) > 0
}

// sameMembers compares by identity: members are copied on each change.
func sameMembers(a, b []*Membership) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// ask asks the members that were not asked yet which messages they may have.
func (rd *reader) ask(b *streams.Batch) {
	for _, ms := range rd.members {
		if ms.asked != rd.group.pass {
			ms.asked = rd.group.pass
			ms.ask(b)
		}
	}
}

// assignLocked assigns the messages of a batch, in order, until one has to wait,
// and returns how many it is done with.
func (g *group) assignLocked(b *streams.Batch, fresh bool) (assigned int) {
	if len(g.members) == 0 {
		return 0
	}
	g.held = 0
	for i, m := range b.Messages {
		if fresh && !g.hasRoomLocked(m.Seq) {
			g.held = m.Seq
			break
		}
		if !g.assignOneLocked(m, i) {
			break
		}
		assigned++
	}
	if assigned > 0 {
		g.markLocked()
	}
	return assigned
}

// hasRoomLocked says whether a message is within the window, and little enough
// is set aside.
func (g *group) hasRoomLocked(seq uint64) bool {
	opts := &g.registry.opts
	return seq < g.position+uint64(opts.Window) && g.aside < opts.AsideBytes
}

// assignOneLocked decides who is handed the message, the i-th of its batch, if
// anybody. It returns false if the message has to wait.
func (g *group) assignOneLocked(m *streams.Message, i int) bool {
	if g.has(m.Seq) || g.burying[m.Seq] != nil {
		return true
	}
	a := g.attempts[m.Seq]
	if g.failedLocked(a) {
		g.buryLocked(m, a)
		return true
	}
	ms, accepted := g.pickLocked(i)
	switch {
	case ms != nil:
		ms.assignLocked(m, i, a.deliveries)
	case accepted:
		return false
	default: // passed over
		g.add(m.Seq, m.Seq)
		delete(g.late, m.Seq)
	}
	return true
}

// pickLocked returns the next member in turn that accepts the i-th message and
// has credit. accepted says whether any member would accept it.
func (g *group) pickLocked(i int) (ms *Membership, accepted bool) {
	for k := range g.members {
		n := (g.turn + k) % len(g.members)
		candidate := g.members[n]
		if candidate.state == dead { // until it leaves, nobody knows what it would have accepted
			accepted = true
			continue
		}
		if !candidate.accepts(i) {
			continue
		}
		accepted = true
		if candidate.hasCreditLocked() {
			g.turn = n + 1
			return candidate, true
		}
	}
	return nil, accepted
}

// untagged is the tag of what is being handed over, and never its deadline.
// Ack does not reach it, and it does not time out.
const (
	untagged = math.MaxUint64
	never    = time.Duration(math.MaxInt64)
)

// settleLocked notes what a member took of what it was assigned, and lets others
// have what it had no room for. What is no longer in flight was acknowledged
// meanwhile, or taken back; it stays as it is.
func (g *group) settleLocked(ms *Membership) {
	if ms.share == nil {
		return
	}
	n := len(*ms.share)
	ms.recycle()
	if first := len(ms.held.list) - n; first >= 0 {
		deadline := g.deadlineLocked(ms)
		for i := range ms.taken {
			g.tagLocked(&ms.held.list[first+i], ms.tag, deadline)
		}
		for i := first + ms.taken; i < first+n && ms.held.live > 0; i++ {
			if h, ok := ms.held.takeAt(i); ok {
				ms.bytes -= len(h.message.Payload)
				g.untakenLocked(h)
			}
		}
	}
	g.markLocked()
	if ms.taken < n && ms.state == ready && !ms.resumed {
		ms.state = full
	}
	if ms.acked {
		ms.ackLocked(ms.ackedTag)
	}
}

// deadlineLocked returns by when a member has to acknowledge what it just
// took, and sees to it that the group is woken then.
func (g *group) deadlineLocked(ms *Membership) time.Duration {
	if !ms.held.explicit || ms.taken == 0 {
		return never
	}
	deadline := g.registry.now() + g.registry.opts.AckTimeout
	g.alarmLocked(deadline)
	return deadline
}

// tagLocked notes that a message was taken.
func (g *group) tagLocked(h *handed, tag uint64, deadline time.Duration) {
	if h.message == nil {
		return
	}
	h.tag, h.deadline = tag, deadline
	if h.attempt > 0 {
		g.redelivered++
		g.registry.redelivered.Add(1)
	}
	h.late = nil
}

// untakenLocked lets others have a message that a member had no room for. It
// was not handed out.
func (g *group) untakenLocked(h handed) {
	heap.Push(&g.returned, h.message)
	if h.late != nil && h.late.state != left {
		g.late[h.message.Seq] = h.late
	}
}

// addMemberLocked and removeMemberLocked copy the members: the worker goes
// through them without the lock.
func (g *group) addMemberLocked(ms *Membership) {
	g.members = append(slices.Clip(slices.Clone(g.members)), ms)
}

func (g *group) removeMemberLocked(i int) {
	g.members = slices.Delete(slices.Clone(g.members), i, i+1)
}
