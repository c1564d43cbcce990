package groups

import (
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

	// members are the group's when the worker last looked. Owned by the worker.
	members []*Membership
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
	for _, s := range g.progress.Missing(first, last) {
		g.lost += s.Size()
		g.registry.lost.Add(s.Size())
		g.loseLocked(s)
	}
	g.progress.Add(first, last)
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
	if err == streams.ErrDeleted && g.state == reading {
		g.state = ended
		g.registry.changes.deleteLater(g)
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

// oldestRetriesLocked takes messages out of the queue, the oldest first.
func (g *group) oldestRetriesLocked() []*streams.Message {
	messages := make([]*streams.Message, min(retryMessages, len(g.retryQueue)))
	for i := range messages {
		messages[i] = g.retryQueue.pop().Message
	}
	return messages
}

// takeRetries takes the oldest messages out of the queue. They are the worker's
// until they are assigned or put back.
func (rd *reader) takeRetries() []*streams.Message {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd || len(g.retryQueue) == 0 {
		return nil
	}
	return g.oldestRetriesLocked()
}

func (rd *reader) putBack(messages []*streams.Message) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd { // the next reader reads them again
		return
	}
	for _, m := range messages {
		g.retryQueue.push(queued{m})
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
		if g.reader != rd || fresh && len(g.retryQueue) > 0 {
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
	g.offered = nil
	return assigned, g.reader == rd && len(g.retryQueue) > 0
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
	if fresh { // while others are handed out again, the topic's next message still waits
		g.heldAt = 0
	}
	for i, m := range b.Messages {
		if fresh && !g.hasRoomLocked(m.Seq) {
			g.heldAt = m.Seq
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

// assignOneLocked decides who is handed the message, the i-th of its batch, if
// anybody. It returns false if the message has to wait.
func (g *group) assignOneLocked(m *streams.Message, i int) bool {
	if g.progress.Has(m.Seq) || g.deadLettering[m.Seq] != nil {
		return true
	}
	a := g.progress.Attempts(m.Seq)
	if g.hasFailedLocked(a) {
		g.deadLetterLocked(m, a)
		return true
	}
	ms, accepted := g.pickLocked(i)
	switch {
	case ms != nil:
		ms.assignLocked(m, i, a.Deliveries)
		moveEntry(&g.offered, g.overdue, m.Seq)
	case accepted:
		return false
	default: // passed over
		g.progress.Add(m.Seq, m.Seq)
		delete(g.overdue, m.Seq)
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

// settleLocked notes what a member took of what it was assigned, and lets others
// have what it had no room for. What is no longer in flight was acknowledged
// meanwhile, or taken back; it stays as it is.
func (g *group) settleLocked(ms *Membership) {
	if ms.share == nil {
		return
	}
	n := len(*ms.share)
	ms.recycle()
	if first := len(ms.inFlight.list) - n; first >= 0 {
		deadline := g.deadlineLocked(ms)
		for i := range ms.taken {
			g.tagLocked(&ms.inFlight.list[first+i], ms.tag, deadline)
		}
		for i := first + ms.taken; i < first+n && ms.inFlight.live > 0; i++ {
			if h, ok := ms.inFlight.takeAt(i); ok {
				ms.bytes -= len(h.message.Payload)
				g.requeueUntakenLocked(h)
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
	if !ms.inFlight.explicit || ms.taken == 0 {
		return never
	}
	deadline := g.registry.now() + g.registry.opts.AckTimeout
	g.wakeAtLocked(deadline)
	return deadline
}

// tagLocked notes that a message was taken.
func (g *group) tagLocked(h *handOut, tag uint64, deadline time.Duration) {
	if h.message == nil {
		return
	}
	h.tag, h.deadline = tag, deadline
	if h.attempt > 0 {
		g.redelivered++
		g.registry.redelivered.Add(1)
	}
}

// requeueUntakenLocked lets others have a message that a member had no room for. It
// was not handed out.
func (g *group) requeueUntakenLocked(h handOut) {
	g.retryQueue.push(queued{h.message})
	moveEntry(&g.overdue, g.offered, h.message.Seq)
}

// moveEntry moves an entry, if it is there.
func moveEntry(to *map[uint64]*Membership, from map[uint64]*Membership, seq uint64) {
	ms, ok := from[seq]
	if !ok {
		return
	}
	delete(from, seq)
	if *to == nil {
		*to = map[uint64]*Membership{}
	}
	(*to)[seq] = ms
}
