package streams

// A cursor is a place in a topic: the next message and the next change of
// state that its reader has not had.
type cursor struct {
	seq    uint64
	change uint64
}

// before says whether a reader at c has something yet to read that one at d
// has had.
func (c cursor) before(d cursor) bool {
	return c.seq < d.seq || c.change < d.change
}

// A segment is what comes at a cursor.
type segment struct {
	kind     segmentKind
	messages []*Message
	state    State
	err      error
	limit    uint64 // of kind before: read up to the message before it only
	then     cursor // where to go on after all of it
}

type segmentKind uint8

const (
	nothing segmentKind = iota
	someMessages
	before // what comes is not in the tail any more, but in the log
	stateChange
	gap
	end     // err says why
	closing // the network closes
)

// A pass is bounded, so that no topic keeps a worker for long and what is
// encoded for one pass stays small.
const (
	batchMessages = 256
	batchBytes    = 256 << 10

	// A consumer that catches up has filled its queue before. What is encoded
	// for it beyond its room is encoded again the next time.
	catchUpBytes = 64 << 10
)

// peek returns what comes at c, with messages up to the one before limit only
// and, beyond the first, of no more bytes than given.
func (t *Topic) peek(c cursor, limit uint64, bytes int) segment {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if ch, n, ok := t.changes.at(c.change); ok {
		if ch.after < c.seq {
			return segment{kind: stateChange, state: ch.state, then: cursor{c.seq, n + 1}}
		}
		limit = min(limit, ch.after+1)
	}
	if c.seq < t.tailFirstLocked() {
		return segment{kind: before, limit: limit, then: c}
	}
	if run := t.tail.read(c.seq, limit, bytes); len(run) > 0 {
		return segment{kind: someMessages, messages: run, then: cursor{run[len(run)-1].Seq + 1, c.change}}
	}
	if t.deleted {
		return segment{kind: end, err: ErrDeleted, then: c}
	}
	return segment{kind: nothing, then: c}
}

// upToChange returns what of a run that was read at c comes before the next
// change of state, which may have come since.
func (t *Topic) upToChange(c cursor, s segment) segment {
	t.mu.RLock()
	defer t.mu.RUnlock()
	ch, _, ok := t.changes.at(c.change)
	if s.kind != someMessages || !ok || s.then.seq <= ch.after+1 {
		return s
	}
	if ch.after < c.seq {
		return segment{kind: nothing, then: c}
	}
	s.messages = s.messages[:ch.after+1-c.seq]
	s.then.seq = ch.after + 1
	return s
}

// headLocked is the cursor behind everything.
func (t *Topic) headLocked() cursor {
	return cursor{t.next, t.changes.next()}
}
