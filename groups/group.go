package groups

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/groups/progress"
	"seagate/storage"
	"seagate/streams"
)

// A group is what is kept of a consumer group, and, while it has members, how
// they share its place in the topic.
type group struct {
	registry *Registry
	key      Key

	// recordMu is held while the record is read, written or deleted, and while
	// the group begins to read its topic. It is taken before Registry.mu.
	recordMu sync.Mutex

	mu           sync.Mutex // guards what follows
	state        groupState
	progress     progress.Progress
	partial      bool   // progress is a Summary, and the record has the rest
	dirty        bool   // the record is to be written
	log          string // the ID of the log that the numbers are of
	createdAt    time.Time
	lastActive   time.Time // when the last member left
	rejoined     bool      // a second member has joined, at any time
	losses       []*loss   // gaps of which no member is known to have heard
	redelivered  uint64
	deadLettered uint64
	lost         uint64

	// What follows is for groups with members, except deadLettering and, with
	// it, setAsideBytes.
	in      *streams.InTopic
	reader  *reader
	members []*Membership // copied on each change: the worker reads it without the lock
	turn    int           // index of the member whose turn it is

	// retryQueue holds what came back from a member. While there is any, nothing
	// is taken from the topic.
	retryQueue    heap[queued]
	delayed       heap[delayed]
	deadLettering map[uint64]*deadLetterAttempt
	setAsideBytes int                    // payload in delayed and deadLettering
	overdue       map[uint64]*Membership // who was handed what timed out and nobody else has taken
	offered       map[uint64]*Membership // those of overdue that are just being handed to others
	heldAt        uint64                 // the message for which the window is full, or too much is set aside; 0: none
	timer         *time.Timer            // for delays and acknowledgements that are due; nil: none
	timerAt       time.Duration          // when it fires, by Registry.now; 0: never

	pass uint64 // counts the batches that were shared out; owned by the worker
}

// A groupState says what there is of a group.
type groupState uint8

const (
	fresh   groupState = iota // made for a member that joins; it has no record yet
	resting                   // it has a record and no members
	reading                   // it has members, and reads its topic
	ended                     // its topic was deleted; it will be
	deleted                   // it has no record and is not in the registry; there may be members that have yet to hear of it
)

func (g *group) currentState() groupState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// existsLocked says whether others may see the group.
func (g *group) existsLocked() bool { return g.state == resting || g.state == reading }

// wakeLocked has the worker call reader.Resumed and then read on.
func (g *group) wakeLocked() {
	if g.in != nil {
		g.in.Resume()
	}
}

// wakeIfHeldLocked wakes the worker if there is room for the message that it
// waits with.
func (g *group) wakeIfHeldLocked() {
	if g.heldAt > 0 && g.hasRoomLocked(g.heldAt) {
		g.wakeLocked()
	}
}

// hasRoomLocked says whether a message is within the window, and little enough
// is set aside.
func (g *group) hasRoomLocked(seq uint64) bool {
	opts := &g.registry.opts
	return seq < g.progress.Position()+uint64(opts.Window) && g.setAsideBytes < opts.SetAsideBytes
}

func (g *group) addMemberLocked(ms *Membership) {
	g.members = append(slices.Clip(slices.Clone(g.members)), ms)
}

// removeMemberLocked ends a membership, if it has not ended.
func (g *group) removeMemberLocked(ms *Membership) {
	i := slices.Index(g.members, ms)
	if i < 0 {
		return
	}
	g.members = slices.Delete(slices.Clone(g.members), i, i+1)
	g.endMembershipLocked(ms)
	g.markLocked()
	if len(g.members) == 0 {
		g.restLocked()
		return
	}
	g.wakeLocked()
}

// endMembershipLocked takes from a member what it has not acknowledged, which
// is no failure of the messages.
func (g *group) endMembershipLocked(ms *Membership) {
	ms.state = left
	for ms.inFlight.oldest() != nil {
		g.requeueLocked(ms.inFlight.takeOldest())
	}
	ms.bytes = 0
	isOf := func(_ uint64, who *Membership) bool { return who == ms }
	maps.DeleteFunc(g.overdue, isOf)
	maps.DeleteFunc(g.offered, isOf)
	ms.forgetTold()
}

// dismiss ends all memberships of a group, if it has any. The caller tells
// those that it returns, with endAll.
func (g *group) dismiss(why error) (told []*Membership) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil {
		return nil
	}
	return g.dismissLocked(why)
}

func (g *group) dismissLocked(why error) (told []*Membership) {
	for _, ms := range g.members {
		switch ms.state {
		case joined:
			ms.ended = why // Start tells it
		case dead:
		default:
			told = append(told, ms)
		}
		g.endMembershipLocked(ms)
	}
	g.restLocked()
	return told
}

// endAll tells members that nothing follows. why is nil if they are not told.
func endAll(memberships []*Membership, why error) {
	for _, ms := range memberships {
		ms.end(why)
	}
}

// restLocked stops reading the topic when there are no members any more. What
// was not acknowledged is read again for the next one.
func (g *group) restLocked() {
	if g.state == reading {
		g.state = resting
	}
	g.in.Close()
	g.in, g.reader = nil, nil
	g.members, g.turn = nil, 0
	for _, d := range g.delayed {
		g.setAsideBytes -= len(d.message.Payload)
	}
	g.clearQueuesLocked()
	if g.timer != nil {
		g.timer.Stop()
		g.timer, g.timerAt = nil, 0
	}
	g.lastActive = time.Now().UTC()
	g.markLocked()
}

func (g *group) clearQueuesLocked() {
	g.retryQueue, g.delayed, g.overdue, g.offered, g.heldAt = nil, nil, nil, nil, 0
}

// markLocked has the record written with the next checkpoint.
func (g *group) markLocked() {
	if g.dirty || !g.existsLocked() {
		return
	}
	g.dirty = true
	g.registry.changes.note(g)
}

// markUncertain has the record written again after a write that failed, and may
// have happened. If progress is partial the record is right either way.
func (g *group) markUncertain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.partial {
		g.markLocked()
	}
}

// erase deletes the record, and then the group. Members that there are go on
// until they hear of it. g.recordMu is held.
func (g *group) erase() error {
	// Not under a caller's context: a deletion that nobody waits for any more
	// may still happen.
	err := g.registry.records.Delete(g.registry.writing, groupsTable, g.key.recordKey(), storage.Always())
	if err != nil {
		g.markUncertain()
		return fmt.Errorf("delete group %q: %w", g.key.Group, err)
	}
	g.registry.forget(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = deleted
	return nil
}
