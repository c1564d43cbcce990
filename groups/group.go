package groups

import (
	"container/heap"
	"maps"
	"sync"
	"time"

	"seagate/streams"
)

// A Delivery is a message that is handed to a member. Attempt is how often the
// group has handed it out before, as far as that is known: see the package
// comment.
type Delivery struct {
	*streams.Message
	Attempt int
}

// A Member is handed messages. Its methods are called by one goroutine at a
// time and must not block.
type Member interface {
	// Accepts says whether the member may be handed the i-th message of p.
	Accepts(p *streams.Batch, i int) bool

	// Deliver hands over messages, oldest first, and returns how many of them,
	// from the first, it took, and a tag, never lower than the one before, by
	// which Membership.Ack names the last of them. After it took fewer than
	// all it is handed nothing until Membership.Resume. The slice is the
	// member's until it returns.
	Deliver(run []Delivery) (taken int, tag uint64)

	// Gap tells that the group lost messages: the topic kept them no longer
	// than it took the group to read them. It returns a tag as Deliver does, by
	// which Membership.Ack says that this has arrived: until somebody said so,
	// others are told. 0 is for a member that never will, and has heard. It
	// returns false if the member cannot be told.
	Gap(first, last uint64) (tag uint64, told bool)

	// End tells that the topic was deleted. Nothing follows.
	End()

	// Deleted tells that the group was deleted. Nothing follows.
	Deleted()

	// Fail tells that the topic cannot be read. Nothing follows, and the
	// member is none any more; the group is where it was.
	Fail(err error)
}

// A group is what is kept of a consumer group, and, while it has members, how
// they share its place in the topic.
type group struct {
	registry *Registry
	key      Key

	// recordMu is held while the record is read, written or deleted, and while
	// the group begins to read its topic. It is taken before Registry.mu.
	recordMu sync.Mutex

	mu sync.Mutex // guards what follows
	ledger
	complete     bool   // the ledger has all; otherwise the record does
	log          string // the ID of the log that the numbers are of
	createdAt    time.Time
	lastActive   time.Time // when the last member left
	joined       bool      // it has had a member
	returnedTo   bool      // it has had another one
	losses       []*loss   // gaps of which nobody is known to have heard
	redelivered  uint64
	deadLettered uint64
	lost         uint64
	unstored     bool // it is new, and has no record yet
	dirty        bool // the record is to be written
	ended        bool // its topic was deleted
	gone         bool // it is no longer in the registry, and has no record

	// What follows is of a group with members only, except burying.
	in      *streams.InTopic
	reader  *reader
	members []*Membership
	turn    int // index of the member whose turn it is
	// returned is what was handed to nobody yet or came back from a member.
	// While there is any, nothing is taken from the topic.
	returned backlog
	delayed  delays
	burying  map[uint64]*burial     // messages that are about to be dead letters
	aside    int                    // payload in delayed and burying
	late     map[uint64]*Membership // who was handed what was taken back and waits in returned
	held     bool                   // the window is full, or too much is set aside
	alarm    time.Duration          // when to be woken, by Registry.now; 0: not asked for
}

// A reader is a group as its topic sees it, from the joining of the first
// member to the leaving of the last, or to a move. A pass that is under way
// when it ends finds that it is no longer the group's.
type reader struct{ group *group }

// Deliver shares out what comes from the topic.
func (rd *reader) Deliver(p *streams.Batch) int {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd || len(g.returned) > 0 {
		return 0
	}
	n := g.shareLocked(p, true)
	if len(g.returned) > 0 {
		g.pumpLocked()
	}
	return n
}

// State implements streams.Consumer; members are not told.
func (rd *reader) State(streams.State) {}

// Gap notes that the group is done with what it will not see, and tells its
// members.
func (rd *reader) Gap(first, last uint64) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return
	}
	for _, s := range g.missing(first, last) {
		g.lost += s.size()
		g.registry.lost.Add(s.size())
		g.loseLocked(s)
	}
	g.add(first, last)
	g.markLocked()
	g.tellLossesLocked()
}

// Resumed implements streams.Consumer.
func (rd *reader) Resumed() {}

// End ends the group with its topic: the registry's keeper deletes it, since a
// worker does not wait for storage. After any other error all members go, and
// who joins next tries again.
func (rd *reader) End(err error) {
	g := rd.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.reader != rd {
		return
	}
	if err != streams.ErrDeleted {
		g.dismissLocked(func(m Member) { m.Fail(err) })
		return
	}
	g.ended = true
	g.dismissLocked(Member.End)
	g.registry.condemn(g)
}

// pumpMessages bounds a pass over what was returned. Filters decode a whole
// pass for the first message that they are asked about, and much may wait here
// while members have little credit.
const pumpMessages = 256

// pumpLocked shares out what was returned, until no member has credit, and
// once nothing is left reads on from the topic.
func (g *group) pumpLocked() {
	g.held = false
	for len(g.returned) > 0 && len(g.members) > 0 {
		p := &streams.Batch{Messages: g.returned.oldest(pumpMessages)}
		n := g.shareLocked(p, false)
		for _, m := range p.Messages[n:] {
			heap.Push(&g.returned, m)
		}
		if n < len(p.Messages) {
			return
		}
	}
	if g.in != nil {
		g.in.Resume()
	}
}

