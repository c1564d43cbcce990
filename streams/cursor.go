package streams

// A cursor is a position in a topic: the number of the next message and of the
// next change of state to read.
type cursor struct {
	seq    uint64
	change uint64
}

// before reports whether a reader at c has something to read that a reader at d
// has had.
func (c cursor) before(d cursor) bool {
	return c.seq < d.seq || c.change < d.change
}

// A segment is what a reader finds at a cursor.
type segment struct {
	kind     segmentKind
	messages []*Message // of kind someMessages
	state    State      // of kind stateChange
	err      error      // of kind end: why
	limit    uint64     // of kind inLog: read only messages before this one
	then     cursor     // the cursor behind the segment
}

type segmentKind uint8

const (
	nothing segmentKind = iota
	someMessages
	inLog // messages that the tail no longer has
	stateChange
	gap // messages up to then.seq were dropped
	end
	closing // the network closes
)

// The bounds of a batch keep a topic from occupying its worker for long, and
// what is encoded for one batch small.
const (
	batchMessages = 256
	batchBytes    = 256 << 10

	// catchUpBytes is less than batchBytes, because a consumer that catches up
	// has been full before. What is encoded beyond its room is encoded again
	// the next time.
	catchUpBytes = 64 << 10

	// What is read ahead is more at a time, since its consumers took all before.
	aheadMessages = 4 * batchMessages
	aheadBytes    = 4 * catchUpBytes
)

// peek returns what is at c: a change of state, messages of the tail, or that
// the messages are in the log. Messages are those before limit, at most
// batchMessages, and no more than maxBytes of payload beyond the first.
func (t *Topic) peek(c cursor, limit uint64, maxBytes int) segment {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if ch, ok := t.changes.at(c.change); ok {
		if ch.after < c.seq {
			return segment{kind: stateChange, state: ch.state, then: cursor{c.seq, ch.number + 1}}
		}
		limit = min(limit, ch.after+1)
	}
	if c.seq < t.tailFirstLocked() {
		return segment{kind: inLog, limit: limit, then: c}
	}
	if messages := t.tail.read(c.seq, limit, maxBytes); len(messages) > 0 {
		return segmentOf(messages, c)
	}
	if t.deleted {
		return segment{kind: end, err: ErrDeleted, then: c}
	}
	return segment{kind: nothing, then: c}
}

// segmentOf returns the segment of messages, of which there is at least one, at
// c.
func segmentOf(messages []*Message, c cursor) segment {
	last := messages[len(messages)-1].Seq
	return segment{kind: someMessages, messages: messages, then: cursor{last + 1, c.change}}
}

// upToChange cuts a segment that was read at c before the next change of state,
// which may have come after it was read.
func (t *Topic) upToChange(c cursor, seg segment) segment {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ch, ok := t.changes.at(c.change)
	if seg.kind != someMessages || !ok || seg.then.seq <= ch.after+1 {
		return seg
	}
	if ch.after < c.seq {
		return segment{kind: nothing, then: c}
	}
	return segmentOf(seg.messages[:ch.after+1-c.seq], c)
}

// headLocked returns the cursor behind everything.
func (t *Topic) headLocked() cursor {
	return cursor{t.next, t.changes.next()}
}
