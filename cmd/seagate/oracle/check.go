package oracle

import (
	"cmp"
	"slices"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// Check compares what publishers and consumers noted with the logs. It reports
// at most limit violations of each kind, and counts the others.
func Check(h *History, limit int) *Report {
	r := newReport(limit)
	checks := map[string]*streamCheck{}
	for _, log := range h.Logs {
		checks[log.Stream] = &streamCheck{report: r, log: log, trims: h.Trims,
			bySeq: map[uint64]Entry{}, byID: map[ID]uint64{}, publishOf: map[ID]*Publish{}}
	}
	sortPublishes(h.Publishes)
	for i := range h.Publishes {
		if c := checks[h.Publishes[i].Stream]; c != nil {
			c.addPublish(&h.Publishes[i])
		}
	}
	for _, v := range h.Surprises {
		r.add(v.Kind, v.Stream, "%s", v.Text)
	}
	for _, log := range h.Logs {
		for _, e := range log.Entries {
			checks[log.Stream].addEntry("the log", e)
		}
	}
	for _, follower := range h.Followers {
		checks[follower.Stream].addSessions(follower.Name, follower.Sessions)
	}
	for _, group := range h.Groups {
		checks[group.Stream].addSessions("group "+group.Name, group.Sessions)
	}
	for _, log := range h.Logs {
		c := checks[log.Stream]
		c.index()
		c.checkNumbers()
		c.checkMessages()
		c.checkOrder()
	}
	for _, follower := range h.Followers {
		checks[follower.Stream].checkFollower(follower)
	}
	for _, group := range h.Groups {
		checks[group.Stream].checkGroup(group, h)
	}
	checkLetters(r, checks, h)
	r.Summary = summarize(h)
	return r
}

func sortPublishes(publishes []Publish) {
	slices.SortFunc(publishes, func(a, b Publish) int { return cmp.Compare(a.SentAt, b.SentAt) })
}

// A streamCheck holds what is known about one stream.
type streamCheck struct {
	report    *Report
	log       Log
	trims     bool
	bySeq     map[uint64]Entry // what readers saw, including messages dropped since
	byID      map[ID]uint64
	publishes []*Publish // in the order of SentAt
	publishOf map[ID]*Publish

	answered []mark // the highest number acknowledged until then
	begun    []mark // the lowest number sent from then on
}

// A mark is the number of a message, and a time.
type mark struct {
	at  Instant
	seq uint64
}

func (m mark) compare(at Instant) int { return cmp.Compare(m.at, at) }

func (c *streamCheck) add(kind Kind, format string, args ...any) {
	c.report.add(kind, c.log.Stream, format, args...)
}

func (c *streamCheck) addPublish(p *Publish) {
	c.publishes = append(c.publishes, p)
	for _, id := range p.IDs {
		c.publishOf[id] = p
	}
}

func (c *streamCheck) addSessions(who string, sessions []*Session) {
	for _, s := range sessions {
		if s.Joined.Epoch != "" && s.Joined.Epoch != c.log.Epoch {
			c.add(OtherEpoch, "%s joined epoch %s, in the end it was %s", who, s.Joined.Epoch, c.log.Epoch)
		}
		for _, e := range s.Events {
			if e.Seq != 0 {
				c.addEntry(who, e.Entry)
			}
		}
	}
}

// addEntry records an entry that a reader saw, and reports one that contradicts
// what another reader saw.
func (c *streamCheck) addEntry(who string, e Entry) {
	before, known := c.bySeq[e.Seq]
	seq := c.byID[e.ID]
	switch {
	case e.Epoch != c.log.Epoch:
		c.add(OtherEpoch, "%s saw number %d in epoch %s, in the end it was %s", who, e.Seq, e.Epoch, c.log.Epoch)
		return
	case known && before.ID != e.ID:
		c.add(Conflict, "number %d is message %v, and for %s it is %v", e.Seq, before.ID, who, e.ID)
		return
	case seq != 0 && seq != e.Seq:
		c.add(Twice, "message %v has the numbers %d and %d", e.ID, seq, e.Seq)
		return
	case c.publishOf[e.ID] == nil:
		c.add(Invented, "%s saw message %v as number %d, and nobody sent it", who, e.ID, e.Seq)
	}
	c.bySeq[e.Seq], c.byID[e.ID] = e, e.Seq
}

// number returns the number of a delivered message, or 0 if nobody saw it. It
// returns false for a message that must not have been delivered, and reports it.
func (c *streamCheck) number(who string, e Entry) (seq uint64, valid bool) {
	seq = cmp.Or(e.Seq, c.byID[e.ID])
	switch {
	case seq != 0:
	case c.publishOf[e.ID] == nil:
		c.add(Invented, "%s received message %v, which nobody sent", who, e.ID)
		return 0, false
	case !c.trims:
		c.add(Lost, "%s received message %v, which is not in the log", who, e.ID)
		return 0, false
	}
	return seq, true
}

// checkGap reports a wrong notice of missing messages: one that names no message,
// or messages that the log still has.
func (c *streamCheck) checkGap(who string, m client.Missing) (valid bool) {
	valid = m.From <= m.To && m.To < c.log.First
	if !valid {
		c.add(FalseGap, "%s was told that %d to %d are missing; the log has what begins with %d", who, m.From, m.To, c.log.First)
	}
	return valid
}

// checkNumbers checks that the log has each number from its first one on exactly
// once, and that it kept what it must keep.
func (c *streamCheck) checkNumbers() {
	if c.log.First != 1 && !c.trims {
		c.add(Numbering, "the log begins with %d, and should keep everything", c.log.First)
	}
	next := c.log.First
	for _, e := range c.log.Entries {
		if e.Seq < next {
			c.add(Numbering, "number %d comes again, or out of order", e.Seq)
			continue
		}
		if e.Seq > next {
			c.add(Numbering, "%d to %d are missing in the log", next, e.Seq-1)
		}
		next = e.Seq + 1
	}
	if next != c.log.Next {
		c.add(Numbering, "the log ends with %d, and the next number is %d", next-1, c.log.Next)
	}
	for seq := range c.bySeq {
		if seq >= c.log.Next {
			c.add(Lost, "number %d was delivered, and the log ends before it", seq)
		}
	}
}

// checkMessages checks that the log has everything that was acknowledged and
// nothing that was refused, and that batches are whole.
func (c *streamCheck) checkMessages() {
	var missing []ID
	for _, p := range c.publishes {
		first, _ := c.span(p)
		for _, id := range p.IDs {
			switch seq := c.byID[id]; {
			case seq == 0 && p.Outcome == Acknowledged:
				missing = append(missing, id)
			case seq != 0 && p.Outcome == Refused:
				c.add(RefusedThere, "message %v was refused (%s), and is number %d", id, p.Code, seq)
			}
		}
		if first > 0 {
			c.checkBatch(p)
		}
		for _, at := range p.Answers {
			c.checkPlace(p, at)
		}
	}
	// A message that nobody saw can only have a number that was dropped before
	// anybody saw it.
	unseen := 0
	for seq := uint64(1); seq < c.log.First && c.trims; seq++ {
		if _, seen := c.bySeq[seq]; !seen {
			unseen++
		}
	}
	for _, id := range missing {
		if len(missing) > unseen {
			c.add(Lost, "message %v was acknowledged and is not there (%d numbers were dropped before anybody saw them, %d messages are missing)",
				id, unseen, len(missing))
		}
	}
}

// checkPlace checks that the messages stand where an answer says. For a message that
// nobody saw, it checks that no other message stands there.
func (c *streamCheck) checkPlace(p *Publish, at Place) {
	switch {
	case at.Epoch != c.log.Epoch:
		c.add(OtherEpoch, "message %v was answered with epoch %q, in the end it was %s", p.IDs[0], at.Epoch, c.log.Epoch)
		return
	case at.First == 0 || at.Last-at.First+1 != uint64(len(p.IDs)):
		c.add(Position, "%d messages from %v on were answered with the numbers %d to %d", len(p.IDs), p.IDs[0], at.First, at.Last)
		return
	}
	for i, id := range p.IDs {
		said, seq := at.First+uint64(i), c.byID[id]
		other, taken := c.bySeq[said]
		switch {
		case seq != 0 && seq != said:
			c.add(Position, "message %v was answered with number %d, and is %d", id, said, seq)
		case seq == 0 && taken:
			c.add(Position, "message %v was answered with number %d, which is message %v", id, said, other.ID)
		}
	}
}

// checkBatch checks that the log has all messages of a batch, with consecutive
// numbers, or none.
func (c *streamCheck) checkBatch(p *Publish) {
	var before uint64
	for i, id := range p.IDs {
		seq := c.byID[id]
		switch {
		case seq == 0 && c.trims: // retention may have dropped it
		case seq == 0:
			c.add(TornBatch, "message %v is not there, and others of its batch are", id)
		case before != 0 && seq != before+1:
			c.add(TornBatch, "message %v, the %d. of its batch, is number %d after %d", id, i+1, seq, before)
		}
		before = seq
	}
}

// checkOrder checks that the messages of one connection are in the order in which
// they were sent, and that a message sent after an acknowledgement, on any
// connection, comes after the acknowledged message.
func (c *streamCheck) checkOrder() {
	last := map[int]uint64{} // by connection
	for _, p := range c.publishes {
		first, end := c.span(p)
		if first == 0 {
			continue
		}
		if highest := c.acknowledgedBefore(p.SentAt); first < highest {
			c.add(Order, "message %v is number %d and was sent after %d had been acknowledged", p.IDs[0], first, highest)
		}
		if p.Attempts > 1 {
			continue
		}
		if before := last[p.Conn]; first < before {
			c.add(Order, "message %v is number %d; one that was sent before it on connection %d is %d", p.IDs[0], first, p.Conn, before)
		}
		last[p.Conn] = end
	}
}

// span returns the first and the last number that a batch has in the log, or 0
// if it has none.
func (c *streamCheck) span(p *Publish) (first, end uint64) {
	for _, id := range p.IDs {
		if seq := c.byID[id]; seq != 0 {
			first, end = cmp.Or(first, seq), seq
		}
	}
	return first, end
}

// sees returns the first number from seq on that a reader of the color must
// receive, or log.Next if there is none. A message that nobody saw has no color.
func (c *streamCheck) sees(seq uint64, color string) uint64 {
	for ; seq < c.log.Next; seq++ {
		if e, seen := c.bySeq[seq]; color == "" || seen && e.Color == color {
			break
		}
	}
	return min(seq, c.log.Next)
}

// startRange returns the range of numbers in which a subscription must begin.
func (c *streamCheck) startRange(s *Session) (low, high uint64) {
	switch s.From.Kind {
	case protocol.PositionEarliest:
		return 1, c.log.First
	case protocol.PositionSeq:
		return s.From.Seq, max(s.From.Seq, c.log.First)
	case protocol.PositionTime:
		return c.timeRange(s.From.Time)
	}
	// Latest: not before what was acknowledged when the client asked, and not
	// after what was sent when the gateway had answered.
	high = c.log.Next
	if i, _ := slices.BinarySearchFunc(c.begun, s.JoinedAt, mark.compare); i < len(c.begun) {
		high = min(high, c.begun[i].seq)
	}
	return c.acknowledgedBefore(s.AskedAt) + 1, high
}

// timeRange returns the range of numbers in which the first message lies that is
// not older than a time. A message that nobody saw has no known time.
func (c *streamCheck) timeRange(t time.Time) (low, high uint64) {
	low, high = 1, c.log.Next
	for seq := uint64(1); seq < c.log.Next; seq++ {
		e, seen := c.bySeq[seq]
		if seen && !e.Time.Before(t) {
			high = seq
			break
		}
		if seen {
			low = seq + 1
		}
	}
	return low, max(high, c.log.First)
}

// acknowledgedBefore returns the highest number acknowledged before a time, or 0.
func (c *streamCheck) acknowledgedBefore(at Instant) uint64 {
	i, _ := slices.BinarySearchFunc(c.answered, at, mark.compare)
	if i == 0 {
		return 0
	}
	return c.answered[i-1].seq
}

// index fills answered and begun.
func (c *streamCheck) index() {
	for _, p := range c.publishes {
		first, end := c.span(p)
		if first != 0 {
			c.begun = append(c.begun, mark{p.SentAt, first})
		}
		if first != 0 && p.Outcome == Acknowledged {
			c.answered = append(c.answered, mark{p.Answered, end})
		}
	}
	slices.SortFunc(c.answered, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(c.answered); i++ {
		c.answered[i].seq = max(c.answered[i].seq, c.answered[i-1].seq)
	}
	for i := len(c.begun) - 2; i >= 0; i-- {
		c.begun[i].seq = min(c.begun[i].seq, c.begun[i+1].seq)
	}
}

func (i Instant) after(d time.Duration) Instant { return i + Instant(d) }
