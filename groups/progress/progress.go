// Package progress records which messages of a log a consumer group is done with,
// and how often it handed out the others. It computes with sequence numbers only:
// it has no clock, no locks and no storage.
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

// Size returns how many numbers the span has. It is 0 for a span of all 2^64 numbers.
func (s Span) Size() uint64 { return s.Last - s.First + 1 }

// Attempts counts how often a message was handed out, and how often it failed.
type Attempts struct {
	Deliveries, Failures uint32
	Reason               string // of the last failure; "" if there was none or the reason is unknown
}

// Progress is the set of messages that a group is done with. Use At to make one. It
// is not safe for concurrent use.
type Progress struct {
	position  uint64 // the lowest number that is not done
	doneAbove uint64 // how many messages above the position are done

	// spans are the done messages above the position, in order, with at least one
	// number between two of them. spans is the rear part of buf. Its front is
	// reused without an allocation, because the first span is removed often:
	// members take turns, and an acknowledgement often fills the first hole.
	spans, buf []Span

	// attempts holds messages that were handed out and are not done; nil if none.
	attempts map[uint64]Attempts
}

// At returns the progress of a group that is done with all messages before position.
func At(position uint64) Progress { return Progress{position: position} }

// Position is the lowest number that is not done.
func (p *Progress) Position() uint64 { return p.position }

// DoneAbove is how many messages above the position are done.
func (p *Progress) DoneAbove() uint64 { return p.doneAbove }

// Spans returns the spans that are done above the position, in order. The slice is
// valid until the next change, and must not be modified.
func (p *Progress) Spans() []Span { return p.spans }

// End returns the number after the last message that is done.
func (p *Progress) End() uint64 {
	if n := len(p.spans); n > 0 {
		return p.spans[n-1].Last + 1
	}
	return p.position
}

// Summary returns a copy of p without spans and attempts. Only its Position and
// DoneAbove are right. whole reports whether p had no spans and no attempts.
func (p *Progress) Summary() (summary Progress, whole bool) {
	return Progress{position: p.position, doneAbove: p.doneAbove}, len(p.spans) == 0 && len(p.attempts) == 0
}

// Has reports whether a message is done.
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

// Add records that the messages from first to last are done. last must be lower than
// math.MaxUint64.
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

// touching returns the index of the first span that ends at first-1 or later. first
// is at least 1.
func (p *Progress) touching(first uint64) int {
	if n := len(p.spans); n == 0 || p.spans[n-1].Last+1 < first {
		return n
	}
	return p.find(first - 1)
}

// replace replaces the spans [i, j) with s.
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

// grow makes room for one more span. It moves the spans to the front of buf if that
// frees at least half of it. Otherwise it allocates a larger buffer.
func (p *Progress) grow() {
	buf := p.buf
	if n := len(p.spans); cap(buf) < max(2*n, 1) {
		buf = make([]Span, 0, max(2*n, 4))
	}
	p.spans = append(buf[:0], p.spans...)
	p.buf = p.spans
}

// reuse resets an empty list of spans to the front of buf, or frees buf if it is
// large.
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

// Missing returns the parts of the span from first to last that are not done, in
// order.
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

// CountDone returns how many of the messages from first to last are done.
func (p *Progress) CountDone(first, last uint64) (n uint64) {
	count := func(s Span) {
		if s.First = max(s.First, first); s.First <= min(s.Last, last) {
			n += min(s.Last, last) - s.First + 1
		}
	}
	if p.position > 0 {
		count(Span{0, p.position - 1})
	}
	for _, s := range p.spans {
		count(s)
	}
	return n
}

// Cut forgets everything from next on, because the log no longer has these messages.
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

// Attempts returns the attempts of a message. They are zero if it is done.
func (p *Progress) Attempts(seq uint64) Attempts { return p.attempts[seq] }

// AllAttempts returns the messages that were handed out and are not done, in any
// order, and their number.
func (p *Progress) AllAttempts() (all iter.Seq2[uint64, Attempts], count int) {
	return maps.All(p.attempts), len(p.attempts)
}

// SetAttempts records the attempts of a message. It does nothing if the message is
// done.
func (p *Progress) SetAttempts(seq uint64, a Attempts) {
	if p.Has(seq) {
		return
	}
	if p.attempts == nil {
		p.attempts = map[uint64]Attempts{}
	}
	p.attempts[seq] = a
}

// forget removes the attempts of the messages from first to last. To be fast, it
// goes through the numbers or through the map, whichever has fewer entries.
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
