package groups

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/groups/progress"
	"seagate/internal/quota"
	"seagate/storage"
	"seagate/streams"
)

// A group is a consumer group: its progress and counts, and while it has members,
// also their messages in flight and its reader of the topic.
type group struct {
	registry *Registry
	key      Key
	space    *space // set before anybody finds the group

	// recordMu is held while the record is read, written or deleted, while the
	// first member joins, and during a move. It is taken before Registry.mu.
	recordMu sync.Mutex
	charged  quota.Record // what the record costs the space; guarded by recordMu

	mu           sync.Mutex // guards what follows
	state        groupState
	progress     progress.Progress
	partial      bool   // progress is only a Summary; the record has the rest
	counted      int64  // what the space counts: see countHeldLocked
	crowded      bool   // the record is not up to date, because the space may not store more
	dirty        bool   // the record must be written
	log          string // ID of the log that progress and losses refer to
	createdAt    time.Time
	lastActive   time.Time // when the last member left
	rejoined     bool      // a member has joined after the first one; the group is never evicted
	singleUse    bool      // the only member so far had JoinOptions.SingleUse, and nobody has moved the group
	losses       []*loss   // gaps that no member has acknowledged
	began        uint64    // the first message that the group was to have; 0 if unknown
	settled      settledRuns
	lastMember   uint32 // Membership.id of the newest member
	redelivered  uint64
	deadLettered uint64
	lost         uint64
	trend        *trend // nil: none

	// What follows is unset while the group has no members, except that
	// deadLettering remains, and its part of setAsideBytes.
	in         *streams.InTopic
	reader     *reader
	topicState streams.State // as far as the reader has read
	members    []*Membership // replaced on each change, because the worker reads it without the lock
	turn       int           // index of the member whose turn it is

	// retryQueue holds messages that must be handed out again. While there are
	// any, the group takes nothing from the topic.
	retryQueue    heap[queued]
	delayed       heap[delayed]
	deadLettering map[uint64]*deadLetterAttempt
	setAsideBytes int                    // payload in delayed and deadLettering
	overdue       map[uint64]*Membership // who had a message that timed out, until another member takes it
	offered       map[uint64]*Membership // entries of overdue whose messages are now being delivered to other members
	heldAt        uint64                 // the topic's next message, if it waits for the window or SetAsideBytes; 0: none
	timer         *time.Timer            // for delays and acknowledgement deadlines; nil: none
	timerAt       time.Duration          // when it fires, by Registry.now; 0: never

	pass uint64 // number of batches shared out so far; owned by the worker
}

// A groupState is the state of a group in its life.
type groupState uint8

const (
	fresh   groupState = iota // its first member is joining; it may have no record yet
	resting                   // it has a record and no members
	reading                   // it has members, and reads its topic
	ended                     // its topic was deleted; the keeper will delete the group
	deleted                   // it has no record and is not in the registry; members may not have been told yet
)

func (g *group) currentState() groupState {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// existsLocked reports whether the group is visible to callers and has a record.
func (g *group) existsLocked() bool { return g.state == resting || g.state == reading }

// isAbandonedLocked reports whether nobody is expected to come back to the group.
func (g *group) isAbandonedLocked() bool { return g.state == resting && g.singleUse }

// wakeLocked makes the worker call reader.Resumed and then continue reading.
func (g *group) wakeLocked() {
	if g.in != nil {
		g.in.Resume()
	}
}

// wakeIfHeldLocked wakes the worker if the group held a message back and now has
// room for it.
func (g *group) wakeIfHeldLocked() {
	if g.heldAt > 0 && g.hasRoomLocked(g.heldAt) {
		g.wakeLocked()
	}
}

// hasRoomLocked reports whether a message is within the window, less than
// Options.SetAsideBytes is set aside, the progress can be stored, and the groups of the space do
// not hold too much.
func (g *group) hasRoomLocked(seq uint64) bool {
	opts := &g.registry.opts
	return !g.crowded && seq < g.progress.Position()+uint64(opts.Window) && g.setAsideBytes < opts.SetAsideBytes &&
		g.hasShareLocked()
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

// endMembershipLocked ends a membership and queues the member's unacknowledged
// messages to be handed out again. They do not count as failed.
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

// dismiss ends all memberships of a group, if it has any. The caller must pass
// those that it returns to endAll. why is nil if the members are not told.
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

// endAll calls Member.End of the memberships, unless why is nil. No locks are held.
func endAll(memberships []*Membership, why error) {
	for _, ms := range memberships {
		ms.end(why)
	}
}

// restLocked stops reading the topic after the last member has left. The next
// member's reader reads the unacknowledged messages again.
func (g *group) restLocked() {
	if g.state == reading {
		g.state = resting
	}
	g.in.Close()
	g.in, g.reader = nil, nil
	g.members, g.turn = nil, 0
	if g.singleUse { // nobody comes back to ask
		g.settled = settledRuns{}
	}
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

// markLocked marks the record to be written by the next checkpoint.
func (g *group) markLocked() {
	if g.dirty || !g.existsLocked() {
		return
	}
	g.dirty = true
	g.registry.changes.note(g)
}

// markUncertain marks the record to be written after a failed write, since nobody
// knows whether that write took effect. If progress is partial, nothing has
// changed, so the record is right in both cases and must not be replaced.
func (g *group) markUncertain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.partial {
		g.markLocked()
	}
}

// erase deletes the record, and then the group. It does not end memberships: the
// caller or the topic does. g.recordMu is held.
func (g *group) erase() error {
	// A caller's context must not cut the deletion short: it might take effect
	// although the caller was told that it failed.
	err := g.registry.records.Delete(g.registry.writing, groupsTable, g.key.recordKey(), storage.Always())
	if err != nil {
		g.markUncertain()
		return fmt.Errorf("delete group %q: %w", g.key.Group, err)
	}
	g.registry.forget(g)
	g.charged.Set(g.account(), 0, 0)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = deleted
	g.countAsLocked(0)
	g.dropTrendLocked()
	return nil
}
