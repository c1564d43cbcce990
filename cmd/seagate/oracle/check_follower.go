package oracle

import (
	"seagate/client"
	"seagate/protocol"
)

// A followerCheck compares a follower's events with the log, in order.
type followerCheck struct {
	*streamCheck
	*Follower
	next uint64 // the first number not accounted for; 0 if unknown
	low  uint64 // while next is unknown, the lowest number that it can be
	high uint64
}

// checkFollower checks that a follower received each message that it may see once
// and in order, from its start to its end, or was told that the message is
// missing.
func (c *streamCheck) checkFollower(f *Follower) {
	if f.Failure != "" {
		c.add(Surprise, "%s: %s", f.Name, f.Failure)
	}
	if n := len(f.Sessions); n == 0 || f.Sessions[n-1].End != Stayed && f.Sessions[n-1].End != Mismatched {
		c.add(Incomplete, "%s did not come to its end, in %d sessions", f.Name, n)
	}
	w := &followerCheck{streamCheck: c, Follower: f}
	for i, s := range f.Sessions {
		if i == 0 || !f.Resumes {
			w.begin(s)
		} else if s.Joined.Next != w.next && s.Joined.Next > c.log.First {
			c.add(WrongStart, "%s wanted to go on with %d, and the answer says %d", f.Name, w.next, s.Joined.Next)
		}
		for _, e := range s.Events {
			w.event(e)
		}
		if i == len(f.Sessions)-1 || !f.Resumes {
			w.finish(s)
		}
	}
}

// begin finds where a session begins, and reports a start that is not allowed.
func (w *followerCheck) begin(s *Session) {
	w.low, w.high = w.startRange(s)
	w.next = 0
	if s.From.Kind == protocol.PositionSeq {
		w.next = s.From.Seq
	}
	if !s.Meta {
		return
	}
	if s.Joined.Next < w.low || s.Joined.Next > w.high {
		w.add(WrongStart, "%s asked for %v and was told %d, want %d to %d", w.Name, s.From, s.Joined.Next, w.low, w.high)
	}
	if w.next == 0 {
		w.next = s.Joined.Next
	}
}

func (w *followerCheck) event(e Event) {
	if e.Missing != (client.Missing{}) {
		w.gap(e.Missing)
		return
	}
	if w.Color != "" && e.Color != w.Color {
		w.add(Filtered, "%s, which sees %s, received message %v, which is %s", w.Name, w.Color, e.ID, e.Color)
		return
	}
	seq, valid := w.number(w.Name, e.Entry)
	switch {
	case seq != 0:
		w.message(seq, e.ID)
	case valid: // dropped before anybody saw its number
		w.low, w.high, w.next = max(w.low, w.next), w.log.First, 0
	}
}

func (w *followerCheck) message(seq uint64, id ID) {
	if w.next == 0 {
		if seq < w.low || seq > w.sees(w.high, w.Color) {
			w.add(WrongStart, "%s began with %d (message %v), want one from %d to %d", w.Name, seq, id, w.low, w.high)
		}
		w.next = seq
	}
	if seq < w.next {
		w.add(Repeat, "%s received %d (message %v) where %d or a later one was next", w.Name, seq, id, w.next)
		return
	}
	w.skip(seq)
	w.next = seq + 1
}

// skip reports the first message before seq that the follower lacks.
func (w *followerCheck) skip(seq uint64) {
	lacks := w.sees(w.next, w.Color)
	if lacks >= seq {
		return
	}
	kind := Hole
	if lacks < w.log.First {
		kind = Untold
	}
	w.add(kind, "%s lacks %d (message %v); %d came next", w.Name, lacks, w.bySeq[lacks].ID, seq)
}

func (w *followerCheck) gap(m client.Missing) {
	w.checkGap(w.Name, m)
	if m.From < w.next {
		w.add(FalseGap, "%s was told that %d to %d are missing, and had received up to %d", w.Name, m.From, m.To, w.next-1)
	} else if w.next != 0 {
		w.skip(m.From)
	}
	w.next = max(w.next, m.To+1)
}

// finish checks how a session ended. It is called for the last session of a
// follower that resumes, and for each session of another.
func (w *followerCheck) finish(s *Session) {
	next := w.next
	if next == 0 {
		next = w.high
	}
	lacks := w.sees(next, w.Color)
	switch {
	case s.End == Overtaken && lacks >= w.log.First && (w.next != 0 || w.low >= w.log.First):
		w.add(FalseGap, "%s was closed because it had lost messages, and %d, which was next, is there", w.Name, lacks)
	case s.End == Stayed && lacks < w.log.Next:
		w.add(Incomplete, "%s stayed to the end and did not receive %d (message %v) of %d", w.Name, lacks, w.bySeq[lacks].ID, w.log.Next-1)
	case s.End == Mismatched:
		w.add(Invented, "%s received what is no message of a run", w.Name)
	}
}
