package oracle

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"seagate/client"
)

// ackGrace is how long an acknowledgement by a pong may take to arrive and become
// durable. The gateway promises about a second. Slow members and slow machines
// need longer.
const ackGrace = 15 * time.Second

// A delivery is one delivery of a message to a member.
type delivery struct {
	session *Session
	event   Event
}

// A groupCheck checks one group.
type groupCheck struct {
	*streamCheck
	*Group
	history    *History
	who        string
	deliveries map[uint64][]delivery
	told       map[uint64]bool // numbers that members were told are missing
	overtaken  bool            // a member without meta was closed because it lost messages
	letters    map[uint64]bool // numbers that have a dead letter
}

// checkGroup checks that each message was delivered to a member of the group, and
// redelivered only for a reason.
func (c *streamCheck) checkGroup(group *Group, h *History) {
	g := &groupCheck{streamCheck: c, Group: group, history: h, who: "group " + group.Name,
		deliveries: map[uint64][]delivery{}, told: map[uint64]bool{}, letters: map[uint64]bool{}}
	if g.Failure != "" {
		g.add(Surprise, "%s: %s", g.who, g.Failure)
	}
	for _, letter := range h.Letters {
		if letter.Stream == g.Stream && letter.Group == g.Name {
			g.letters[letter.Seq] = true
		}
	}
	for i, s := range g.Sessions {
		if low, high := g.startRange(s); i == 0 && (g.Start < low || g.Start > high) {
			g.add(WrongStart, "%s began with %d, want one from %d to %d", g.who, g.Start, low, high)
		}
		for _, e := range s.Events {
			g.event(s, e)
		}
		g.overtaken = g.overtaken || s.End == Overtaken
	}
	for seq := g.Start; seq < g.log.Next; seq++ {
		g.checkMessage(seq)
	}
	for _, seq := range g.Open {
		g.add(Incomplete, "%s waited for %d (message %v) to the end; the log begins with %d: %s", g.who, seq, g.bySeq[seq].ID, g.log.First, g.describe(seq))
	}
}

func (g *groupCheck) event(s *Session, e Event) {
	if m := e.Missing; m != (client.Missing{}) {
		if g.checkGap(g.who, m) {
			for seq := m.From; seq <= m.To; seq++ {
				g.told[seq] = true
			}
		}
		return
	}
	seq, _ := g.number(g.who, e.Entry)
	switch {
	case seq == 0:
	case seq < g.Start:
		g.add(WrongStart, "%s received %d, and began with %d", g.who, seq, g.Start)
	default:
		g.deliveries[seq] = append(g.deliveries[seq], delivery{s, e})
	}
}

func (g *groupCheck) checkMessage(seq uint64) {
	id, dropped := g.bySeq[seq].ID, seq < g.log.First && g.trims
	unsettled := g.Explicit && !dropped && !g.letters[seq] && !slices.ContainsFunc(g.deliveries[seq],
		func(d delivery) bool { return d.session.Acks[seq].Asked != 0 })
	switch {
	case len(g.deliveries[seq]) > 0:
		g.checkRepeats(seq)
		g.checkAckedAgain(seq)
		if unsettled {
			g.add(Unsettled, "%s received %d (message %v) and nobody acknowledged it", g.who, seq, id)
		}
	case g.told[seq], dropped && g.overtaken:
	case g.letters[seq]: // it timed out each time before the member received it
	case dropped:
		g.add(Untold, "no member of %s received %d, and none was told", g.who, seq)
	default:
		g.add(GroupHole, "no member of %s received %d (message %v)", g.who, seq, id)
	}
	if unsettled && g.history.MaxDeliveries > 0 && poisonous(id) {
		g.add(NoDeadLetter, "%s gave back %d (message %v) each time, and there is no dead letter", g.who, seq, id)
	}
}

// checkRepeats checks that there is a reason for each delivery after the first: the
// member of another delivery left, returned the message with a nack, or kept it for
// longer than the acknowledgement timeout.
func (g *groupCheck) checkRepeats(seq uint64) {
	deliveries, id := g.deliveries[seq], g.bySeq[seq].ID
	reasons, firsts, latest := 0, 0, Instant(0)
	sessions := map[*Session]int{}
	for _, d := range deliveries {
		latest = max(latest, d.event.At)
	}
	for _, d := range deliveries {
		if sessions[d.session]++; sessions[d.session] == 1 {
			reasons += g.reasons(seq, d, latest)
		} else if d.session.Explicit && g.heldTooLong(seq, d) {
			reasons++
		}
		if d.session.Meta && d.event.Redelivered == 0 {
			firsts++
		}
	}
	if len(deliveries)-1 > reasons {
		g.add(Repeat, "%s received %d (message %v) %d times, and there are reasons for %d repeats: %s",
			g.who, seq, id, len(deliveries), reasons, g.describe(seq))
	}
	for session, times := range sessions {
		if times > 1 && !session.Explicit {
			g.add(Repeat, "a member of %s received %d (message %v) %d times", g.who, seq, id, times)
		}
	}
	if firsts > 1 && len(g.history.Disturbed) == 0 {
		g.add(Repeat, "%s received %d (message %v) %d times, each marked as the first delivery", g.who, seq, id, firsts)
	}
}

// maxDescribed is how many deliveries a violation shows.
const maxDescribed = 10

