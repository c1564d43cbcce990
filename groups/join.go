package groups

import (
	"context"
	"errors"

	"seagate/groups/progress"
	"seagate/storage"
	"seagate/streams"
)

// JoinOptions is how a member joins.
type JoinOptions struct {
	// From is where the group begins if it is new. Otherwise it does not
	// matter.
	From streams.StartAt

	// Explicit: the member acknowledges by numbers, message by message, each
	// within Options.AckTimeout. Otherwise its tags acknowledge.
	Explicit bool

	// Credit is how many messages the member may have in flight, at most
	// Options.Credit. 0 is Options.Credit or, for an explicit member, 100 if
	// that is less.
	Credit int
}

// credit returns how many messages the member may have in flight, of so many at
// most.
func (o JoinOptions) credit(most int) int {
	switch {
	case o.Credit > 0:
		return min(o.Credit, most)
	case o.Explicit:
		return min(explicitCredit, most)
	}
	return most
}

// errGone reports that the group was deleted before it could be joined.
var errGone = errors.New("groups: the group is gone")

// Join makes m a member of the group of that name. A group that does not exist
// is made, and Join returns once that is durable. A client that has as many
// groups as it may loses the one that is idle for the longest time, of those
// that no second member ever joined: clients that want everything make a group
// for each subscription, and never come back.
//
// topic is the topic that t is of. Nothing is handed over before
// Membership.Start. Join returns ErrTooManyGroups, ErrClosed, an error of
// streams.Topic.In or one of the store. It may read and write, and must be
// called without locks.
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

// enter adds a member, and if it is the first, begins to read the topic. It
// returns errGone if the group has to be looked up again.
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
	case reading, ended: // with a topic that was deleted
		return nil, g.replace(topic)
	}
	ms, err := g.begin(ctx, topic, opts, m)
	if err != nil && g.currentState() == fresh {
		g.abandon()
	}
	return ms, err
}

// joinOthers adds a member to a group that has some already, and reads topic.
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
	ms := &Membership{
		group:    g,
		member:   m,
		position: g.progress.Position(),
		credit:   opts.credit(g.registry.opts.Credit.Messages),
		inFlight: inFlight{explicit: opts.Explicit},
	}
	g.addMemberLocked(ms)
	if g.state != fresh && !g.rejoined {
		g.rejoined = true
		g.markLocked()
	}
	return ms
}

// replace deletes a group whose topic was deleted and made anew, before the
// keeper comes to it. It returns errGone if it did. g.recordMu is held.
func (g *group) replace(topic *streams.Topic) error {
	if current, ok := g.registry.lookup(g.key.Topic); !ok || current != topic {
		return streams.ErrDeleted
	}
	if err := g.erase(); err != nil {
		return err
	}
	return errGone
}

// abandon takes out a new group that could not begin, with the record that it
// may have all the same. If that cannot be deleted the keeper tries again.
// g.recordMu is held.
func (g *group) abandon() {
	if err := g.erase(); err != nil {
		g.registry.opts.OnError(g.key, err)
		g.registry.changes.deleteLater(g)
	}
}

// begin reads on from the group's position, or from where a new group begins,
// for its first member. g.recordMu is held.
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
	in, joined, err := topic.In(ctx, rd, shardOf(g.key), from)
	if err != nil {
		return nil, err
	}
	if isNew {
		err = g.store(joined)
	}
	var ms *Membership
	if err == nil {
		ms, err = g.startReading(in, rd, joined.Bounds, opts, m)
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return ms, nil
}

// resumeAt returns the number from which a group reads on. In a log that was
// made anew that is the first; in one that came back shorter, the next.
func (g *group) resumeAt(b storage.Bounds) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.log != b.ID {
		return 1
	}
	return min(g.progress.Position(), b.Next)
}

// store writes the record of a new group, so that a crash does not move it.
func (g *group) store(joined streams.Joined) error {
	g.mu.Lock()
	g.progress, g.log = progress.At(joined.Next), joined.Bounds.ID
	r := g.recordLocked()
	g.mu.Unlock()
	// Not under a caller's context: a write that nobody waits for any more may
	// still happen.
	return g.put(g.registry.writing, r)
}

// startReading lets the group share out what in delivers, from where resumeAt
// said. The group has a record.
func (g *group) startReading(in *streams.InTopic, rd *reader, b storage.Bounds, opts JoinOptions, m Member) (*Membership, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.registry.closed.Load() {
		g.state = resting
		return nil, ErrClosed
	}
	if g.log != b.ID {
		g.progress, g.log, g.losses = progress.At(1), b.ID, nil
	}
	g.cutLocked(b)
	ms := g.joinLocked(opts, m)
	g.state, g.in, g.reader = reading, in, rd
	g.markLocked() // it has members now
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
