package groups

import (
	"context"
	"errors"
	"sync"
	"time"

	"seagate/groups/progress"
	"seagate/internal/quota"
	"seagate/storage"
	"seagate/streams"
)

// A Topic is the groups of one topic. Safe for concurrent use. Callers may keep it:
// after DeleteAll, it stands for the groups of a recreated topic.
type Topic struct {
	registry *Registry
	id       streams.ID

	mu      sync.Mutex // guards what follows
	groups  map[Name]*group
	dropped bool // it is no longer in the registry; another Topic may be
}

// Topic returns the groups of a topic.
func (r *Registry) Topic(id streams.ID) *Topic {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.topicLocked(id)
}

func (r *Registry) topicLocked(id streams.ID) *Topic {
	t := r.topics[id]
	if t == nil {
		t = &Topic{registry: r, id: id, groups: map[Name]*group{}}
		r.topics[id] = t
	}
	return t
}

// lockCurrent returns the Topic that is in the registry, with its lock held. The
// caller must unlock it.
func (t *Topic) lockCurrent() *Topic {
	for {
		t.mu.Lock()
		if !t.dropped {
			return t
		}
		t.mu.Unlock()
		t = t.registry.Topic(t.id)
	}
}

func (t *Topic) dropIfEmpty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped = len(t.groups) == 0
	return t.dropped
}

func (t *Topic) find(name Name) *group {
	t = t.lockCurrent()
	defer t.mu.Unlock()
	return t.groups[name]
}

func (t *Topic) appendGroups(all []*group) []*group {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, g := range t.groups {
		all = append(all, g)
	}
	return all
}

// findOrCreate returns the named group. A new one has no record yet. If the client
// has Options.PerClient groups, or its space as many as its quota allows, findOrCreate
// evicts one of the client, or returns ErrTooManyGroups.
func (t *Topic) findOrCreate(name Name) (*group, error) {
	for {
		if g := t.find(name); g != nil {
			return g, nil
		}
		g, err := t.create(name)
		if !isFull(err) || !t.registry.evict(Key{t.id, name.Client, name.Group}.client()) {
			return g, err
		}
	}
}

// isFull reports whether a group cannot be made because there are too many, or too much is stored.
func isFull(err error) bool {
	return errors.Is(err, ErrTooManyGroups) || errors.Is(err, quota.ErrExceeded)
}

func (t *Topic) create(name Name) (*group, error) {
	r := t.registry
	key := Key{t.id, name.Client, name.Group}
	r.mu.Lock()
	defer r.mu.Unlock()
	if g := r.topicLocked(t.id).find(name); g != nil {
		return g, nil
	}
	if len(r.clients[key.client()]) >= r.opts.PerClient {
		return nil, ErrTooManyGroups
	}
	if err := r.opts.Quotas.Account(t.id.Space).Reserve(quota.Groups, 1); err != nil {
		return nil, ErrTooManyGroups
	}
	now := time.Now().UTC()
	g := &group{registry: r, key: key, createdAt: now, lastActive: now}
	if err := g.charge(0); err != nil {
		g.account().Add(quota.Groups, -1)
		return nil, err
	}
	r.addLocked(g)
	return g, nil
}

// evict deletes the client's longest-idle group among those that never had a
// second member, an abandoned one if there is one. It returns false if there is none.
func (r *Registry) evict(c client) bool {
	g := r.evictionCandidate(c)
	if g == nil {
		return false
	}
	if err := g.eraseIf((*group).isEvictableLocked); err != nil {
		r.opts.OnError(g.key, err)
		return false
	}
	return true // if a member has just joined it, the caller evicts another one
}

func (r *Registry) evictionCandidate(c client) (candidate *group) {
	var idleSince time.Time
	abandoned := false // the candidate is
	for _, g := range r.groupsOf(c) {
		g.mu.Lock()
		if g.isEvictableLocked() && (candidate == nil || g.singleUse && !abandoned ||
			g.singleUse == abandoned && g.lastActive.Before(idleSince)) {
			candidate, idleSince, abandoned = g, g.lastActive, g.singleUse
		}
		g.mu.Unlock()
	}
	return candidate
}

func (g *group) isEvictableLocked() bool { return g.state == resting && !g.rejoined }

// Delete deletes a group durably, and ends its memberships with ErrNotFound. It
// returns ErrNotFound if there is no such group. It waits for the store without a
// limit: a deletion cannot be cancelled once it has been passed to the store.
func (t *Topic) Delete(name Name) error {
	g := t.find(name)
	if g == nil {
		return ErrNotFound
	}
	return g.delete()
}

// DeleteAll durably deletes all groups of a deleted topic. It does not end their
// memberships: members first get the messages that they have not been handed yet,
// and then Member.End. Like Delete, it waits for the store without a limit.
func (t *Topic) DeleteAll() error {
	return t.registry.deleteTopics(func(id streams.ID) bool { return id == t.id })
}

// delete deletes a group and tells its members.
func (g *group) delete() error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	if g.currentState() == deleted {
		return ErrNotFound
	}
	if err := g.erase(); err != nil {
		return err
	}
	endAll(g.dismiss(ErrNotFound), ErrNotFound)
	return nil
}

// remove deletes a group without telling its members. If it fails, the keeper tries
// again.
func (g *group) remove() error {
	err := g.eraseIf(func(g *group) bool { return g.state != deleted })
	if err != nil {
		g.registry.changes.deleteLater(g)
	}
	return err
}

