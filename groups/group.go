package groups

import (
	"container/heap"
	"slices"
	"sync"

	"seagate/streams"
)

// A Member is handed messages. Its methods are called by one goroutine at a
// time and must not block.
type Member interface {
	// Accepts says whether the member may be handed the i-th message of p.
	Accepts(p *streams.Pass, i int) bool

	// Deliver hands over messages, oldest first, and returns how many of them,
	// from the first, it took, and a tag, never lower than the one before, by
	// which Membership.Ack names the last of them. After it took fewer than
	// all it is handed nothing until Membership.Resume.
	Deliver(run []*streams.Message) (taken int, tag uint64)

	// Gap tells that the group lost messages: none of its members had room
	// for them while the topic kept them.
	Gap(first, last uint64)

	// End tells that the topic was deleted. Nothing follows.
	End()
}

// A Group is the members that share one cursor on a topic.
type Group struct {
	registry *Registry
	key      Key
	in       *streams.InTopic

	mu      sync.Mutex // guards what follows
	members []*Membership
	turn    int // index of the member whose turn it is
	// returned is what was handed to nobody yet or came back from a member.
	// While there is any, nothing is taken from the topic.
	returned backlog
	over     bool // the topic was deleted
}

func (g *Group) topic() *streams.Topic { return g.in.Topic() }

func (g *Group) join(m Member) *Membership {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return nil
	}
	ms := &Membership{group: g, member: m, full: true} // until Start
	g.members = append(g.members, ms)
	return ms
}

// remove takes a member out, lets the others have what it did not acknowledge
// and returns how many are left.
func (g *Group) remove(ms *Membership) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.members, ms)
	if i < 0 {
		return len(g.members)
	}
	g.members = slices.Delete(g.members, i, i+1)
	for _, h := range ms.handed {
		heap.Push(&g.returned, h.message)
	}
	ms.handed = nil
	g.pumpLocked()
	return len(g.members)
}

// A backlog is a heap of messages, the oldest first. A list in order would be
// gone through as a whole for each of a thousand members that leave at once.
type backlog []*streams.Message

func (b backlog) Len() int           { return len(b) }
func (b backlog) Less(i, j int) bool { return b[i].Seq < b[j].Seq }
func (b backlog) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *backlog) Push(m any)        { *b = append(*b, m.(*streams.Message)) }

func (b *backlog) Pop() any {
	last := len(*b) - 1
	m := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	if last == 0 {
		*b = nil // a group at rest holds no memory
	}
	return m
}

// oldest takes the oldest messages, at most n, in order.
func (b *backlog) oldest(n int) []*streams.Message {
	taken := make([]*streams.Message, min(n, len(*b)))
	for i := range taken {
		taken[i] = heap.Pop(b).(*streams.Message)
	}
	return taken
}

// Deliver shares out what comes from the topic. It implements
// streams.Consumer.
func (g *Group) Deliver(p *streams.Pass) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.returned) > 0 || len(g.members) == 0 {
		return 0
	}
	n := g.shareLocked(p)
	if len(g.returned) > 0 {
		g.pumpLocked()
	}
	return n
}

// pumpMessages bounds a pass over what was returned. Filters decode a whole
// pass for the first message that they are asked about, and much may wait here
// while members have little credit.
const pumpMessages = 256

// pumpLocked shares out what was returned, until no member has credit, and
// once nothing is left reads on from the topic.
func (g *Group) pumpLocked() {
	for len(g.returned) > 0 && len(g.members) > 0 {
		p := &streams.Pass{Messages: g.returned.oldest(pumpMessages)}
		n := g.shareLocked(p)
		for _, m := range p.Messages[n:] {
			heap.Push(&g.returned, m)
		}
		if n < len(p.Messages) {
			return
		}
	}
	g.in.Resume()
}

// shareLocked assigns the messages in order, until one finds no member with
// credit, and hands them over. It returns how many were assigned; those that a
// member then had no room for are in returned.
func (g *Group) shareLocked(p *streams.Pass) int {
	assigned := 0
	for i, m := range p.Messages {
		ms, accepted := g.pickLocked(p, i)
		if accepted && ms == nil {
			break
		}
		if ms != nil {
			ms.run = append(ms.run, m)
			ms.bytes += len(m.Payload)
		}
		assigned++
	}
	for _, ms := range g.members {
		for _, m := range ms.handOver() {
			heap.Push(&g.returned, m)
		}
	}
	return assigned
}

// pickLocked returns the next member in turn that accepts the message and has
// credit. accepted says whether any member would accept it.
func (g *Group) pickLocked(p *streams.Pass, i int) (ms *Membership, accepted bool) {
	for k := range g.members {
		n := (g.turn + k) % len(g.members)
		candidate := g.members[n]
		accepts := candidate.accepts(p, i)
		if candidate.dead { // until it leaves, nobody knows what it would have accepted
			accepted = true
			continue
		}
		if !accepts {
			continue
		}
		accepted = true
		if candidate.hasCredit() {
			g.turn = n + 1
			return candidate, true
		}
	}
	return nil, accepted
}

// State implements streams.Consumer; members are not told.
func (g *Group) State(streams.State) {}

// Gap implements streams.Consumer.
func (g *Group) Gap(first, last uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ms := range g.members {
		if ms.started {
			ms.member.Gap(first, last)
		}
	}
}

// End implements streams.Consumer.
func (g *Group) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
	for _, ms := range g.members {
		if ms.started {
			ms.member.End()
		}
	}
}
