package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"seagate/client"
	"seagate/protocol"
)

// ackGrace is within which time a delivery must have been acknowledged, by a
// pong, and that made to last. The gateway promises a second or so; members
// that are slow to read, and slow machines, take their time.
const ackGrace = 15 * time.Second

// A handover is one delivery of a message to a member.
type handover struct {
	session *Session
	event   Event
}

// A groupCheck is what one group did.
type groupCheck struct {
	*findings
	*ledger
	group     *Group
	history   *History
	handed    map[uint64][]handover
	told      map[uint64]bool // as missing
	overtaken bool            // a member without meta was closed for that
	letters   map[uint64]int
}

// checkGroup: every message of the group's was handed to a member, and again
// only if there was a reason.
func checkGroup(f *findings, l *ledger, g *Group, h *History) {
	c := &groupCheck{findings: f, ledger: l, group: g, history: h,
		handed: map[uint64][]handover{}, told: map[uint64]bool{}, letters: map[uint64]int{}}
	if g.Failure != "" {
		f.add(Surprise, g.Stream, "group %s: %s", g.Name, g.Failure)
	}
	for _, letter := range h.Letters {
		if letter.Stream == g.Stream && letter.Group == g.Name {
			c.letters[letter.Seq]++
		}
	}
	for i, s := range g.Sessions {
		if i == 0 {
			c.checkStart(s)
		}
		for _, e := range s.Events {
			c.event(s, e)
		}
		c.overtaken = c.overtaken || s.End == Overtaken
	}
	for seq := g.Start; seq < l.log.Next; seq++ {
		c.number(seq)
	}
	for _, seq := range g.Open {
		f.add(Incomplete, g.Stream, "group %s waited for %d (message %v) to the end; the log begins with %d: %s", g.Name, seq, l.bySeq[seq].ID, l.log.First, c.tell(seq, c.handed[seq]))
	}
}

// checkStart: a group that is new begins where its first member asked.
func (c *groupCheck) checkStart(s *Session) {
	low, high := c.group.Start, c.group.Start
	switch s.From.Kind {
	case protocol.PositionLatest:
		low, high = c.window(s)
	case protocol.PositionEarliest:
		low, high = 1, c.log.First
	case protocol.PositionSeq:
		low, high = s.From.Seq, s.From.Seq
	}
	if c.group.Start < low || c.group.Start > high {
		c.add(WrongStart, c.log.Stream, "group %s began with %d, want one from %d to %d", c.group.Name, c.group.Start, low, high)
	}
}

func (c *groupCheck) event(s *Session, e Event) {
	if m := e.Missing; m != (client.Missing{}) {
		if c.isThere(m) {
			c.add(FalseGap, c.log.Stream, "group %s was told that %d to %d are missing; the log has what begins with %d",
				c.group.Name, m.From, m.To, c.log.First)
			return
		}
		for seq := m.From; seq <= m.To; seq++ {
			c.told[seq] = true
		}
		return
	}
	seq := c.numberOf(e.Entry)
	switch {
	case seq == 0 && c.publishOf[e.ID] == nil:
		c.add(Invented, c.log.Stream, "group %s received message %v, which nobody sent", c.group.Name, e.ID)
	case seq == 0 && !c.trims:
		c.add(Lost, c.log.Stream, "group %s received message %v, which is not in the log", c.group.Name, e.ID)
	case seq != 0 && seq < c.group.Start:
		c.add(WrongStart, c.log.Stream, "group %s received %d, and began with %d", c.group.Name, seq, c.group.Start)
	case seq != 0:
		c.handed[seq] = append(c.handed[seq], handover{s, e})
	}
}

