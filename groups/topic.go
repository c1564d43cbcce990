package groups

import (
	"context"
	"sync"
	"time"

	"seagate/storage"
	"seagate/streams"
)

// A Topic is the groups of one topic. Safe for concurrent use. It may be kept:
// it also means what is made anew after DeleteAll.
type Topic struct {
	registry *Registry
	id       streams.ID

	mu      sync.Mutex // guards what follows
	groups  map[Name]*group
	dropped bool // another Topic stands in its place in the registry
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

// lockCurrent returns the Topic that stands in the registry, with its lock held.
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

// findOrCreate returns the group of that name. A new one has no record yet. A
// client that has as many groups as it may loses one, if one may be evicted.
func (t *Topic) findOrCreate(name Name) (*group, error) {
	for {
		if g := t.find(name); g != nil {
			return g, nil
		}
		g, err := t.create(name)
		if err != ErrTooManyGroups || !t.registry.evict(client{t.id.Space, name.Client}) {
			return g, err
		}
	}
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
	now := time.Now().UTC()
	g := &group{registry: r, key: key, createdAt: now, lastActive: now}
	r.addLocked(g)
	return g, nil
}

// evict deletes the client's longest-idle group among those that never had a
// second member. It returns false if there is none.
func (r *Registry) evict(c client) bool {
	g := r.evictionCandidate(c)
	if g == nil {
		return false
	}
	if err := g.eraseIf((*group).isEvictableLocked); err != nil {
		r.opts.OnError(g.key, err)
		return false
	}
	return true // unless a member has just come back, and then another one is evicted
}

func (r *Registry) evictionCandidate(c client) (candidate *group) {
	var idleSince time.Time
	for _, g := range r.groupsOf(c) {
		g.mu.Lock()
		if g.isEvictableLocked() && (candidate == nil || g.lastActive.Before(idleSince)) {
			candidate, idleSince = g, g.lastActive
		}
		g.mu.Unlock()
	}
	return candidate
}

func (g *group) isEvictableLocked() bool { return g.state == resting && !g.rejoined }

// Delete deletes a group, durably; its members are told. It returns ErrNotFound
// if there is none. It waits for the store for as long as that takes, as
// DeleteAll does: what nobody waits for would happen all the same.
func (t *Topic) Delete(name Name) error {
	g := t.find(name)
	if g == nil {
		return ErrNotFound
	}
	return g.delete()
}

// DeleteAll deletes all groups of a topic that was deleted, durably. Members
// hear of it by End, after what they had not been handed yet.
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

// remove deletes a group whose members are not told. If that fails the keeper
// tries again.
func (g *group) remove() error {
	err := g.eraseIf(func(g *group) bool { return g.state != deleted })
	if err != nil {
		g.registry.changes.deleteLater(g)
	}
	return err
}

// eraseIf deletes a group if, once nobody else reads or writes its record, that
// is still to be done.
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

// A MoveResult is what a move did, or would do.
type MoveResult struct {
	Was      uint64 // the position before
	Position uint64
	Lag      uint64 // messages that come then
}

// Move lets a group go on at another place of its topic, durably, or with
// dryRun only says where that would be. Members that there are stay: what they
// were handed is forgotten, acknowledging it does nothing any more, and they
// are handed what comes from there. Counts of attempts begin anew. It returns
// ErrNotFound, ErrClosed, streams.ErrPosition, or an error of the store.
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
	b := topic.Bounds()
	g.mu.Lock()
	was, _ := g.lagLocked(b)
	exists := g.existsLocked()
	g.mu.Unlock()
	if !exists {
		return MoveResult{}, ErrNotFound
	}
	if !dryRun {
		err = g.move(ctx, topic, seq)
	}
	return MoveResult{Was: was, Position: seq, Lag: b.Next - min(seq, b.Next)}, err
}

// move makes seq the group's position. g.recordMu is held.
func (g *group) move(ctx context.Context, topic *streams.Topic, seq uint64) error {
	rd := &reader{group: g}
	in, joined, err := topic.In(ctx, rd, shardOf(g.key), streams.At(seq))
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
	if err := g.put(ctx, r); err != nil {
		in.Close()
		g.markUncertain()
		return err
	}
	g.applyMove(in, rd, r)
	return nil
}

// goOn makes a record the group's progress and forgets everything before. If
// there are members it reads on with in.
func (g *group) applyMove(in *streams.InTopic, rd *reader, r record) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.log != r.Log {
		g.losses = nil
	}
	g.progress, g.log, g.partial = r.progress(), r.Log, false
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
	g.in, g.reader = in, rd
	in.Start()
	g.wakeLocked() // the former reader may not have seen what it was woken for
}

// cutLocked forgets what the log does not have.
func (g *group) cutLocked(b storage.Bounds) {
	if g.log != b.ID {
		return // another log: see resumeAt
	}
	if g.progress.End() > b.Next {
		g.progress.Cut(b.Next)
		g.cutLosses(b.Next)
		g.markLocked()
	}
}
