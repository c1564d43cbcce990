package oracle

import (
	"cmp"
	"slices"
	"time"

	"seagate/client"
)

// Check compares what publishers and consumers know with the logs. It reports
// at most limit violations of each kind, and how many more there are.
func Check(h *History, limit int) *Report {
	f := newFindings(limit)
	ledgers := map[string]*ledger{}
	for _, log := range h.Logs {
		ledgers[log.Stream] = newLedger(log, h.Trims)
	}
	sortPublishes(h.Publishes)
	for i := range h.Publishes {
		if l := ledgers[h.Publishes[i].Stream]; l != nil {
			l.sent(&h.Publishes[i])
		}
	}
	for _, v := range h.Surprises {
		f.add(v.Kind, v.Stream, "%s", v.Text)
	}
	collect(h, ledgers, f)
	for _, log := range h.Logs {
		l := ledgers[log.Stream]
		l.checkNumbers(f)
		l.checkMessages(f)
		l.checkOrder(f)
	}
	for _, consumer := range h.Followers {
		checkFollower(f, ledgers[consumer.Stream], consumer)
	}
	for _, group := range h.Groups {
		checkGroup(f, ledgers[group.Stream], group, h)
	}
	checkLetters(f, ledgers, h)
	f.report.Summary = summarize(h)
	return f.report
}

func sortPublishes(publishes []Publish) {
	slices.SortFunc(publishes, func(a, b Publish) int { return cmp.Compare(a.SentAt, b.SentAt) })
}

// A ledger is what is known of one stream.
type ledger struct {
	log       Log
	trims     bool
	bySeq     map[uint64]Entry // whoever saw it
	byID      map[ID]uint64
	publishes []*Publish // in the order of SentAt
	publishOf map[ID]*Publish

	answered []mark // the highest number that was acknowledged until then
	begun    []mark // the lowest one that was sent from then on
}

func newLedger(log Log, trims bool) *ledger {
	return &ledger{log: log, trims: trims, bySeq: map[uint64]Entry{}, byID: map[ID]uint64{}, publishOf: map[ID]*Publish{}}
}

func (l *ledger) sent(p *Publish) {
	l.publishes = append(l.publishes, p)
	for _, id := range p.IDs {
		l.publishOf[id] = p
	}
}

// collect notes every number that anybody saw on a message.
func collect(h *History, ledgers map[string]*ledger, f *findings) {
	for _, log := range h.Logs {
		for _, e := range log.Entries {
			ledgers[log.Stream].saw(f, e, "the log")
		}
	}
	for _, c := range h.Followers {
		ledgers[c.Stream].sawAll(f, c.Sessions, c.Name)
	}
	for _, g := range h.Groups {
		ledgers[g.Stream].sawAll(f, g.Sessions, "group "+g.Name)
	}
}

func (l *ledger) sawAll(f *findings, sessions []*Session, who string) {
	for _, s := range sessions {
		if s.Joined.Epoch != "" && s.Joined.Epoch != l.log.Epoch {
			f.add(OtherEpoch, l.log.Stream, "%s joined epoch %s, in the end it was %s", who, s.Joined.Epoch, l.log.Epoch)
		}
		for _, e := range s.Events {
			if e.Seq != 0 {
				l.saw(f, e.Entry, who)
			}
		}
	}
}

func (l *ledger) saw(f *findings, e Entry, who string) {
	if e.Epoch != l.log.Epoch {
		f.add(OtherEpoch, l.log.Stream, "%s saw number %d in epoch %s, in the end it was %s", who, e.Seq, e.Epoch, l.log.Epoch)
		return
	}
	if before, seen := l.bySeq[e.Seq]; seen && before.ID != e.ID {
		f.add(Conflict, l.log.Stream, "number %d is message %v, and for %s it is %v", e.Seq, before.ID, who, e.ID)
		return
	}
	if seq, seen := l.byID[e.ID]; seen && seq != e.Seq {
		f.add(Twice, l.log.Stream, "message %v has the numbers %d and %d", e.ID, seq, e.Seq)
		return
	}
	l.bySeq[e.Seq], l.byID[e.ID] = e, e.Seq
	if l.publishOf[e.ID] == nil {
		f.add(Invented, l.log.Stream, "%s saw message %v as number %d, and nobody sent it", who, e.ID, e.Seq)
	}
}

