package oracle

import (
	"seagate/client"
	"seagate/protocol"
)

// checkFollower: each message that it sees once, in order, from where it began
// to where it ended; or the notice that it is missing.
func checkFollower(f *findings, l *ledger, c *Follower) {
	if c.Failure != "" {
		f.add(Surprise, c.Stream, "%s: %s", c.Name, c.Failure)
	}
	if n := len(c.Sessions); n == 0 || c.Sessions[n-1].End != Stayed && c.Sessions[n-1].End != Mismatched {
		f.add(Incomplete, c.Stream, "%s did not come to its end, in %d sessions", c.Name, n)
	}
	w := &walk{findings: f, ledger: l, follower: c}
	for i, s := range c.Sessions {
		if i == 0 || !c.Resumes {
			w.begin(s)
		} else if s.Joined.Next != w.next && s.Joined.Next > l.log.First {
			f.add(WrongStart, c.Stream, "%s wanted to go on with %d, and the answer says %d", c.Name, w.next, s.Joined.Next)
		}
		for _, e := range s.Events {
			w.event(e)
		}
		if i == len(c.Sessions)-1 || !c.Resumes {
			w.finish(s)
		}
	}
}

// A walk goes along a follower's events and the log at once.
type walk struct {
	*findings
	*ledger
	follower *Follower
	next     uint64 // the first number that was not dealt with; 0 is unknown
	low      uint64 // while next is unknown: between which numbers it is
	high     uint64
}

// begin finds where a session begins and whether it may.
func (w *walk) begin(s *Session) {
	w.low, w.high = w.window(s)
	w.next = 0
	switch s.From.Kind {
	case protocol.PositionEarliest:
		w.low, w.high = 1, w.log.First
	case protocol.PositionSeq:
		w.next = s.From.Seq
	case protocol.PositionTime:
		w.low, w.high = w.around(s.From)
	}
	if !s.Meta {
		return
	}
	if w.next != 0 && s.Joined.Next != w.next && s.Joined.Next > w.log.First ||
		w.next == 0 && (s.Joined.Next < w.low || s.Joined.Next > w.high) {
		w.add(WrongStart, w.log.Stream, "%s asked for %v and was told %d, want %d to %d", w.follower.Name, s.From, s.Joined.Next,
			max(w.low, w.next), max(w.high, w.next))
	}
	if w.next == 0 {
		w.next = s.Joined.Next
	}
}

// around returns between which numbers the first message lies that is not
// older than a position. A number that nobody saw has no time.
func (w *walk) around(p client.Position) (low, high uint64) {
	low, high = 1, w.log.Next
	for seq := uint64(1); seq < w.log.Next; seq++ {
		e, seen := w.bySeq[seq]
		if !seen {
			continue
		}
		if !e.Time.Before(p.Time) {
			high = seq
			break
		}
		low = seq + 1
	}
	return low, max(high, w.log.First)
}

func (w *walk) event(e Event) {
	if e.Missing != (client.Missing{}) {
		w.gap(e.Missing)
		return
	}
	seq := w.numberOf(e.Entry)
	switch {
	case w.follower.Color != "" && e.Color != w.follower.Color:
		w.add(Filtered, w.log.Stream, "%s, which sees %s, received message %v, which is %s", w.follower.Name, w.follower.Color, e.ID, e.Color)
	case seq != 0:
		w.message(seq, e.ID)
	case w.publishOf[e.ID] == nil:
		w.add(Invented, w.log.Stream, "%s received message %v, which nobody sent", w.follower.Name, e.ID)
	case !w.trims:
		w.add(Lost, w.log.Stream, "%s received message %v, which is not in the log", w.follower.Name, e.ID)
	default: // it was dropped before anybody saw its number
		w.low, w.high, w.next = max(w.low, w.next), w.log.First, 0
	}
}

func (w *walk) message(seq uint64, id ID) {
	if w.next == 0 {
		if seq < w.low || seq > w.sees(w.high, w.follower.Color) {
			w.add(WrongStart, w.log.Stream, "%s began with %d (message %v), want one from %d to %d", w.follower.Name, seq, id, w.low, w.high)
		}
		w.next = seq
	}
	if seq < w.next {
		w.add(Repeat, w.log.Stream, "%s received %d (message %v) where %d or a later one was next", w.follower.Name, seq, id, w.next)
		return
	}
	w.passed(seq)
	w.next = seq + 1
}

// passed reports if the follower should have had something before a number.
func (w *walk) passed(seq uint64) {
	skipped := w.sees(w.next, w.follower.Color)
	if skipped >= seq {
		return
	}
	kind := Hole
	if skipped < w.log.First {
		kind = Untold
	}
	w.add(kind, w.log.Stream, "%s lacks %d (message %v); %d came next", w.follower.Name, skipped, w.bySeq[skipped].ID, seq)
}

func (w *walk) gap(m client.Missing) {
	if w.isThere(m) {
		w.add(FalseGap, w.log.Stream, "%s was told that %d to %d are missing; the log has what begins with %d", w.follower.Name, m.From, m.To, w.log.First)
	}
	if m.From < w.next {
		w.add(FalseGap, w.log.Stream, "%s was told that %d to %d are missing, and had received up to %d", w.follower.Name, m.From, m.To, w.next-1)
	} else if w.next != 0 {
		w.passed(m.From)
	}
	w.next = max(w.next, m.To+1)
}

// finish checks how a session ended: the last one of a follower that resumes,
// and each of the others.
func (w *walk) finish(s *Session) {
	next := w.next
	if next == 0 {
		next = w.high
	}
	missing := w.sees(next, w.follower.Color)
	switch {
	case s.End == Overtaken && missing >= w.log.First && (w.next != 0 || w.low >= w.log.First):
		w.add(FalseGap, w.log.Stream, "%s was closed because it had lost messages, and %d, which was next, is there", w.follower.Name, missing)
	case s.End == Stayed && missing < w.log.Next:
		w.add(Incomplete, w.log.Stream, "%s stayed to the end and did not receive %d (message %v) of %d", w.follower.Name,
			missing, w.bySeq[missing].ID, w.log.Next-1)
	case s.End == Mismatched:
		w.add(Invented, w.log.Stream, "%s received what is no message of a run", w.follower.Name)
	}
}
