package streams

import (
	"cmp"
	"slices"
)

// A change is a new state that holds behind the message numbered after.
type change struct {
	number uint64 // of changes of the topic, from 0
	after  uint64
	state  State
}

// maxChanges bounds the changes that a topic remembers for readers that are behind. If
// there are more, the oldest that holds for no message is forgotten, since another one
// follows before the next message; or, if each holds for some, the oldest of all. So a
// reader that is further behind may miss changes in between, but never the last one.
const maxChanges = 256

// changeLog is the latest changes of a topic's state, in order.
type changeLog struct {
	log   []change
	count uint64 // of all changes, also those that are forgotten
}

func (c *changeLog) append(after uint64, state State) {
	if len(c.log) == maxChanges {
		c.forget()
	}
	c.log = append(c.log, change{c.count, after, state})
	c.count++
}

// forget makes room for a change.
func (c *changeLog) forget() {
	victim := 0
	for i := range c.log[1:] {
		if c.log[i].after == c.log[i+1].after {
			victim = i
			break
		}
	}
	c.log = slices.Delete(c.log, victim, victim+1)
}

// next returns the number that the next change will get.
func (c *changeLog) next() uint64 { return c.count }

// at returns the change numbered n, or the next one that is not forgotten. ok is false if
// there is none yet.
func (c *changeLog) at(n uint64) (ch change, ok bool) {
	if n >= c.count {
		return change{}, false
	}
	i, _ := slices.BinarySearchFunc(c.log, n, func(ch change, n uint64) int { return cmp.Compare(ch.number, n) })
	return c.log[i], true
}

// A deferredChange is a change of state that readers are told of when the log
// has answered so many sends of the topic.
type deferredChange struct {
	answered uint64
	state    State
}

func (t *Topic) stateLocked() State {
	providers := len(t.outs)
	return State{
		Registered: providers > 0,
		Paused:     t.held || providers > 0 && t.pausing == providers,
	}
}

// changeLocked applies f. If that changes the state, readers are told behind
// everything that was sent before, durable yet or not.
func (t *Topic) changeLocked(f func()) {
	before := t.stateLocked()
	f()
	t.net.observe(t.id)
	if after := t.stateLocked(); after != before {
		t.deferred = append(t.deferred, deferredChange{t.begun, after})
		t.tellLocked()
	}
}

// tellLocked moves the changes that are due into the log of changes, where
// readers find them.
func (t *Topic) tellLocked() {
	for len(t.deferred) > 0 && t.deferred[0].answered <= t.answered {
		t.told = t.deferred[0].state
		t.changes.append(t.next-1, t.told)
		t.deferred = t.deferred[1:]
	}
	if len(t.deferred) == 0 {
		t.deferred = nil
	}
}
