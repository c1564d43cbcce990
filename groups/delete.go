package groups

import (
	"fmt"

	"seagate/storage"
	"seagate/streams"
)

// removeCondemned deletes a group whose topic was deleted, or that could not
// begin and has not since.
func (g *group) removeCondemned() error {
	g.mu.Lock()
	hasBegun := !g.unstored && !g.ended
	g.mu.Unlock()
	if hasBegun {
		return nil
	}
	return g.remove()
}

// remove deletes a group that nobody is told of. If that fails the keeper tries
// again.
func (g *group) remove() error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	if g.isGone() {
		return nil
	}
	err := g.erase()
	if err != nil {
		g.registry.condemn(g)
	}
	return err
}

// erase deletes the record, and then the group. Members that there are go on
// until they hear of it. g.recordMu is held.
func (g *group) erase() error {
	// Not under a caller's context: see create.
	err := g.registry.records.Delete(g.registry.writing, groupsTable, g.key.recordKey(), storage.Always())
	if err != nil {
		g.doubt()
		return fmt.Errorf("delete group %q: %w", g.key.Group, err)
	}
	g.registry.forget(g)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gone = true
	return nil
}

// doubt has the record written again after a write that failed, and may have
// happened. Of a group that has not all in memory the record holds, whichever
// it is.
func (g *group) doubt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.complete {
		g.markLocked()
	}
}

// Delete deletes a group, durably; its members are told. It returns
// ErrNotFound if there is none. It and the others below wait for the store for
// as long as that takes: what nobody waits for would happen all the same.
func (r *Registry) Delete(key Key) error {
	g := r.lookup(key)
	if g == nil {
		return ErrNotFound
	}
	return g.delete()
}

func (g *group) delete() error {
	g.recordMu.Lock()
	defer g.recordMu.Unlock()
	if g.isGone() {
		return ErrNotFound
	}
	if err := g.erase(); err != nil {
		return err
	}
	endAll(g.dismiss(ErrNotFound), ErrNotFound)
	return nil
}

// dismiss is dismissLocked of a group with members.
func (g *group) dismiss(why error) []*Membership {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.in == nil {
		return nil
	}
	return g.dismissLocked(why)
}

// DeleteTopic deletes all groups of a topic that was deleted, durably. Members
// hear of it by End, after what they had not been handed yet.
func (r *Registry) DeleteTopic(id streams.ID) error {
	groups := r.all(func(other streams.ID) bool { return other == id })
	return r.each(groups, func(g *group) error { return g.remove() })
}

// DeleteSpace is DeleteTopic of all topics of a space.
func (r *Registry) DeleteSpace(space string) error {
	groups := r.all(func(id streams.ID) bool { return id.Space == space })
	return r.each(groups, func(g *group) error { return g.remove() })
}

// DeleteClient deletes all groups of a client, durably; their members are
// told.
func (r *Registry) DeleteClient(client string) error {
	var groups []*group
	for _, g := range r.all(nil) {
		if g.key.Client == client {
			groups = append(groups, g)
		}
	}
	return r.each(groups, func(g *group) error {
		if err := g.delete(); err != ErrNotFound {
			return err
		}
		return nil
	})
}
