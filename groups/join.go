package groups

import (
	"context"
	"errors"

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

	// Credit is how many messages the member may hold unacknowledged, at most
	// Options.Credit. 0 is Options.Credit or, of an explicit member, 100 if that
	// is less.
	Credit int
}

// credit returns how many messages the member may hold, of so many at most.
func (o JoinOptions) credit(most int) int {
	switch {
	case o.Credit > 0:
		return min(o.Credit, most)
	case o.Explicit:
		return min(explicitCredit, most)
	}
	return most
}

// errGone: the group was deleted before it could be joined.
var errGone = errors.New("groups: the group is gone")

// Join makes m a member of the group, which is made if need be: then Join
// returns once that is durable. A client that has as many groups as it may loses
// the one that is idle for the longest time, of those that no second member ever
// joined: clients that want everything make a group for each subscription, and
// never come back. key.Topic is that of topic. Nothing is handed
// over before Membership.Start. It returns ErrTooManyGroups, ErrClosed, an
// error of streams.Topic.In or one of the store. It may read and write, and
// must be called without locks.
func (r *Registry) Join(ctx context.Context, topic *streams.Topic, key Key, opts JoinOptions, m Member) (*Membership, error) {
	key.Topic = topic.ID()
	for {
		g, made, err := r.groupFor(key)
		if err == ErrTooManyGroups && r.makeRoom(key.client()) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !made {
			if ms := g.join(topic, opts, m); ms != nil {
				return ms, nil
			}
			g.recordMu.Lock()
		}
		ms, err := g.enter(ctx, topic, opts, m)
		g.recordMu.Unlock()
		if err != errGone {
			return ms, err
		}
	}
}

// join adds a member to a group that has some already. It returns nil if it
// has none, or reads another topic.
func (g *group) join(topic *streams.Topic, opts JoinOptions, m Member) *Membership {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil || g.in.Topic() != topic || g.gone || g.ended {
		return nil
	}
	return g.addLocked(opts, m)
}

func (g *group) addLocked(opts JoinOptions, m Member) *Membership {
	ms := &Membership{
		group:    g,
		member:   m,
		position: g.position,
		held:     holdings{explicit: opts.Explicit},
		credit:   opts.credit(g.registry.opts.Credit.Messages),
	}
	g.addMemberLocked(ms)
	if g.joined && !g.returnedTo {
		g.returnedTo = true
		g.markLocked()
	}
	g.joined = true
	return ms
}

// enter adds a member, and begins to read the topic for it. g.recordMu is
// held. It returns errGone if somebody has to look again for the group.
func (g *group) enter(ctx context.Context, topic *streams.Topic, opts JoinOptions, m Member) (*Membership, error) {
	if ms := g.join(topic, opts, m); ms != nil {
		return ms, nil
	}
	if err := g.makeWay(topic); err != nil {
		return nil, err
	}
	if err := g.load(ctx); err != nil {
		return nil, err
	}
	ms, err := g.begin(ctx, topic, opts, m)
	if err != nil && g.unstored {
		g.abandon()
	}
	return ms, err
}

// makeWay deletes a group whose topic was deleted and made anew, before the
// keeper comes to it. It returns errGone if the group is no more. g.recordMu
// is held.
func (g *group) makeWay(topic *streams.Topic) error {
	g.mu.Lock()
	gone, over := g.gone, g.ended || g.in != nil // of another topic
	g.mu.Unlock()
	switch {
	case gone:
		return errGone
	case !over:
		return nil
	}
	if current, ok := g.registry.topics(g.key.Topic); !ok || current != topic {
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
		g.registry.condemn(g)
	}
}

// begin reads on from the group's position, or from where a new group begins.
// g.recordMu is held.
func (g *group) begin(ctx context.Context, topic *streams.Topic, opts JoinOptions, m Member) (*Membership, error) {
	from := opts.From
	if !g.unstored {
		from = streams.At(g.resumption(topic.Bounds()))
	}
	rd := &reader{group: g}
	in, joined, err := topic.In(ctx, rd, shardOf(g.key), from)
	if err != nil {
		return nil, err
	}
	if g.unstored {
		err = g.create(joined)
	}
	var ms *Membership
	if err == nil {
		ms, err = g.open(in, rd, joined.Bounds, opts, m)
	}
	if err != nil {
		in.Close()
		return nil, err
	}
	return ms, nil
}

// resumption returns the number from which a group reads on. In a log that was
// made anew that is the first; in one that came back shorter, the next.
func (g *group) resumption(b storage.Bounds) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.log != b.ID {
		return 1
	}
	return min(g.position, b.Next)
}

// create stores a new group, so that a crash does not move it.
func (g *group) create(joined streams.Joined) error {
	g.mu.Lock()
	g.position, g.log = joined.Next, joined.Bounds.ID
	r := g.recordLocked()
	g.mu.Unlock()
	// Not under ctx: a write that nobody waits for any more may still happen.
	if err := g.put(g.registry.writing, r); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unstored = false
	return nil
}

// open lets the group share out what in delivers, from where resumption said.
func (g *group) open(in *streams.InTopic, rd *reader, b storage.Bounds, opts JoinOptions, m Member) (*Membership, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.registry.closed.Load() {
		return nil, ErrClosed
	}
	if g.log != b.ID {
		g.ledger, g.log, g.losses = ledger{position: 1}, b.ID, nil
	}
	g.cutLocked(b)
	g.in, g.reader = in, rd
	ms := g.addLocked(opts, m)
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