// shareLocked assigns the messages in order, until one finds no member with
// credit, and hands them over. It returns how many were assigned; those that a
// member then had no room for are in returned. fresh are messages that come
// from the topic.
func (g *group) shareLocked(p *streams.Batch, fresh bool) int {
	assigned := 0
	for i, m := range p.Messages {
		if fresh && !g.hasRoomLocked(m) {
			g.held = true
			break
		}
		if !g.assignLocked(p, i) {
			break
		}
		assigned++
	}
	for _, ms := range g.members {
		g.handOverLocked(ms)
	}
	if assigned > 0 {
		g.markLocked()
	}
	return assigned
}

// hasRoomLocked says whether a message is within the window, and little enough
// is set aside.
func (g *group) hasRoomLocked(m *streams.Message) bool {
	opts := &g.registry.opts
	return m.Seq < g.position+uint64(opts.Window) && g.aside < opts.AsideBytes
}

// assignLocked finds out who is handed the i-th message, if anybody. It
// returns false if the message has to wait.
func (g *group) assignLocked(p *streams.Batch, i int) bool {
	m := p.Messages[i]
	if g.has(m.Seq) || g.burying[m.Seq] != nil {
		return true
	}
	a := g.attempts[m.Seq]
	if g.failedLocked(a) {
		g.buryLocked(m, a)
		return true
	}
	ms, accepted := g.pickLocked(p, i)
	switch {
	case ms != nil:
		ms.assign(Delivery{m, int(a.deliveries)})
	case accepted:
		return false
	default: // passed over
		g.add(m.Seq, m.Seq)
		delete(g.late, m.Seq)
	}
	return true
}

// pickLocked returns the next member in turn that accepts the message and has
// credit. accepted says whether any member would accept it.
func (g *group) pickLocked(p *streams.Batch, i int) (ms *Membership, accepted bool) {
	for k := range g.members {
		n := (g.turn + k) % len(g.members)
		candidate := g.members[n]
		accepts := candidate.accepts(p, i)
		if candidate.dead { // until it leaves, nobody knows what it would have accepted
			accepted = true
			continue
		}
		if !accepts {
			continue
		}
		accepted = true
		if candidate.hasCredit() {
			g.turn = n + 1
			return candidate, true
		}
	}
	return nil, accepted
}

// handOverLocked gives a member what it was assigned, and takes back what it
// had no room for.
func (g *group) handOverLocked(ms *Membership) {
	if ms.run == nil {
		return
	}
	run := *ms.run
	taken, tag := 0, uint64(0)
	if !ms.dead { // it may have panicked over a later message of the same pass
		taken, tag = ms.deliver(run)
	}
	deadline := g.deadlineLocked(ms, taken)
	for _, d := range run[:taken] {
		ms.held.add(handed{d.Message, tag, uint32(d.Attempt), deadline})
		g.handedLocked(d)
	}
	for _, d := range run[taken:] {
		ms.bytes -= len(d.Payload)
		heap.Push(&g.returned, d.Message)
	}
	ms.full = taken < len(run)
	ms.recycle()
}

// deadlineLocked returns by when a member has to acknowledge what it just
// took, and sees to it that the group is woken then.
func (g *group) deadlineLocked(ms *Membership, taken int) time.Duration {
	if !ms.held.explicit || taken == 0 {
		return 0
	}
	deadline := g.registry.now() + g.registry.opts.AckTimeout
	g.alarmLocked(deadline)
	return deadline
}

func (g *group) handedLocked(d Delivery) {
	if d.Attempt > 0 {
		g.redelivered++
		g.registry.redelivered.Add(1)
	}
	if g.late != nil {
		delete(g.late, d.Seq)
	}
}

// giveBackLocked takes from a member what it has not acknowledged, which is
// no failure of the messages.
func (g *group) giveBackLocked(ms *Membership) {
	for ms.held.oldest() != nil {
		g.returnLocked(ms.held.takeOldest())
	}
	ms.bytes = 0
	maps.DeleteFunc(g.late, func(_ uint64, who *Membership) bool { return who == ms })
}

// returnLocked lets somebody else have a message that was handed out.
func (g *group) returnLocked(h handed) {
	a := g.attempts[h.message.Seq]
	a.deliveries = h.attempt + 1
	g.tried(h.message.Seq, a)
	heap.Push(&g.returned, h.message)
}

// dismissLocked lets all members go, after the last word that they are told.
func (g *group) dismissLocked(tell func(Member)) {
	for _, ms := range g.members {
		ms.lastWord(tell)
		g.giveBackLocked(ms)
		ms.forgetTold()
	}
	g.restLocked()
}

// restLocked stops reading the topic when nobody is a member any more. What
// was not acknowledged is read again for the next one.
func (g *group) restLocked() {
	g.in.Close()
	g.in, g.reader = nil, nil
	g.members, g.turn = nil, 0
	for _, d := range g.delayed {
		g.aside -= len(d.message.Payload)
	}
	g.returned, g.delayed, g.late, g.held = nil, nil, nil, false
	g.lastActive = time.Now().UTC()
	g.markLocked()
}

// markLocked has the record written with the next checkpoint.
func (g *group) markLocked() {
	if g.dirty || g.gone || g.ended {
		return
	}
	g.dirty = true
	g.registry.note(g)
}
