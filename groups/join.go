package groups

import (
	"cmp"
	"context"
	"errors"

	"seagate/groups/progress"
	"seagate/storage"
	"seagate/streams"
)

// JoinOptions is how a member joins.
type JoinOptions struct {
	// From is where a new group begins. It is ignored if the group exists.
	From streams.StartAt

	// SingleUse means that the member may have made up the group's name, so that
	// nobody comes back to it. If such a member makes a group, and leaves before
	// another one has joined, the group is abandoned: see Options.AbandonedTimeout.
	SingleUse bool

	// Explicit means that the member acknowledges sequence numbers, each within
	// Options.AckTimeout. Otherwise it acknowledges tags.
	Explicit bool

	// Credit is how many messages the member may have in flight: an explicit one
	// at most Options.Credit.Messages, any other at most Options.TagCredit.Most.
	// 0 means 100 for an explicit member, and as many as possible for others.
	Credit int

	// State, if it is not nil, is told of each change of the topic's state behind
	// Membership.State, as the methods of Member are called. It returns whether the
	// member took it. If not, the member is handed nothing until
	// Membership.Resume, and then told the state that holds, before anything else.
	State func(s streams.State) (taken bool)
}

// credit returns how many messages an explicit member may have in flight; most is
// the limit of Options.
func (o JoinOptions) credit(most int) int { return min(cmp.Or(o.Credit, explicitCredit), most) }

// window returns the first window of a member that acknowledges tags.
func (o JoinOptions) window(c TagCredit) window {
	return newWindow(c, min(cmp.Or(o.Credit, c.Most), c.Most))
}

// errGone reports that the group was deleted before it could be joined.
var errGone = errors.New("groups: the group is gone")

// Join makes m a member of the named group. If the group does not exist, Join
// creates it, and returns once it is durable. If the client already has
// Options.PerClient groups, a new group evicts the client's longest-idle group
// among those that never had a second member, abandoned ones first. The reason:
// some clients create a new group for each subscription, and never return to it.
//
// topic must be the current topic with the ID of t. No messages are delivered
// before Membership.Start. Join returns ErrTooManyGroups, ErrClosed, an error of
// streams.Topic.In or one of the store. It may read and write, and must be called
// without locks.
func (t *Topic) Join(ctx context.Context, topic *streams.Topic, name Name, opts JoinOptions, m Member) (*Membership, error) {
	for {
		if t.registry.closed.Load() {
			return nil, ErrClosed
		}
		g, err := t.findOrCreate(name)
		if err != nil {
			return nil, err
		}
		if ms, err := g.enter(ctx, topic, opts, m); err != errGone {
			return ms, err
		}
	}
}

// enter adds a member. If it is the first, the group begins to read the topic.
// enter returns errGone if the caller has to look the group up again.
func (g *group) enter(ctx context.Context, topic *streams.Topic, opts JoinOptions, m Member) (*Membership, error) {
	if ms := g.joinOthers(topic, opts, m); ms != nil {
		return ms, nil
	}
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	if ms := g.joinOthers(topic, opts, m); ms != nil {
		return ms, nil
	}
	switch g.currentState() {
	case deleted:
		return nil, errGone
	case reading, ended: // its topic was deleted
		return nil, g.replace(topic)
	}
	ms, err := g.begin(ctx, topic, opts, m)
	if err != nil && g.currentState() == fresh {
		g.abandon()
	}
	return ms, err
}

// joinOthers adds a member to a group that already has members and reads topic.
// Otherwise it returns nil.
func (g *group) joinOthers(topic *streams.Topic, opts JoinOptions, m Member) *Membership {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != reading || g.in.Topic() != topic {
		return nil
	}
	return g.joinLocked(opts, m)
}