// numberOf returns the number that a message came with, or has by what others
// saw; 0 if nobody knows.
func (l *ledger) numberOf(e Entry) uint64 { return cmp.Or(e.Seq, l.byID[e.ID]) }

// isThere says whether what is told as missing is not: nothing, or in the log.
func (l *ledger) isThere(m client.Missing) bool { return m.To < m.From || m.To >= l.log.First }

// checkNumbers: the log has every number from its first one on, once, and it
// has dropped nothing that it should have kept.
func (l *ledger) checkNumbers(f *findings) {
	if l.log.First != 1 && !l.trims {
		f.add(Numbering, l.log.Stream, "the log begins with %d, and should keep everything", l.log.First)
	}
	next := l.log.First
	for _, e := range l.log.Entries {
		switch {
		case e.Seq < next:
			f.add(Numbering, l.log.Stream, "number %d comes again, or out of order", e.Seq)
			continue
		case e.Seq > next:
			f.add(Numbering, l.log.Stream, "%d to %d are missing in the log", next, e.Seq-1)
		}
		next = e.Seq + 1
	}
	if next != l.log.Next {
		f.add(Numbering, l.log.Stream, "the log ends with %d, and the next number is %d", next-1, l.log.Next)
	}
	for seq := range l.bySeq {
		if seq >= l.log.Next {
			f.add(Lost, l.log.Stream, "number %d was delivered, and the log ends before it", seq)
		}
	}
}

// checkMessages: what was acknowledged is there, what was refused is not, and
// batches are whole.
func (l *ledger) checkMessages(f *findings) {
	var missing []ID
	for _, p := range l.publishes {
		there := 0
		for _, id := range p.IDs {
			if l.byID[id] != 0 {
				there++
			} else if p.Outcome == Acknowledged {
				missing = append(missing, id)
			}
			if l.byID[id] != 0 && p.Outcome == Refused {
				f.add(RefusedThere, l.log.Stream, "message %v was refused (%s), and is number %d", id, p.Code, l.byID[id])
			}
		}
		if there > 0 {
			l.checkBatch(f, p)
		}
	}
	l.checkMissing(f, missing)
}

// checkMissing: what is acknowledged and not seen can only be among the
// numbers that were dropped before anybody saw them.
func (l *ledger) checkMissing(f *findings, missing []ID) {
	unseen := 0
	for seq := uint64(1); seq < l.log.First && l.trims; seq++ {
		if _, seen := l.bySeq[seq]; !seen {
			unseen++
		}
	}
	if len(missing) <= unseen {
		return
	}
	for _, id := range missing {
		f.add(Lost, l.log.Stream, "message %v was acknowledged and is not there (%d numbers were dropped before anybody saw them, %d messages are missing)",
			id, unseen, len(missing))
	}
}

// checkBatch: the messages of a batch of which one is there are there, one
// after the other.
func (l *ledger) checkBatch(f *findings, p *Publish) {
	var before uint64
	for i, id := range p.IDs {
		seq := l.byID[id]
		switch {
		case seq == 0 && l.trims: // it may have been dropped
		case seq == 0:
			f.add(TornBatch, l.log.Stream, "message %v is not there, and others of its batch are", id)
		case before != 0 && seq != before+1:
			f.add(TornBatch, l.log.Stream, "message %v, the %d. of its batch, is number %d after %d", id, i+1, seq, before)
		}
		before = seq
	}
}

// checkOrder: on one connection messages have the order in which they were
// sent, and over all, what was sent after the answer to another comes after it.
func (l *ledger) checkOrder(f *findings) {
	last := map[int]uint64{}
	for _, p := range l.publishes {
		first, end := l.span(p)
		if first == 0 || p.Attempts > 1 {
			continue
		}
		if before := last[p.Conn]; first < before {
			f.add(Order, l.log.Stream, "message %v is number %d; one that was sent before it on connection %d is %d", p.IDs[0], first, p.Conn, before)
		}
		last[p.Conn] = end
	}
	l.checkRealTime(f)
}

