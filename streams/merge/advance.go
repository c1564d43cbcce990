package merge

import "time"

// run is the merge's task.
func (m *Merge) run() {
	if m.resumed.Swap(false) {
		m.full = false
	}
	m.advance()
}

// advance delivers the messages whose turn has come, and sets the timer for the next one that waits.
func (m *Merge) advance() {
	for !m.calling && !m.full && !m.closed.Load() {
		m.tellSources()
		m.collect(time.Now())
		if len(m.items) == 0 || m.closed.Load() {
			break
		}
		m.deliver()
	}
	for _, s := range m.sources {
		s.refill()
	}
}

// call calls the sink. If that panics, calling stays true, and the sink is
// called no more.
func (m *Merge) call(sink func(Sink)) {
	if m.calling {
		return
	}
	m.calling = true
	sink(m.sink)
	m.calling = false
}

func (m *Merge) drop(s *source, why Reason) {
	m.call(func(sink Sink) { sink.Dropped(s.index, why, 1) })
}

// tellSources tells the sink of gaps and ends whose turn has come, and forgets
// what sources that were removed have queued.
func (m *Merge) tellSources() {
	for _, s := range m.sources {
		if s.removed.Load() {
			s.pop(len(s.queue))
			continue
		}
		if len(s.queue) > 0 && s.queue[0].message == nil {
			gap := s.queue[0]
			s.pop(1)
			m.call(func(sink Sink) { sink.Gap(s.index, gap.first, gap.last) })
		}
		if s.ended && !s.told && len(s.queue) == 0 {
			s.told = true
			m.call(func(sink Sink) { sink.End(s.index, s.err) })
		}
	}
}

// maxItems bounds what is offered to the sink at a time.
const maxItems = queueMessages

// collect fills items with the messages that can be handed out now. If others
// wait, it arms the timer.
func (m *Merge) collect(now time.Time) {
	m.items = m.items[:0]
	for _, s := range m.sources {
		s.peeked, s.holds = 0, false
	}
	last, begun := m.last, m.begun
	for len(m.items) < maxItems {
		first, gap := m.first()
		if first == nil || gap {
			break
		}
		head := first.queue[first.peeked]
		if m.mustWait(first, head.at, last, begun, now) {
			break
		}
		m.items = append(m.items, Item{first.index, head.message})
		first.peeked++
		last, begun = head.at, true
	}
	for _, s := range m.sources {
		if !s.holds {
			s.since = time.Time{}
		}
	}
}

// first returns the source whose next message comes first of those that are
// queued, or nil. gap reports that a gap has to be told before anything else.
func (m *Merge) first() (first *source, gap bool) {
	for _, s := range m.sources {
		if s.peeked == len(s.queue) {
			continue
		}
		head := s.queue[s.peeked]
		if head.message == nil {
			return nil, true
		}
		if first == nil {
			first = s
			continue
		}
		c := head.at.Compare(first.queue[first.peeked].at)
		if c < 0 || c == 0 && s.rank < first.rank {
			first = s
		}
	}
	return first, false
}

// mustWait reports whether a message of the source has to wait for a topic that
// might bring an earlier one. Then it arms the timer. last is the timestamp of
// what was handed out before.
func (m *Merge) mustWait(of *source, at, last Stamp, begun bool, now time.Time) (waits bool) {
	var until time.Time
	for _, s := range m.sources {
		s.holds = false
		if s == of || s.peeked < len(s.queue) || !s.mayBeEarlier(at, last, begun) {
			continue
		}
		awaited, due := s.isAwaited(now)
		if !awaited {
			continue
		}
		if s.since.IsZero() {
			s.since = now
		}
		if !waits || due.Before(until) {
			until = due
		}
		s.holds, waits = true, true
	}
	if waits {
		m.timer.Reset(until.Sub(now))
	}
	return waits
}

// mayBeEarlier reports whether the next message of s might be earlier than at.
// Whatever is below last is late, so it will not.
func (s *source) mayBeEarlier(at, last Stamp, begun bool) bool {
	if begun && last.Compare(at) >= 0 {
		return false
	}
	return !s.heard || s.bound.Compare(at) < 0
}

// deliver offers items to the sink and removes what it took from the queues.
func (m *Merge) deliver() {
	taken := 0
	m.call(func(sink Sink) { taken = sink.Deliver(m.items) })
	for _, s := range m.sources {
		s.peeked = 0
	}
	for _, item := range m.items[:taken] {
		s := m.sources[item.Source]
		m.last, m.begun = s.queue[s.peeked].at, true
		s.peeked++
	}
	m.full = taken < len(m.items)
	for _, s := range m.sources {
		s.pop(s.peeked)
		s.peeked = 0
		if m.full { // it is the sink that holds everything up
			s.since = time.Time{}
		}
	}
	clear(m.items)
}