func (c *groupCheck) number(seq uint64) {
	handed := c.handed[seq]
	dropped := seq < c.log.First && c.trims
	switch {
	case len(handed) > 0:
		c.checkRepeats(seq, handed)
		c.checkAckedAgain(seq, handed)
		if c.group.Explicit && !dropped && !c.settled(seq, handed) {
			c.add(Unsettled, c.log.Stream, "group %s received %d (message %v) and nobody acknowledged it", c.group.Name, seq, c.bySeq[seq].ID)
		}
	case c.told[seq], dropped && c.overtaken:
	case c.letters[seq] > 0: // it timed out, each time before the member had looked at it
	case dropped:
		c.add(Untold, c.log.Stream, "no member of group %s received %d, and none was told", c.group.Name, seq)
	default:
		c.add(GroupHole, c.log.Stream, "no member of group %s received %d (message %v)", c.group.Name, seq, c.bySeq[seq].ID)
	}
	if c.group.Explicit && !dropped && c.history.MaxDeliveries > 0 && poisonous(c.bySeq[seq].ID) && !c.settled(seq, handed) {
		c.add(NoDeadLetter, c.log.Stream, "group %s gave back %d (message %v) each time, and there is no dead letter", c.group.Name, seq, c.bySeq[seq].ID)
	}
}

func (c *groupCheck) settled(seq uint64, handed []handover) bool {
	for _, h := range handed {
		if h.session.Acks[seq].Asked != 0 {
			return true
		}
	}
	return c.letters[seq] > 0
}

// checkRepeats: each delivery after the first one needs a reason in one of the
// others, whose member left, gave the message back or kept it for too long.
func (c *groupCheck) checkRepeats(seq uint64, handed []handover) {
	reasons, claims, latest := 0, 0, Instant(0)
	sessions := map[*Session]int{}
	for _, h := range handed {
		latest = max(latest, h.event.At)
	}
	for _, h := range handed {
		if sessions[h.session]++; sessions[h.session] == 1 {
			reasons += c.reasons(seq, h, latest)
		} else if h.session.Explicit && c.heldTooLong(seq, h) {
			reasons++
		}
		if h.session.Meta && h.event.Redelivered == 0 {
			claims++
		}
	}
	if len(handed)-1 > reasons {
		c.add(Repeat, c.log.Stream, "group %s received %d (message %v) %d times, and there are reasons for %d repeats: %s",
			c.group.Name, seq, c.bySeq[seq].ID, len(handed), reasons, c.tell(seq, handed))
	}
	for session, times := range sessions {
		if times > 1 && !session.Explicit {
			c.add(Repeat, c.log.Stream, "a member of group %s received %d (message %v) %d times", c.group.Name, seq, c.bySeq[seq].ID, times)
		}
	}
	if claims > 1 && len(c.history.Disturbed) == 0 {
		c.add(Repeat, c.log.Stream, "group %s received %d (message %v) for the first time %d times, by what was said with it",
			c.group.Name, seq, c.bySeq[seq].ID, claims)
	}
}

// maxTold is how many deliveries a violation is told with.
const maxTold = 10

// tell words what became of each delivery.
func (c *groupCheck) tell(seq uint64, handed []handover) string {
	var b strings.Builder
	for _, h := range handed[:min(len(handed), maxTold)] {
		fmt.Fprintf(&b, "[%v session %d of %v", time.Duration(h.event.At), slices.Index(c.group.Sessions, h.session), time.Duration(h.session.JoinedAt))
		if nacks := h.session.Nacks[seq]; nacks > 0 {
			fmt.Fprintf(&b, ", given back %d times", nacks)
		}
		if ack := h.session.Acks[seq]; ack.Answered != 0 {
			fmt.Fprintf(&b, ", acknowledged %v", time.Duration(ack.Answered))
		}
		if h.session.End != Stayed {
			fmt.Fprintf(&b, ", ended (%v) %v", h.session.End, time.Duration(h.session.EndedAt))
		}
		fmt.Fprintf(&b, ", redelivered %d]", h.event.Redelivered)
	}
	return b.String()
}

// reasons counts why a message may have been taken from a member, the latest
// time that it was delivered at latest.
func (c *groupCheck) reasons(seq uint64, h handover, latest Instant) int {
	n := h.session.Nacks[seq]
	if (h.session.End != Stayed || h.session.EndedAt < latest) && c.mayBeUnsettled(seq, h) {
		n++
	}
	if h.session.Explicit && c.heldTooLong(seq, h) {
		n++
	}
	return n
}

// mayBeUnsettled says whether a member left before its acknowledgement of a
// message had to last. At the end of a run one of them is the first to leave.
func (c *groupCheck) mayBeUnsettled(seq uint64, h handover) bool {
	return h.session.EndedAt < h.event.At.after(ackGrace) || h.session.Explicit && h.session.Acks[seq].Answered == 0
}

