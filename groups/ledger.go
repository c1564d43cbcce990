package groups

import (
	"math"
	"slices"
	"sort"
)

// A span is the numbers from first to last, both included.
type span struct{ first, last uint64 }

func (s span) size() uint64 { return s.last - s.first + 1 }

// A ledger says with which messages of a log a group is done, and how often
// the others were handed out.
type ledger struct {
	position uint64 // the lowest number that is not done
	above    uint64 // how many are done above it

	// done is what is done above the position, in order, with at least one
	// number between two spans. It is the rear part of buf, whose front is
	// used again: members take turns, and what one of them acknowledges often
	// fills the first hole.
	done, buf []span

	// attempts is of messages that came back undone. nil if there are none.
	attempts map[uint64]attempts
}

// attempts is how often a message was handed out, and failed.
type attempts struct {
	deliveries, failures uint32
	reason               string // of the failure after which it became a dead letter
}

// has says whether a message is done.
func (l *ledger) has(seq uint64) bool {
	if seq < l.position {
		return true
	}
	n := len(l.done)
	if n == 0 || seq > l.done[n-1].last {
		return false
	}
	return l.done[l.find(seq)].first <= seq
}

// find returns the index of the first span that does not end before seq.
func (l *ledger) find(seq uint64) int {
	return sort.Search(len(l.done), func(i int) bool { return l.done[i].last >= seq })
}

// add notes that the messages from first to last are done.
func (l *ledger) add(first, last uint64) {
	first = max(first, l.position)
	if last < first {
		return
	}
	if l.attempts != nil {
		l.forget(first, last)
	}
	i := l.touching(first)
	j := i
	for j < len(l.done) && l.done[j].first <= last+1 {
		first, last = min(first, l.done[j].first), max(last, l.done[j].last)
		l.above -= l.done[j].size()
		j++
	}
	if first == l.position { // i is 0
		l.position = last + 1
		l.done = l.done[j:]
		l.reuse()
		return
	}
	l.above += last - first + 1
	l.replace(i, j, span{first, last})
}

// touching returns the index of the first span that ends at the number before
// first or later.
func (l *ledger) touching(first uint64) int {
	if n := len(l.done); n == 0 || l.done[n-1].last+1 < first {
		return n
	}
	return l.find(first - 1)
}

// replace puts s in the place of the spans from i to before j.
func (l *ledger) replace(i, j int, s span) {
	if i < j {
		l.done[i] = s
		l.done = slices.Delete(l.done, i+1, j)
		return
	}
	if len(l.done) == cap(l.done) {
		l.makeRoom()
	}
	l.done = slices.Insert(l.done, i, s)
}

// makeRoom moves the spans to the front of their buffer, if that gains as much
// as a larger buffer would.
func (l *ledger) makeRoom() {
	buf := l.buf
	if n := len(l.done); cap(buf) < max(2*n, 1) {
		buf = make([]span, 0, max(2*n, 4))
	}
	l.done = append(buf[:0], l.done...)
	l.buf = l.done
}

// reuse lets an empty set begin at the front of its buffer, and a ledger at
// rest hold little memory.
func (l *ledger) reuse() {
	const little = 64
	switch {
	case len(l.done) > 0:
	case cap(l.buf) > little:
		l.done, l.buf = nil, nil
	default:
		l.done = l.buf[:0]
	}
}

// missing returns those parts of the numbers from first to last that are not
// done.
func (l *ledger) missing(first, last uint64) (missing []span) {
	first = max(first, l.position)
	for _, s := range l.done[l.find(first):] {
		if s.first > last {
			break
		}
		if first < s.first {
			missing = append(missing, span{first, s.first - 1})
		}
		first = s.last + 1
	}
	if first <= last {
		missing = append(missing, span{first, last})
	}
	return missing
}

// cut forgets everything from next on: the log has no such messages.
func (l *ledger) cut(next uint64) {
	l.position = min(l.position, next)
	l.forget(next, math.MaxUint64)
	for i := len(l.done) - 1; i >= 0 && l.done[i].last >= next; i-- {
		l.above -= l.done[i].size()
		if l.done[i].first < next {
			l.done[i].last = next - 1
			l.above += l.done[i].size()
			return
		}
		l.done = l.done[:i]
	}
}

// forget drops the attempts of messages that need none any more. It looks for
// those that there are where there are fewer than numbers.
func (l *ledger) forget(first, last uint64) {
	if last-first < uint64(len(l.attempts)) {
		for seq := first; seq <= last; seq++ {
			delete(l.attempts, seq)
		}
	} else {
		for seq := range l.attempts {
			if first <= seq && seq <= last {
				delete(l.attempts, seq)
			}
		}
	}
	if len(l.attempts) == 0 {
		l.attempts = nil
	}
}

// tried notes that a message came back after so many attempts.
func (l *ledger) tried(seq uint64, a attempts) {
	if l.attempts == nil {
		l.attempts = map[uint64]attempts{}
	}
	l.attempts[seq] = a
}
