package groups

import (
	"time"

	"seagate/streams"
)

// A reader is the streams.Consumer of a group. It lives from the first Join to the
// last Leave, or to a move, which replaces it. The topic's worker calls its
// methods, and never those of two readers of one group at the same time. A call
// may be running when the reader is replaced. So each method checks under the
// lock that g.reader is still this reader, and otherwise changes nothing.
type reader struct {
	group *group

	// members is a copy of group.members as the worker last saw it. Owned by the worker.
	members []*Membership
}

// Deliver implements streams.Consumer: it shares out new messages of the topic.
func (rd *reader) Deliver(b *streams.Batch) int {
	assigned, more := rd.share(b, true)
	if more {
		rd.retry()
	}
	return assigned
}

// Resumed implements streams.Consumer. The worker calls it after wakeLocked, when
// the group has changed: a member started, has room or credit again, or a message
// must be handed out again.
//
// While messages wait to be handed out again, nothing is taken from the topic, so
// the group has no room then.
func (rd *reader) Resumed() (hasRoom bool) {
	rd.endDrained()
	rd.tellLosses()
	rd.tellState()
	rd.retry()
	return !rd.hasRetries()
}

// endDrained ends the memberships of leaving members that have nothing in flight. Only
// the worker hands messages out, so nothing follows the end.
func (rd *reader) endDrained() { endAll(rd.removeDrained(), ErrDrained) }

func (rd *reader) removeDrained() (drained []*Membership) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return nil
	}
	for _, ms := range g.members { // each removal makes a new slice
		if ms.isDrainedLocked() {
			g.removeMemberLocked(ms)
			drained = append(drained, ms)
		}
	}
	return drained
}

func (rd *reader) hasRetries() bool {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reader == rd && len(g.retryQueue) > 0
}

// Gap implements streams.Consumer. It marks the lost messages as done, and tells the
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
		g.settleRunLocked(s, Lost, nil, 0)
	}
	g.markLocked()
	return true
}

// End implements streams.Consumer. It ends all memberships. If the topic was deleted,
// the registry's keeper deletes the group, because a worker must not wait for storage.
// After any other error, the next Join tries to read the topic again.
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

// retryMessages bounds a batch of messages that are handed out again. A filter
// decodes a whole batch, even if the members have credit for only a few of many
// waiting messages.
const retryMessages = 256

// retry shares out the messages of the retry queue, until it is empty or no member
// can take its next message.
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

// oldestRetriesLocked removes up to retryMessages messages from the queue, the oldest
// first.
func (g *group) oldestRetriesLocked() []*streams.Message {
	messages := make([]*streams.Message, min(retryMessages, len(g.retryQueue)))
	for i := range messages {
		messages[i] = g.retryQueue.pop().Message
	}
	return messages
}

// takeRetries removes the oldest messages from the queue. The worker must assign them
// or put them back.
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
	if g.reader != rd { // the next reader reads them from the topic again
		return
	}
	for _, m := range messages {
		g.retryQueue.push(queued{m})
	}
}

// share hands out the messages of a batch, in order, until no member has credit for
// the next one. It returns how many messages need no further delivery, and whether
// the retry queue has messages, for example because a member had no room. fresh
// means that the messages come from the topic, not from the retry queue.
//
// Members are asked and served without the lock. A message is in flight as soon as
// it is assigned, so credit and records are right at every moment. It gets its tag
// after the member has taken it. An acknowledgement, a Leave or a move in between
// counts.
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

// sameMembers reports whether a and b are the same slice. Each change of group.members
// makes a new one.
func sameMembers(a, b []*Membership) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// ask calls Member.Visible of the members that were not asked about this batch yet.
func (rd *reader) ask(b *streams.Batch) {
	for _, ms := range rd.members {
		if ms.asked != rd.group.pass {
			ms.asked = rd.group.pass
			ms.ask(b)
		}
	}
}

// assignLocked assigns the messages of a batch, in order, until one has to wait. It
// returns how many did not have to wait.
func (g *group) assignLocked(b *streams.Batch, fresh bool) (assigned int) {
	if len(g.members) == 0 {
		return 0
	}
	if fresh { // retries do not change that the topic's next message waits
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

// assignOneLocked assigns a message, the i-th of its batch, to a member. If nobody
// needs it, it does nothing or skips the message. It returns false if the message
// has to wait.
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
	default: // nobody accepts it: skip it
		g.settleOneLocked(m.Seq, Skipped, nil, a.Deliveries)
		delete(g.overdue, m.Seq)
	}
	return true
}

// pickLocked returns the next member in turn that accepts the i-th message and
// has credit. accepted reports whether any member accepts it.
func (g *group) pickLocked(i int) (ms *Membership, accepted bool) {
	for k := range g.members {
		n := (g.turn + k) % len(g.members)
		candidate := g.members[n]
		if candidate.state == dead { // it panicked, so it may have accepted the message
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

// settleLocked runs after Member.Deliver. It tags the messages that the member took,
// and queues the others to be handed out again. Messages that are no longer in
// flight were acknowledged or returned during the call, and are left alone.
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
	if ms.taken > 0 && !ms.inFlight.explicit && ms.window.isIdle() {
		ms.window.time(ms.tag, ms.inFlight.live, g.registry.now())
	}
	g.markLocked()
	if ms.taken < n && ms.state == ready && !ms.resumed {
		ms.state = full
	}
	if ms.acked {
		ms.ackLocked(ms.ackedTag)
	}
	if ms.ackedUpTo > 0 && ms.inFlight.explicit {
		ms.ackUpToLocked(ms.ackedUpTo)
	}
	ms.wakeIfDrainedLocked()
}

// deadlineLocked returns the deadline for the messages that a member just took, and
// sets the timer for it.
func (g *group) deadlineLocked(ms *Membership) time.Duration {
	if !ms.inFlight.explicit || ms.taken == 0 {
		return never
	}
	deadline := g.registry.now() + g.registry.opts.AckTimeout
	g.wakeAtLocked(deadline)
	return deadline
}

// tagLocked sets the tag and deadline of a message that was taken.
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

// requeueUntakenLocked queues a message that the member did not take. This does not
// count as a delivery.
func (g *group) requeueUntakenLocked(h handOut) {
	g.retryQueue.push(queued{h.message})
	moveEntry(&g.overdue, g.offered, h.message.Seq)
}

// moveEntry moves the entry of seq between two maps, if it exists.
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
