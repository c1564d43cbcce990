package streams

// A change is a new state that holds behind the message numbered after.
type change struct {
	after uint64
	state State
}

// maxChanges bounds the changes that a topic remembers. A reader that is
// further behind misses states in between, but never the last one.
const maxChanges = 64

// changeLog is the latest changes of a topic's state, numbered without holes.
type changeLog struct {
	base uint64 // number of log[0]
	log  []change
}

func (c *changeLog) append(ch change) {
	if len(c.log) == maxChanges {
		c.log = append(c.log[:0], c.log[1:]...)
		c.base++
	}
	c.log = append(c.log, ch)
}

// next returns the number that the next change will get.
func (c *changeLog) next() uint64 { return c.base + uint64(len(c.log)) }

// at returns the change numbered n, or the oldest one if n was forgotten, and
// its number. ok is false if there is no such change yet.
func (c *changeLog) at(n uint64) (ch change, number uint64, ok bool) {
	n = max(n, c.base)
	if n >= c.next() {
		return change{}, n, false
	}
	return c.log[n-c.base], n, true
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
		t.changes.append(change{after: t.next - 1, state: t.told})
		t.deferred = t.deferred[1:]
	}
	if len(t.deferred) == 0 {
		t.deferred = nil
	}
}
