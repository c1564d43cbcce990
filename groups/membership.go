package groups

import "seagate/streams"

// A Membership is one member's place in a group. Safe for concurrent use.
type Membership struct {
	group  *Group
	member Member

	// Guarded by group.mu.
	full   bool               // it took fewer than it was handed, and has not called Resume
	run    []*streams.Message // assigned and not yet handed over
	handed []handed           // handed over and not acknowledged, oldest first
	bytes  int                // payload in run and handed
}

type handed struct {
	message *streams.Message
	tag     uint64
}

// Start begins delivery.
func (ms *Membership) Start() { ms.Resume() }

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

// handOver gives the member what it was assigned, and returns what it had no
// room for.
func (ms *Membership) handOver() (refused []*streams.Message) {
	if len(ms.run) == 0 {
		return nil
	}
	taken, tag := ms.member.Deliver(ms.run)
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