// heldTooLong says whether the gateway may have taken a message back. Nobody
// knows when it sent it; that was not before the member joined.
func (c *groupCheck) heldTooLong(seq uint64, h handover) bool {
	ack := h.session.Acks[seq]
	if ack.Answered == 0 {
		return true
	}
	return c.history.AckTimeout != 0 && ack.Answered > h.session.JoinedAt.after(c.history.AckTimeout/2)
}

// checkAckedAgain: what was acknowledged well before a disturbance, or where
// there was none, does not come to a member that joined after it.
func (c *groupCheck) checkAckedAgain(seq uint64, handed []handover) {
	for _, h := range handed {
		ack := h.session.Acks[seq]
		if ack.Answered == 0 || h.session.Nacks[seq] > 0 || c.history.AckTimeout == 0 || c.heldTooLong(seq, h) {
			continue
		}
		for _, again := range handed {
			if again.session.AskedAt > ack.Answered && !c.excused(ack, again.event.At) {
				c.add(AckedAgain, c.log.Stream, "group %s had acknowledged %d (message %v), and received it again %v later: %s",
					c.group.Name, seq, c.bySeq[seq].ID, time.Duration(again.event.At-ack.Answered), c.tell(seq, handed))
			}
		}
	}
}

// excused says whether a disturbance followed an acknowledgement so soon that
// it may have been forgotten. The gateway had it at some time before the member
// read the answer.
func (c *groupCheck) excused(ack Ack, again Instant) bool {
	for _, at := range c.history.Disturbed {
		if at > ack.Asked && at < again && at < ack.Answered.after(ackGrace) {
			return true
		}
	}
	return false
}

// checkLetters: each is about a message of a group of ours that failed as
// often as it says.
func checkLetters(f *findings, ledgers map[string]*ledger, h *History) {
	groups := map[string]*Group{}
	for _, g := range h.Groups {
		groups[g.Stream+"/"+g.Name] = g
	}
	seen, failures := map[Letter]bool{}, map[*Group]map[uint64]int{}
	for _, g := range h.Groups {
		failures[g] = countFailures(g)
	}
	for _, letter := range h.Letters {
		l, g := ledgers[letter.Stream], groups[letter.Stream+"/"+letter.Group]
		key := Letter{Stream: letter.Stream, Group: letter.Group, Seq: letter.Seq}
		switch {
		case l == nil || g == nil:
			f.add(DeadLetter, letter.Stream, "number %d comes from group %s, which is none of ours", letter.Seq, letter.Group)
		case l.bySeq[letter.Seq].ID != letter.Payload.ID && !l.trims:
			f.add(DeadLetter, letter.Stream, "number %d is message %v, and the letter has %v", letter.Seq, l.bySeq[letter.Seq].ID, letter.Payload.ID)
		case letter.Deliveries < h.MaxDeliveries:
			f.add(DeadLetter, letter.Stream, "number %d was given up after %d deliveries of %d", letter.Seq, letter.Deliveries, h.MaxDeliveries)
		case letter.Reason == "":
			f.add(DeadLetter, letter.Stream, "number %d was given up without a reason", letter.Seq)
		case seen[key] && len(h.Disturbed) == 0:
			f.add(DeadLetter, letter.Stream, "number %d of group %s has two letters", letter.Seq, letter.Group)
		case failures[g][letter.Seq]+broken(g) < h.MaxDeliveries:
			f.add(DeadLetter, letter.Stream, "number %d of group %s (message %v) did not fail %d times", letter.Seq, letter.Group, letter.Payload.ID, h.MaxDeliveries)
		}
		seen[key] = true
	}
}

// countFailures returns how often each message may have failed, as far as
// explicit members saw it.
func countFailures(g *Group) map[uint64]int {
	failures := map[uint64]int{}
	for _, s := range g.Sessions {
		if !s.Explicit {
			continue
		}
		handed := map[uint64]int{}
		for _, e := range s.Events {
			handed[e.Seq]++
		}
		for seq, times := range handed {
			failures[seq] += max(times, s.Nacks[seq])
		}
	}
	return failures
}

// broken counts the sessions that did not live to see everything that failed
// in them.
func broken(g *Group) (n int) {
	for _, s := range g.Sessions {
		if s.Explicit && s.End == Broken {
			n++
		}
	}
	return n
}
