package groups

import (
	"sync/atomic"

	"seagate/internal/quota"
	"seagate/streams"
)

// A space is what the groups of one space hold in memory together: the payload of messages that
// were handed out and are not acknowledged, or wait to be handed out again. Each group holds a
// bounded amount, and a client may have thousands of groups at different places of the log.
//
// It is counted at checkpoints, so the delivery of a message costs only one more read: that of
// pressure.
type space struct {
	name     string
	held     atomic.Int64 // bytes, as of the last checkpoint
	pressure atomic.Int32
}

// The pressure of a space says what its groups may take.
const (
	noPressure   = iota
	somePressure // groups that hold more than pressedBytes take nothing new
	fullPressure // no group does
)

// pressedBytes is what each group may hold under some pressure.
const pressedBytes = 16 << 10

// spaceLocked returns the space with the name. Registry.mu is held.
func (r *Registry) spaceLocked(name string) *space {
	s := r.spaces[name]
	if s == nil {
		s = &space{name: name}
		r.spaces[name] = s
	}
	return s
}

// heldLocked returns the payload that the group holds in memory.
func (g *group) heldLocked() int64 {
	bytes := g.setAsideBytes
	for _, ms := range g.members {
		bytes += ms.bytes
	}
	for _, q := range g.retryQueue {
		bytes += len(q.Payload)
	}
	return int64(bytes)
}

// countHeldLocked makes the space count what the group holds now.
func (g *group) countHeldLocked() { g.countAsLocked(g.heldLocked()) }

func (g *group) countAsLocked(bytes int64) {
	g.space.held.Add(bytes - g.counted)
	g.counted = bytes
}

// hasShareLocked reports whether the group may take more, as far as its space is concerned.
func (g *group) hasShareLocked() bool {
	switch g.space.pressure.Load() {
	case noPressure:
		return true
	case somePressure:
		return g.heldLocked() < pressedBytes
	}
	return false
}

// press sets the pressure of each space: full if the space holds more than mayHold returns, and
// some if it holds more than half of that. If the pressure is less than before, press wakes the
// groups of the space.
func (r *Registry) press() {
	r.mu.Lock()
	spaces := make([]*space, 0, len(r.spaces))
	for _, s := range r.spaces {
		spaces = append(spaces, s)
	}
	r.mu.Unlock()
	for _, s := range spaces {
		most := r.mayHold(s.name)
		now := int32(noPressure)
		switch held := s.held.Load(); {
		case most > 0 && held > most:
			now = fullPressure
		case most > 0 && held > most/2:
			now = somePressure
		}
		if s.pressure.Swap(now) > now {
			r.resume(s.name)
		}
	}
}

// mayHold returns how many bytes the groups of a space may hold: its quota of memory, or half of
// the memory budget of all spaces if that is less. 0 is no bound.
func (r *Registry) mayHold(name string) int64 {
	if r.opts.Quotas == nil {
		return 0
	}
	most, budget := r.opts.Quotas.Limit(name, quota.Memory), r.opts.Quotas.MemoryBudget()/2
	if most == 0 || budget > 0 && budget < most {
		return budget
	}
	return most
}

// resume wakes the groups of a space that wait.
func (r *Registry) resume(name string) {
	for _, g := range r.all(func(id streams.ID) bool { return id.Space == name }) {
		g.mu.Lock()
		g.wakeIfHeldLocked()
		g.mu.Unlock()
	}
}