// eraseIf locks the group's record, and deletes the group if isDueLocked still holds
// then.
func (g *group) eraseIf(isDueLocked func(*group) bool) error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	g.mu.Lock()
	due := isDueLocked(g)
	g.mu.Unlock()
	if !due {
		return nil
	}
	return g.erase()
}

// A MoveResult is the outcome of a move, or of a dry run.
type MoveResult struct {
	Was      uint64 // position before the move
	Position uint64
	Lag      uint64 // messages from the new position to the end of the log
	Again    uint64 // those of them that the group is done with: they are delivered again
	Skipped  uint64 // messages before the new position that the group is not done with: they are not delivered
}

// Move durably sets the position of a group. With dryRun it changes nothing and only
// returns what it would do. Members stay in the group. Their messages in flight are
// forgotten, and acknowledging them has no effect any more; delivery continues at
// the new position. Counts of attempts are reset. Move returns ErrNotFound,
// ErrClosed, streams.ErrPosition, or an error of the store.
func (t *Topic) Move(ctx context.Context, topic *streams.Topic, name Name, from streams.StartAt, dryRun bool) (MoveResult, error) {
	if t.registry.closed.Load() {
		return MoveResult{}, ErrClosed
	}
	g := t.find(name)
	if g == nil {
		return MoveResult{}, ErrNotFound
	}
	seq, err := topic.Locate(ctx, from)
	if err != nil {
		return MoveResult{}, err
	}
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	result, err := g.planMove(ctx, topic.Bounds(), seq)
	if err == nil && !dryRun {
		err = g.move(ctx, topic, seq)
	}
	return result, err
}

// planMove says what a move to seq does. g.recordMu is held.
func (g *group) planMove(ctx context.Context, b storage.Bounds, seq uint64) (MoveResult, error) {
	if err := g.load(ctx); err != nil {
		return MoveResult{}, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.existsLocked() {
		return MoveResult{}, ErrNotFound
	}
	defer g.shrinkLocked()
	whole := &g.progress
	if g.in == nil && g.log != b.ID { // nothing is done of this log
		whole = &progress.Progress{}
	}
	m := MoveResult{Position: seq, Lag: b.Next - min(seq, b.Next)}
	m.Was, _ = g.lagLocked(b)
	if first := max(seq, b.First); first < b.Next {
		m.Again = whole.CountDone(first, b.Next-1)
	}
	if first := max(m.Was, b.First); first < seq {
		m.Skipped = seq - first - whole.CountDone(first, seq-1)
	}
	return m, nil
}

// move makes seq the group's position. g.recordMu is held.
func (g *group) move(ctx context.Context, topic *streams.Topic, seq uint64) error {
	rd := &reader{group: g}
	in, joined, err := topic.InGroup(ctx, rd, shardOf(g.key), streams.At(seq))
	if err != nil {
		return err
	}
	g.mu.Lock()
	r := g.recordLocked()
	g.mu.Unlock()
	if r.Log != joined.Bounds.ID {
		r.Untold = nil
	}
	r.Log, r.Position, r.Done, r.Tried = joined.Bounds.ID, seq, nil, nil
	r.Began = min(r.Began, seq)
	r.SingleUse = false // somebody moves it for a member that comes back
	if _, err := g.put(ctx, r); err != nil {
		in.Close()
		g.markUncertain()
		return err
	}
	g.applyMove(in, rd, joined.State, r)
	return nil
}

// applyMove replaces the group's progress with that of r, and forgets all messages in
// flight or waiting. If there are members, it continues to read with in.
func (g *group) applyMove(in *streams.InTopic, rd *reader, s streams.State, r record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var passed []progress.Span // that the group was not done with
	if was := g.progress.Position(); g.log != r.Log {
		g.losses, g.settled = nil, settledRuns{}
		if r.Position > 1 {
			passed = []progress.Span{{First: 1, Last: r.Position - 1}}
		}
	} else {
		g.settled.cut(r.Position)
		if was < r.Position {
			passed = g.progress.Missing(was, r.Position-1)
		}
	}
	g.progress, g.log, g.partial = r.progress(), r.Log, false
	for _, span := range passed[max(0, len(passed)-maxSettled/2):] { // more would push out all that is remembered
		g.settleRunLocked(span, Moved, nil, 0)
	}
	g.began, g.singleUse = r.Began, r.SingleUse
	for _, ms := range g.members {
		ms.inFlight.clear()
		ms.bytes = 0
	}
	g.clearQueuesLocked()
	g.deadLettering, g.setAsideBytes = nil, 0
	if g.state != reading {
		in.Close()
		return
	}
	g.in.Close()
	g.in, g.reader, g.topicState = in, rd, s
	for _, ms := range g.members {
		ms.holdUninformedLocked()
	}
	in.Start()
	g.wakeLocked() // the old reader may not have acted on an earlier wake
}

// cutLocked forgets the messages that the log no longer has at its end.
func (g *group) cutLocked(b storage.Bounds) {
	if g.log != b.ID {
		return // another log: startReading resets the progress
	}
	if g.progress.End() > b.Next {
		g.progress.Cut(b.Next)
		g.settled = settledRuns{}
		g.cutLosses(b.Next)
		g.markLocked()
	}
}