func (g *group) joinLocked(opts JoinOptions, m Member) *Membership {
	g.lastMember++
	ms := &Membership{
		group:    g,
		member:   m,
		id:       g.lastMember,
		position: g.progress.Position(),
		credit:   opts.credit(g.registry.opts.Credit.Messages),
		window:   opts.window(g.registry.opts.TagCredit),
		inFlight: inFlight{explicit: opts.Explicit},
		onState:  opts.State,
		joinedIn: g.topicState,
	}
	ms.toldState = ms.joinedIn
	g.addMemberLocked(ms)
	if g.state != fresh && !g.rejoined {
		g.rejoined, g.singleUse = true, false
		g.markLocked()
	}
	return ms
}

// replace deletes a group whose topic was deleted and recreated, if the keeper has
// not deleted it yet. It returns errGone if it did, and streams.ErrDeleted if
// topic is not the current one. g.recordMu is held.
func (g *group) replace(topic *streams.Topic) error {
	if current, ok := g.registry.network.Lookup(g.key.Topic); !ok || current != topic {
		return streams.ErrDeleted
	}
	if err := g.erase(); err != nil {
		return err
	}
	return errGone
}

// abandon deletes a new group that could not begin. It also deletes the record,
// which may exist although its write failed. If this fails, the keeper tries
// again. g.recordMu is held.
func (g *group) abandon() {
	if err := g.erase(); err != nil {
		g.registry.opts.OnError(g.key, err)
		g.registry.changes.deleteLater(g)
	}
}

// begin adds the first member, and reads the topic from the group's position or,
// for a new group, from opts.From. g.recordMu is held.
func (g *group) begin(ctx context.Context, topic *streams.Topic, opts JoinOptions, m Member) (*Membership, error) {
	isNew := g.currentState() == fresh
	from := opts.From
	if !isNew {
		if err := g.load(ctx); err != nil {
			return nil, err
		}
		from = streams.At(g.resumeAt(topic.Bounds()))
	}
	rd := &reader{group: g}
	in, joined, err := topic.InGroup(ctx, rd, shardOf(g.key), from)
	if err != nil {
		return nil, err
	}
	if isNew {
		err = g.store(joined, opts.SingleUse)
	}
	var ms *Membership
	if err == nil {
		ms, err = g.startReading(in, rd, joined, opts, m)
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	if isNew {
		ms.header = joined.Header
	}
	return ms, nil
}

// resumeAt returns the sequence number at which a group continues. In a recreated
// log that is the first; in one that ends before the position, the next.
func (g *group) resumeAt(b storage.Bounds) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.log != b.ID {
		return 1
	}
	return min(g.progress.Position(), b.Next)
}

// store writes the record of a new group. So the group keeps its start position
// in a crash.
func (g *group) store(joined streams.Joined, singleUse bool) error {
	g.mu.Lock()
	g.progress, g.log, g.singleUse = progress.At(joined.Next), joined.Bounds.ID, singleUse
	g.began = joined.Next
	r := g.recordLocked()
	g.mu.Unlock()
	// A caller's context must not cut the write short: it might take effect
	// although the caller was told that it failed.
	_, err := g.put(g.registry.writing, r)
	return err
}

// startReading starts in, and adds the first member. The group has a record. rd
// receives what in delivers.
func (g *group) startReading(in *streams.InTopic, rd *reader, to streams.Joined, opts JoinOptions, m Member) (*Membership, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.registry.closed.Load() {
		g.state = resting
		return nil, ErrClosed
	}
	if id := to.Bounds.ID; g.log != id {
		g.progress, g.log, g.losses = progress.At(1), id, nil
		g.began, g.settled = 1, settledRuns{}
	}
	g.cutLocked(to.Bounds)
	g.topicState = to.State
	ms := g.joinLocked(opts, m)
	g.state, g.in, g.reader = reading, in, rd
	g.markLocked() // the record says that the group has members
	in.Start()
	return ms, nil
}

// shardOf spreads groups over the workers (FNV-1a).
func shardOf(key Key) uint32 {
	h := uint32(2166136261)
	for _, s := range [...]string{key.Topic.Space, key.Topic.Name, key.Client, key.Group} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
	}
	return h
}