// describe returns what happened to each delivery of a message, at most maxDescribed.
func (g *groupCheck) describe(seq uint64) string {
	var b strings.Builder
	deliveries := g.deliveries[seq]
	for _, d := range deliveries[:min(len(deliveries), maxDescribed)] {
		s := d.session
		fmt.Fprintf(&b, "[%v session %d of %v", time.Duration(d.event.At), slices.Index(g.Sessions, s), time.Duration(s.JoinedAt))
		if nacks := s.Nacks[seq]; nacks > 0 {
			fmt.Fprintf(&b, ", given back %d times", nacks)
		}
		if ack := s.Acks[seq]; ack.Answered != 0 {
			fmt.Fprintf(&b, ", acknowledged %v", time.Duration(ack.Answered))
		}
		if s.End != Stayed {
			fmt.Fprintf(&b, ", ended (%v) %v", s.End, time.Duration(s.EndedAt))
		}
		fmt.Fprintf(&b, ", redelivered %d]", d.event.Redelivered)
	}
	return b.String()
}

// reasons counts the reasons that delivery d gave the gateway to deliver the message
// again. latest is the time of the last delivery.
func (g *groupCheck) reasons(seq uint64, d delivery, latest Instant) int {
	s := d.session
	n := s.Nacks[seq]
	// If a member leaves soon after a delivery, its acknowledgement may be lost.
	// At the end of a run, a member that stayed also leaves, before the others.
	soon := s.EndedAt < d.event.At.after(ackGrace) || s.Explicit && s.Acks[seq].Answered == 0
	if soon && (s.End != Stayed || s.EndedAt < latest) {
		n++
	}
	if s.Explicit && g.heldTooLong(seq, d) {
		n++
	}
	return n
}

// heldTooLong reports whether the acknowledgement timeout of a message may have
// expired. The time when the gateway sent the message is unknown, except that it is
// after the member joined.
func (g *groupCheck) heldTooLong(seq uint64, d delivery) bool {
	ack, timeout := d.session.Acks[seq], g.history.AckTimeout
	return ack.Answered == 0 || timeout != 0 && ack.Answered > d.session.JoinedAt.after(timeout/2)
}

// checkAckedAgain checks that a member does not receive a message that was
// acknowledged before the member joined, unless a disturbance soon after the
// acknowledgement excuses it.
func (g *groupCheck) checkAckedAgain(seq uint64) {
	for _, d := range g.deliveries[seq] {
		ack := d.session.Acks[seq]
		if d.session.Nacks[seq] > 0 || g.history.AckTimeout == 0 || g.heldTooLong(seq, d) {
			continue
		}
		for _, again := range g.deliveries[seq] {
			if again.session.AskedAt > ack.Answered && !g.excused(ack, again.event.At) {
				g.add(AckedAgain, "%s had acknowledged %d (message %v), and received it again %v later: %s",
					g.who, seq, g.bySeq[seq].ID, time.Duration(again.event.At-ack.Answered), g.describe(seq))
			}
		}
	}
}

// excused reports whether the gateway may have lost an acknowledgement, because a
// disturbance followed within ackGrace. The gateway received the acknowledgement
// before the member read the answer.
func (g *groupCheck) excused(ack Ack, again Instant) bool {
	return slices.ContainsFunc(g.history.Disturbed, func(at Instant) bool {
		return at > ack.Asked && at < again && at < ack.Answered.after(ackGrace)
	})
}

// checkLetters checks that each dead letter is about a message of a group of the
// run that failed as often as the letter says.
func checkLetters(r *Report, checks map[string]*streamCheck, h *History) {
	groups := map[string]*Group{}
	failures := map[*Group]map[uint64]int{}
	for _, g := range h.Groups {
		groups[g.Stream+"/"+g.Name], failures[g] = g, countFailures(g)
	}
	seen := map[Letter]bool{}
	for _, letter := range h.Letters {
		c, g := checks[letter.Stream], groups[letter.Stream+"/"+letter.Group]
		key := Letter{Stream: letter.Stream, Group: letter.Group, Seq: letter.Seq}
		add := func(format string, args ...any) { r.add(DeadLetter, letter.Stream, format, args...) }
		switch {
		case c == nil || g == nil:
			add("number %d comes from group %s, which does not belong to the run", letter.Seq, letter.Group)
		case c.bySeq[letter.Seq].ID != letter.Payload.ID && !c.trims:
			add("number %d is message %v, and the letter has %v", letter.Seq, c.bySeq[letter.Seq].ID, letter.Payload.ID)
		case letter.Deliveries < h.MaxDeliveries:
			add("number %d was given up after %d deliveries of %d", letter.Seq, letter.Deliveries, h.MaxDeliveries)
		case letter.Reason == "":
			add("number %d was given up without a reason", letter.Seq)
		case seen[key] && len(h.Disturbed) == 0:
			add("number %d of group %s has two letters", letter.Seq, letter.Group)
		case failures[g][letter.Seq]+countBroken(g) < h.MaxDeliveries:
			add("number %d of group %s (message %v) did not fail %d times", letter.Seq, letter.Group, letter.Payload.ID, h.MaxDeliveries)
		}
		seen[key] = true
	}
}

// countFailures returns how often each message may have failed, judged by what the
// explicit members received.
func countFailures(g *Group) map[uint64]int {
	failures := map[uint64]int{}
	for _, s := range g.Sessions {
		if !s.Explicit {
			continue
		}
		received := map[uint64]int{}
		for _, e := range s.Events {
			received[e.Seq]++
		}
		for seq, times := range received {
			failures[seq] += max(times, s.Nacks[seq])
		}
	}
	return failures
}

// countBroken counts the explicit sessions whose connection broke. Messages may have
// failed in them that the member never received.
func countBroken(g *Group) (n int) {
	for _, s := range g.Sessions {
		if s.Explicit && s.End == Broken {
			n++
		}
	}
	return n
}
