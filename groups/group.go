package groups

import (
	"container/heap"
	"maps"
	"sync"
	"time"

	"seagate/streams"
)

// A Share is a message of a batch that a member is handed. Attempt is how often
// the group has handed it out before, as far as that is known: see the package
// comment.
type Share struct{ Index, Attempt int }

// A Member is handed messages. Visible, Deliver and Gap are called by one
// goroutine at a time, without locks, and must not block. End may come from any
// goroutine, also while one of the others is under way.
type Member interface {
	// Visible returns the indices of those messages of b that the member may be
	// handed, in ascending order, or nil for all of them; an empty slice that is
	// not nil is none. The slice may be shared: it is not changed.
	Visible(b *streams.Batch) []int

	// Deliver hands over the messages of b that share names, oldest first. It
	// returns how many of them, from the first, the member took, and a tag,
	// never lower than the one before, by which Membership.Ack names the last
	// of them. After it took fewer than all it is handed nothing until
	// Membership.Resume. The share is the member's until it returns.
	Deliver(b *streams.Batch, share []Share) (taken int, tag uint64)

	// Gap tells that the group lost the messages from first to last: the topic
	// dropped them before the group read them. It returns a tag as Deliver does,
	// by which Membership.Ack says that this has arrived: until a member says
	// so, others are told. Tag 0 is for a member that never acknowledges a gap;
	// it counts as heard. told is false if the member cannot be told.
	Gap(first, last uint64) (tag uint64, told bool)

	// End tells that nothing follows: because the topic was deleted, which is
	// streams.ErrDeleted, or the group, which is ErrNotFound, or because the
	// topic cannot be read. A call of Visible, Deliver or Gap that is under way
	// may return after it.
	End(err error)
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
	members []*Membership // copied on each change: the worker reads it without the lock
	turn    int           // index of the member whose turn it is
	// returned is what was handed to nobody yet or came back from a member.
	// While there is any, nothing is taken from the topic.
	returned backlog
	delayed  delays
	burying  map[uint64]*burial     // messages that are about to be dead letters
	aside    int                    // payload in delayed and burying
	late     map[uint64]*Membership // who was handed what was taken back and waits in returned
	held     uint64                 // the message that waits for room in the window, or for less to be set aside; 0: none
	alarm    time.Duration          // when to be woken, by Registry.now; 0: not asked for

	pass uint64 // counts the batches that were shared out; owned by the worker
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

// dismissLocked ends all memberships. It returns those whose members are to be
// told why, without the lock: see Membership.end.
func (g *group) dismissLocked(why error) (told []*Membership) {
	for _, ms := range g.members {
		switch ms.state {
		case joined:
			ms.ended = why // Start tells it
		case dead:
		default:
			told = append(told, ms)
		}
		ms.state = left
		g.giveBackLocked(ms)
		ms.forgetTold()
	}
	g.restLocked()
	return told
}

// endAll tells the members that nothing follows.
func endAll(memberships []*Membership, why error) {
	for _, ms := range memberships {
		ms.end(why)
	}
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
	g.returned, g.delayed, g.late, g.held = nil, nil, nil, 0
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
