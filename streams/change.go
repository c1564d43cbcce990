package streams

// A change is a new state that holds from the message numbered after on.
type change struct {
	after uint64
	state State
}

// maxChanges bounds the log of changes. A reader that is further behind than
// that misses states in between, never the last one.
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

// next is the number that the next change will get.
func (c *changeLog) next() uint64 { return c.base + uint64(len(c.log)) }

// at returns the change numbered n, or the oldest kept if n is older, and its
// number. ok is false if there is none yet.
func (c *changeLog) at(n uint64) (ch change, number uint64, ok bool) {
	n = max(n, c.base)
	if n >= c.next() {
		return change{}, n, false
	}
	return c.log[n-c.base], n, true
}
