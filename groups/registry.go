package groups

import (
	"sync"

	"seagate/streams"
)

// A Key names a group: a group id means nothing outside its client, and a
// client nothing outside its space.
type Key struct {
	Topic  streams.ID
	Client string
	Group  string
}

// Credit is how much a member may have been handed and not acknowledged. One
// message is always allowed, however large.
type Credit struct {
	Messages int
	Bytes    int
}

// DefaultCredit keeps a member busy over a round trip of 50 ms at 20,000
// messages a second.
func DefaultCredit() Credit { return Credit{Messages: 1024, Bytes: 1 << 20} }

// A Registry is the groups that have members. Safe for concurrent use.
type Registry struct {
	credit  Credit
	onPanic func(m Member, value any)

	mu     sync.Mutex // guards what follows
	groups map[Key]*Group
}

// NewRegistry returns a registry without groups. onPanic is told of a member
// that panicked, which is handed nothing any more and should leave. It is
// called with locks held: like a Member, it must not block or call back.
func NewRegistry(credit Credit, onPanic func(m Member, value any)) *Registry {
	return &Registry{credit: credit, onPanic: onPanic, groups: map[Key]*Group{}}
}

// Join makes m a member of the group, which begins at the topic's head if it
// has no members yet. Nothing is handed over before Membership.Start. The
// error is that of streams.Topic.In.
func (r *Registry) Join(topic *streams.Topic, client, group string, m Member) (*Membership, error) {
	key := Key{topic.ID(), client, group}
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.groups[key]
	if g == nil || g.topic() != topic {
		var err error
		if g, err = r.begin(topic, key); err != nil {
			return nil, err
		}
	}
	ms := g.join(m)
	if ms == nil {
		return nil, streams.ErrDeleted
	}
	return ms, nil
}

// begin makes a group. It replaces one whose topic was deleted.
func (r *Registry) begin(topic *streams.Topic, key Key) (*Group, error) {
	g := &Group{registry: r, key: key}
	in, _, err := topic.In(g, laneOf(key))
	if err != nil {
		return nil, err
	}
	g.in = in
	r.groups[key] = g
	in.Start()
	return g, nil
}

// laneOf spreads groups over the workers (FNV-1a).
func laneOf(key Key) uint32 {
	h := uint32(2166136261)
	for _, s := range [...]string{key.Topic.Space, key.Topic.Name, key.Client, key.Group} {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
	}
	return h
}

// leave takes a member out, and ends the group if it was the last.
func (r *Registry) leave(ms *Membership) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := ms.group
	if g.remove(ms) > 0 {
		return
	}
	if r.groups[g.key] == g {
		delete(r.groups, g.key)
	}
	g.in.Close()
}

// Len is the number of groups that have members.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.groups)
}
