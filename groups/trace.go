package groups

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"seagate/groups/progress"
	"seagate/storage"
)

// A TraceState is where a message is on its way through a group.
type TraceState uint8

// The states.
const (
	Ahead         TraceState = iota // the group has not handed it out yet
	InFlight                        // a member has it, and has not acknowledged it
	Waiting                         // it was handed out before, and waits for a member
	Delayed                         // it was returned, and waits for the end of a delay
	DeadLettering                   // it failed too often, and is not among the dead letters yet
	Done                            // see Settlement
)

// A Trace is what a group knows of one message.
type Trace struct {
	State      TraceState
	Settlement Settlement // if Done

	// At depends on State. Done: when the group became done with the message, exact to a second
	// and to Options.Checkpoint. Delayed: when the message can be handed out again. InFlight to an
	// explicit member: when the member must have acknowledged it. Otherwise, or if it is unknown,
	// At is zero.
	At time.Time

	Deliveries int    // how often it was handed out
	Failures   int    // how often it was returned or not acknowledged in time
	Reason     string // of the last failure if it is known

	// Member has the message, or has acknowledged it. It is nil if there is none or it has left.
	Member Member

	// Of the group.
	Position  uint64 // see Stat
	Began     uint64 // the first message that it was to have; 0 if unknown
	CreatedAt time.Time
	Members   int
	Able      int  // of the members: they have room and credit
	Leaving   int  // of the members: they are handed nothing more (Membership.Drain)
	IsFull    bool // the window of the group ends before the message, too much is set aside, or its space holds or stores too much
}

// Trace returns what a group knows of one message, or ErrNotFound. It may read the group's record
// from the store. It looks through the messages in flight with the group locked.
func (t *Topic) Trace(ctx context.Context, name Name, seq uint64) (Trace, error) {
	g := t.find(name)
	if g == nil {
		return Trace{}, ErrNotFound
	}
	stored, err := g.storedProgress(ctx)
	if err != nil {
		return Trace{}, err
	}
	_, b := t.registry.bounds(t.id)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.existsLocked() {
		return Trace{}, ErrNotFound
	}
	trace := Trace{Began: g.began, CreatedAt: g.createdAt, Members: len(g.members)}
	trace.Position, _ = g.lagLocked(b)
	for _, ms := range g.members {
		if ms.hasCreditLocked() {
			trace.Able++
		}
		if ms.state == leaving {
			trace.Leaving++
		}
	}
	trace.IsFull = !g.hasRoomLocked(seq)
	if g.in == nil && g.log != b.ID { // it will begin again in the new log
		return trace, nil
	}
	p := &g.progress
	if g.partial && stored != nil {
		p = stored
	}
	g.traceLocked(&trace, p, seq)
	return trace, nil
}

// storedProgress returns the whole progress of a group that keeps only a summary in memory, or nil
// if it keeps all.
func (g *group) storedProgress(ctx context.Context) (*progress.Progress, error) {
	g.mu.Lock()
	partial := g.partial
	g.mu.Unlock()
	if !partial {
		return nil, nil
	}
	stored, err := g.registry.records.Get(ctx, groupsTable, g.key.recordKey())
	if errors.Is(err, storage.ErrNotFound) { // it was deleted meanwhile
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load group %q: %w", g.key.Group, err)
	}
	r, err := parseRecord(stored.Value)
	if err != nil {
		return nil, fmt.Errorf("load group %q: %w", stored.Key, err)
	}
	p := r.progress()
	return &p, nil
}

func (g *group) traceLocked(t *Trace, p *progress.Progress, seq uint64) {
	if p.Has(seq) {
		g.traceDoneLocked(t, seq)
		return
	}
	a := p.Attempts(seq)
	t.Deliveries, t.Failures, t.Reason = int(a.Deliveries), int(a.Failures), a.Reason
	if g.deadLettering[seq] != nil || g.hasFailedLocked(a) { // its dead letter is under way, or waits to be sent again
		t.State = DeadLettering
		return
	}
	for _, ms := range g.members {
		ms.inFlight.all(func(h *handOut) {
			if h.message.Seq == seq {
				g.traceInFlightLocked(t, ms, h)
			}
		})
	}
	if t.State == InFlight {
		return
	}
	for _, d := range g.delayed {
		if d.message.Seq == seq {
			t.State, t.At = Delayed, g.registry.wallTime(d.due)
			return
		}
	}
	if t.Deliveries > 0 || g.isQueuedLocked(seq) {
		t.State = Waiting
	}
}

func (g *group) traceDoneLocked(t *Trace, seq uint64) {
	t.State = Done
	if g.began > 0 && seq < g.began {
		t.Settlement = NotBegun
		return
	}
	r, ok := g.settled.find(seq)
	if !ok {
		return
	}
	t.Settlement, t.At, t.Deliveries = r.how, g.registry.wallTime(r.at), int(r.deliveries)
	for _, ms := range g.members {
		if ms.id == r.member {
			t.Member = ms.member
		}
	}
}

func (g *group) traceInFlightLocked(t *Trace, ms *Membership, h *handOut) {
	t.State, t.Member = InFlight, ms.member
	t.Deliveries = int(h.attempt) + 1
	if h.deadline != never {
		t.At = g.registry.wallTime(h.deadline)
	}
}

func (g *group) isQueuedLocked(seq uint64) bool {
	for _, q := range g.retryQueue {
		if q.Seq == seq {
			return true
		}
	}
	return false
}

// wallTime converts a time of Registry.now, which adds a nanosecond, to UTC.
func (r *Registry) wallTime(at time.Duration) time.Time {
	return r.began.Add(max(at, 1) - 1).Round(0).UTC()
}

// Of returns the names of a client's groups of the topic, sorted, at most so many. more reports
// whether there are others. Those of the bearers of its tokens are left out.
func (t *Topic) Of(client string, most int) (names []Name, more bool) {
	found := least[Name]{n: most + 1, compare: Name.compare}
	current := t.lockCurrent()
	for name := range current.groups {
		if name.Client == client && !strings.HasPrefix(name.Group, BearersPrefix) {
			found.add(name)
		}
	}
	current.mu.Unlock()
	if len(found.items) > most {
		return found.items[:most], true
	}
	return found.items, false
}

// Members returns the members of a group, at most so many, and how many there are.
func (t *Topic) Members(name Name, most int) (members []Member, all int) {
	g := t.find(name)
	if g == nil {
		return nil, 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ms := range g.members[:min(most, len(g.members))] {
		members = append(members, ms.member)
	}
	return members, len(g.members)
}