func (l *ledger) checkRealTime(f *findings) {
	answered := slices.DeleteFunc(slices.Clone(l.publishes), func(p *Publish) bool { return p.Outcome != Acknowledged })
	slices.SortFunc(answered, func(a, b *Publish) int { return cmp.Compare(a.Answered, b.Answered) })
	highest, i := uint64(0), 0
	for _, p := range l.publishes {
		for ; i < len(answered) && answered[i].Answered < p.SentAt; i++ {
			_, end := l.span(answered[i])
			highest = max(highest, end)
		}
		if first, _ := l.span(p); first != 0 && first < highest {
			f.add(Order, l.log.Stream, "message %v is number %d and was sent after %d had been acknowledged", p.IDs[0], first, highest)
		}
	}
}

// span returns the first and the last number of what is there of a batch.
func (l *ledger) span(p *Publish) (first, end uint64) {
	for _, id := range p.IDs {
		if seq := l.byID[id]; seq != 0 {
			if first == 0 {
				first = seq
			}
			end = seq
		}
	}
	return first, end
}

// sees returns the first number from seq on that a reader of the color must
// have, and log.Next if there is none. What nobody saw has no color.
func (l *ledger) sees(seq uint64, color string) uint64 {
	for ; seq < l.log.Next; seq++ {
		if e, seen := l.bySeq[seq]; color == "" || seen && e.Color == color {
			break
		}
	}
	return min(seq, l.log.Next)
}

// window returns between which numbers a subscription to the latest messages
// must have begun: not before what had been acknowledged when it was asked for,
// and not after what was sent when it had been answered.
func (l *ledger) window(s *Session) (low, high uint64) {
	if l.answered == nil {
		l.index()
	}
	low, high = 1, l.log.Next
	if i, _ := slices.BinarySearchFunc(l.answered, s.AskedAt, mark.compare); i > 0 {
		low = l.answered[i-1].seq + 1
	}
	if i, _ := slices.BinarySearchFunc(l.begun, s.JoinedAt, mark.compare); i < len(l.begun) {
		high = min(high, l.begun[i].seq)
	}
	return low, high
}

// A mark is a number at some time.
type mark struct {
	at  Instant
	seq uint64
}

func (m mark) compare(at Instant) int { return cmp.Compare(m.at, at) }

// index makes answered and begun.
func (l *ledger) index() {
	l.answered, l.begun = []mark{}, []mark{}
	for _, p := range l.publishes {
		first, end := l.span(p)
		if first == 0 {
			continue
		}
		l.begun = append(l.begun, mark{p.SentAt, first})
		if p.Outcome == Acknowledged {
			l.answered = append(l.answered, mark{p.Answered, end})
		}
	}
	slices.SortFunc(l.answered, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(l.answered); i++ {
		l.answered[i].seq = max(l.answered[i].seq, l.answered[i-1].seq)
	}
	for i := len(l.begun) - 2; i >= 0; i-- {
		l.begun[i].seq = min(l.begun[i].seq, l.begun[i+1].seq)
	}
}

func summarize(h *History) Summary {
	s := Summary{Disturbances: len(h.Disturbed), DeadLetters: len(h.Letters)}
	for _, p := range h.Publishes {
		n := len(p.IDs)
		s.Messages += n
		s.Repeated += p.Attempts - 1
		switch p.Outcome {
		case Acknowledged:
			s.Acknowledged += n
		case Refused:
			s.Refused += n
		default:
			s.Unknown += n
		}
	}
	for _, log := range h.Logs {
		s.Dropped += int(log.First) - 1
	}
	for _, c := range h.Followers {
		s.addSessions(c.Sessions, 1)
	}
	for _, g := range h.Groups {
		s.addSessions(g.Sessions, g.Members)
		s.Redelivered += repeats(g.Sessions)
	}
	return s
}

func (s *Summary) addSessions(sessions []*Session, consumers int) {
	s.Sessions += len(sessions)
	s.Reconnects += max(len(sessions)-consumers, 0)
	for _, session := range sessions {
		switch session.End {
		case Overtaken:
			s.Overtaken++
		case Drowned:
			s.Drowned++
		}
		for _, e := range session.Events {
			if e.Missing.To != 0 {
				s.Missing += int(e.Missing.To - e.Missing.From + 1)
			} else {
				s.Delivered++
			}
		}
	}
}

func repeats(sessions []*Session) (n int) {
	seen := map[ID]bool{}
	for _, s := range sessions {
		for _, e := range s.Events {
			if e.Missing.To == 0 && seen[e.ID] {
				n++
			}
			seen[e.ID] = true
		}
	}
	return n
}

func (i Instant) after(d time.Duration) Instant { return i + Instant(d) }
