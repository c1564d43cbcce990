package groups

import (
	"context"

	"seagate/streams"
)

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
func (r *Registry) Move(ctx context.Context, topic *streams.Topic, key Key, from streams.StartAt, dryRun bool) (MoveResult, error) {
	key.Topic = topic.ID()
	if r.closed.Load() {
		return MoveResult{}, ErrClosed
	}
	g := r.lookup(key)
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
	there := g.isThereLocked()
	g.mu.Unlock()
	if !there {
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
		g.doubt()
		return err
	}
	if !g.goOn(in, rd, r) {
		in.Close()
	}
	return nil
}

// goOn starts in and is the group's place from a record on, and forgets what was before. It
// returns whether there are members to read for.
func (g *group) goOn(in *streams.InTopic, rd *reader, r record) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.log != r.Log {
		g.losses = nil
	}
	g.ledger, g.log, g.complete = ledger{position: r.Position}, r.Log, true
	for _, ms := range g.members {
		ms.held.clear()
		ms.bytes = 0
	}
	g.returned, g.delayed, g.late, g.burying, g.aside, g.held = nil, nil, nil, nil, 0, 0
	if g.in == nil {
		return false
	}
	g.in.Close()
	g.in, g.reader = in, rd
	in.Start()
	return true
}
