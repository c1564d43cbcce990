// Package progress keeps account of a consumer group: with which messages of a
// log it is done, and how often it handed out the others. It is arithmetic on
// the messages' numbers; it knows no time, no locks and no storage.
package progress

import (
	"iter"
	"maps"
	"math"
	"slices"
	"sort"
)

// A Span is the numbers from First to Last, both included.
type Span struct{ First, Last uint64 }

// Size is how many numbers there are, unless they are all that there can be.
func (s Span) Size() uint64 { return s.Last - s.First + 1 }

// Attempts is how often a message was handed out, and how often that failed.
type Attempts struct {
	Deliveries, Failures uint32
	Reason               string // why it failed the last time; "" if it did not, or that is not known
}

// Progress says with which messages a group is done. At returns a useful one.
// It is not safe for concurrent use.
type Progress struct {
	position  uint64 // the lowest number that is not done
	doneAbove uint64 // how many are done above it

	// spans are what is done above the position, in order, with at least one
	// number between two of them. They are the rear part of buf, whose front is
	// used again: members take turns, and what one of them acknowledges often
	// fills the first hole.
	spans, buf []Span

	// attempts holds messages that are not done. nil if there are none.
	attempts map[uint64]Attempts
}

// At returns the progress of a group that is done with all before position.
func At(position uint64) Progress { return Progress{position: position} }

// Position is the lowest number that is not done.
func (p *Progress) Position() uint64 { return p.position }

// DoneAbove is how many messages above the position are done.
func (p *Progress) DoneAbove() uint64 { return p.doneAbove }

// Spans returns what is done above the position, in order. The slice is good
// until the next change.
func (p *Progress) Spans() []Span { return p.spans }

// End is the number behind the last one that is done.
func (p *Progress) End() uint64 {
	if n := len(p.spans); n > 0 {
		return p.spans[n-1].Last + 1
	}
	return p.position
}

// Summary returns p without what takes memory: with Position and DoneAbove, and
// nothing else that is right. whole says whether there was nothing else.
func (p *Progress) Summary() (summary Progress, whole bool) {
	return Progress{position: p.position, doneAbove: p.doneAbove}, len(p.spans) == 0 && len(p.attempts) == 0
}

// Has says whether a message is done.
func (p *Progress) Has(seq uint64) bool {
	if seq < p.position {
		return true
	}
	n := len(p.spans)
	if n == 0 || seq > p.spans[n-1].Last {
		return false
	}
	return p.spans[p.find(seq)].First <= seq
}

// find returns the index of the first span that does not end before seq.
func (p *Progress) find(seq uint64) int {
	return sort.Search(len(p.spans), func(i int) bool { return p.spans[i].Last >= seq })
}

// Add notes that the messages from first to last are done. last is lower than
// the largest number that there is.
func (p *Progress) Add(first, last uint64) {
	first = max(first, p.position)
	if last < first {
		return
	}
	if p.attempts != nil {
		p.forget(first, last)
	}
	i := p.touching(first)
	j := i
	for j < len(p.spans) && p.spans[j].First <= last+1 {
		first, last = min(first, p.spans[j].First), max(last, p.spans[j].Last)
		p.doneAbove -= p.spans[j].Size()
		j++
	}
	if first == p.position { // i is 0
		p.position = last + 1
		p.spans = p.spans[j:]
		p.reuse()
		return
	}
	p.doneAbove += last - first + 1
	p.replace(i, j, Span{first, last})
}

// touching returns the index of the first span that ends at the number before
// first or later.
func (p *Progress) touching(first uint64) int {
	if n := len(p.spans); n == 0 || p.spans[n-1].Last+1 < first {
		return n
	}
	return p.find(first - 1)
}

// replace puts s in the place of the spans from i to before j.
func (p *Progress) replace(i, j int, s Span) {
	if i < j {
		p.spans[i] = s
		p.spans = slices.Delete(p.spans, i+1, j)
		return
	}
	if len(p.spans) == cap(p.spans) {
		p.grow()
	}
	p.spans = slices.Insert(p.spans, i, s)
}

// grow moves the spans to the front of their buffer, if that gains as much as a
// larger buffer would.
func (p *Progress) grow() {
	buf := p.buf
	if n := len(p.spans); cap(buf) < max(2*n, 1) {
		buf = make([]Span, 0, max(2*n, 4))
	}
	p.spans = append(buf[:0], p.spans...)
	p.buf = p.spans
}

// reuse lets an empty list begin at the front of its buffer, and drops a buffer
// that is large.
func (p *Progress) reuse() {
	const small = 64
	switch {
	case len(p.spans) > 0:
	case cap(p.buf) > small:
		p.spans, p.buf = nil, nil
	default:
		p.spans = p.buf[:0]
	}
}

// Missing returns those parts of the numbers from first to last that are not
// done.
func (p *Progress) Missing(first, last uint64) (missing []Span) {
	first = max(first, p.position)
	for _, s := range p.spans[p.find(first):] {
		if s.First > last {
			break
		}
		if first < s.First {
			missing = append(missing, Span{first, s.First - 1})
		}
		first = s.Last + 1
	}
	if first <= last {
		missing = append(missing, Span{first, last})
	}
	return missing
}

// Cut forgets everything from next on: the log has no such messages.
func (p *Progress) Cut(next uint64) {
	p.position = min(p.position, next)
	p.forget(next, math.MaxUint64)
	for i := len(p.spans) - 1; i >= 0 && p.spans[i].Last >= next; i-- {
		p.doneAbove -= p.spans[i].Size()
		if p.spans[i].First < next {
			p.spans[i].Last = next - 1
			p.doneAbove += p.spans[i].Size()
			return
		}
		p.spans = p.spans[:i]
	}
}

// Attempts returns the attempts of a message; none if it is done.
func (p *Progress) Attempts(seq uint64) Attempts { return p.attempts[seq] }

// AllAttempts goes through the messages that were handed out and are not done,
// in any order. It returns how many there are beside.
func (p *Progress) AllAttempts() (all iter.Seq2[uint64, Attempts], count int) {
	return maps.All(p.attempts), len(p.attempts)
}

// SetAttempts notes how often a message was handed out. Of a message that is
// done it notes nothing.
func (p *Progress) SetAttempts(seq uint64, a Attempts) {
	if p.Has(seq) {
		return
	}
	if p.attempts == nil {
		p.attempts = map[uint64]Attempts{}
	}
	p.attempts[seq] = a
}

// forget drops the attempts of messages. It goes through those that there are,
// or through the numbers, whichever are fewer.
func (p *Progress) forget(first, last uint64) {
	if last-first < uint64(len(p.attempts)) {
		for seq := first; seq <= last; seq++ {
			delete(p.attempts, seq)
		}
	} else {
		maps.DeleteFunc(p.attempts, func(seq uint64, _ Attempts) bool { return first <= seq && seq <= last })
	}
	if len(p.attempts) == 0 {
		p.attempts = nil
	}
}
