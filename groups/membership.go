package groups

import "seagate/streams"

// A Membership is one member's place in a group. Safe for concurrent use.
type Membership struct {
	group  *Group
	member Member

	// Guarded by group.mu.
	started bool
	dead    bool               // it panicked
	full    bool               // it took fewer than it was handed, and has not called Resume
	run     []*streams.Message // assigned and not yet handed over
	handed  []handed           // handed over and not acknowledged, oldest first
	bytes   int                // payload in run and handed
}

type handed struct {
	message *streams.Message
	tag     uint64
}

// Start begins delivery.
func (ms *Membership) Start() {
	ms.group.mu.Lock()
	ms.started = true
	over := ms.group.over
	ms.group.mu.Unlock()
	if over {
		ms.member.End()
		return
	}
	ms.Resume()
}

// Resume says that a member that took fewer messages than it was handed has
// room again.
func (ms *Membership) Resume() {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	ms.full = false
	ms.group.pumpLocked()
}

// Ack acknowledges all that was handed over up to the tag.
func (ms *Membership) Ack(tag uint64) {
	ms.group.mu.Lock()
	defer ms.group.mu.Unlock()
	had := ms.hasCredit()
	n := 0
	for n < len(ms.handed) && ms.handed[n].tag <= tag {
		ms.bytes -= len(ms.handed[n].message.Payload)
		ms.handed[n].message = nil
		n++
	}
	ms.handed = ms.handed[n:]
	if len(ms.handed) == 0 {
		ms.handed = nil // a member at rest holds no memory
	}
	if !had {
		ms.group.pumpLocked()
	}
}

// Leave ends the membership. What was not acknowledged goes to the other
// members. It is safe to call twice.
func (ms *Membership) Leave() { ms.group.registry.leave(ms) }

func (ms *Membership) hasCredit() bool {
	credit := ms.group.registry.credit
	n := len(ms.run) + len(ms.handed)
	return !ms.full && (n == 0 || n < credit.Messages && ms.bytes < credit.Bytes)
}

// accepts asks the member, unless it is beyond asking.
func (ms *Membership) accepts(p *streams.Pass, i int) bool {
	if ms.dead {
		return false
	}
	defer ms.containPanic()
	return ms.member.Accepts(p, i)
}

// deliver hands the run to the member. One that panics has taken nothing.
func (ms *Membership) deliver() (taken int, tag uint64) {
	defer ms.containPanic()
	return ms.member.Deliver(ms.run)
}

// containPanic keeps one member's failure from the others, and from whoever
// happened to share out messages.
func (ms *Membership) containPanic() {
	if v := recover(); v != nil {
		ms.dead = true
		ms.group.registry.onPanic(ms.member, v)
	}
}

// handOver gives the member what it was assigned, and returns what it had no
// room for.
func (ms *Membership) handOver() (refused []*streams.Message) {
	if len(ms.run) == 0 {
		return nil
	}
	taken, tag := 0, uint64(0)
	if !ms.dead { // it may have panicked over a later message of the same pass
		taken, tag = ms.deliver()
	}
	for _, m := range ms.run[:taken] {
		ms.handed = append(ms.handed, handed{m, tag})
	}
	refused = ms.run[taken:]
	for _, m := range refused {
		ms.bytes -= len(m.Payload)
	}
	ms.full = len(refused) > 0
	ms.run = nil
	return refused
}
