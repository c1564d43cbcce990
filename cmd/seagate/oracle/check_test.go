package oracle

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"seagate/client"
)

const s1 = "s"

// good is a short run in which everything went well: publisher 0 sent ten
// messages on connection 1, of which the 9th was refused, and publisher 1 a
// batch of three.
func good() *History {
	h := &History{MaxDeliveries: 2, AckTimeout: 30 * time.Second}
	log := Log{Stream: s1, Epoch: "e", First: 1}
	put := func(id ID) {
		seq := uint64(len(log.Entries) + 1)
		log.Entries = append(log.Entries, Entry{seq, id, colorOf(id), "e", time.Unix(int64(seq), 0)})
	}
	for n := range 10 {
		p := Publish{Stream: s1, IDs: []ID{{0, n}}, Conn: 1, Attempts: 1, SentAt: at(10 * n), Answered: at(10*n + 5), Outcome: Acknowledged}
		if n == 8 {
			p.Outcome = Refused
		} else {
			put(p.IDs[0])
			here := uint64(len(log.Entries))
			p.Answers = []Place{{here, here, "e"}}
		}
		h.Publishes = append(h.Publishes, p)
	}
	batch := Publish{Stream: s1, IDs: []ID{{1, 0}, {1, 1}, {1, 2}}, Conn: 2, Attempts: 1, SentAt: at(100), Answered: at(110), Outcome: Acknowledged}
	here := uint64(len(log.Entries)) + 1
	batch.Answers = []Place{{here, here + 2, "e"}, {here, here + 2, "e"}}
	h.Publishes = append(h.Publishes, batch)
	for _, id := range batch.IDs {
		put(id)
	}
	log.Next = uint64(len(log.Entries) + 1)
	h.Logs = []Log{log}
	h.Followers = []*Follower{
		{Name: "resuming", Stream: s1, Resumes: true, Sessions: []*Session{
			session(log, client.Earliest(), true, 1, 5), session(log, client.AtSeq(5), true, 5, 13)}},
		{Name: "live", Stream: s1, Sessions: []*Session{session(log, client.Position{}, false, 4, 13)}},
		{Name: "filtered", Stream: s1, Resumes: true, Color: "red", Sessions: []*Session{filtered(session(log, client.Earliest(), true, 1, 13))}},
	}
	h.Followers[0].Sessions[0].End = Broken
	h.Followers[1].Sessions[0].AskedAt, h.Followers[1].Sessions[0].JoinedAt = at(26), at(29)
	for _, e := range h.Followers[1].Sessions[0].Events {
		e.At += at(30)
	}
	automatic := &Group{Name: "automatic", Stream: s1, Start: 1, Sessions: []*Session{
		session(log, client.Earliest(), true, 1, 7), session(log, client.Earliest(), true, 7, 13)}}
	explicit := &Group{Name: "explicit", Stream: s1, Start: 1, Explicit: true, Sessions: []*Session{session(log, client.Earliest(), true, 1, 13)}}
	acknowledge(explicit.Sessions[0])
	h.Groups = []*Group{automatic, explicit}
	return h
}

func at(n int) Instant { return Instant(n+1) * Instant(time.Millisecond) }

// session receives what is in the log from a number to before another one.
func session(log Log, from client.Position, meta bool, first, next uint64) *Session {
	s := &Session{From: from, Meta: meta, AskedAt: 1, JoinedAt: 2, EndedAt: at(1000)}
	if meta {
		s.Joined = client.Joined{Epoch: "e", First: 1, Next: first}
	}
	for _, e := range log.Entries[first-1 : next-1] {
		event := Event{Entry: e, At: at(200 + int(e.Seq))}
		if !meta {
			event.Seq, event.Epoch = 0, ""
		}
		s.Events = append(s.Events, event)
	}
	return s
}

func filtered(s *Session) *Session {
	s.Events = slices.DeleteFunc(s.Events, func(e Event) bool { return e.Color != "red" })
	return s
}

func acknowledge(s *Session) {
	s.Explicit, s.Acks, s.Nacks = true, map[uint64]Ack{}, map[uint64]int{}
	for _, e := range s.Events {
		s.Acks[e.Seq] = Ack{e.At + 1, e.At + 2}
	}
}

func without(events []Event, i int) []Event { return slices.Delete(slices.Clone(events), i, i+1) }

// trimmed lets the log begin with a number, as retention does.
func trimmed(h *History, first uint64) {
	h.Trims = true
	h.Logs[0].First = first
	h.Logs[0].Entries = h.Logs[0].Entries[first-1:]
}

func TestAGoodRunHasNoViolations(t *testing.T) {
	report := Check(good(), 10)
	if !report.OK() {
		t.Error(report.Violations)
	}
	if s := report.Summary; s.Messages != 13 || s.Acknowledged != 12 || s.Refused != 1 || s.Redelivered != 0 {
		t.Errorf("%+v", s)
	}
}

// A check that cannot fail is worth nothing: each kind of violation, made on
// purpose, is found.
func TestEveryViolationIsFound(t *testing.T) {
	cases := []struct {
		name string
		harm func(*History)
		want Kind
	}{
		{"an acknowledged message is in no log", func(h *History) { drop(h, 12) }, Lost},
		{"something delivered is behind the log's end", func(h *History) {
			h.Logs[0].Entries, h.Logs[0].Next = h.Logs[0].Entries[:11], 12
		}, Lost},
		{"more is missing than was dropped", func(h *History) {
			unseen(h)
			trimmed(h, 3)
			h.Publishes = append(h.Publishes, Publish{Stream: s1, IDs: []ID{{5, 1}}, Conn: 9, Attempts: 1, SentAt: at(500), Answered: at(501), Outcome: Acknowledged})
			h.Publishes = append(h.Publishes, Publish{Stream: s1, IDs: []ID{{5, 2}}, Conn: 9, Attempts: 1, SentAt: at(502), Answered: at(503), Outcome: Acknowledged})
			h.Publishes = append(h.Publishes, Publish{Stream: s1, IDs: []ID{{5, 3}}, Conn: 9, Attempts: 1, SentAt: at(504), Answered: at(505), Outcome: Acknowledged})
		}, Lost},
		{"a refused message is there", func(h *History) { h.Publishes[2].Outcome = Refused }, RefusedThere},
		{"a message is there twice", func(h *History) { again(h, ID{0, 3}) }, Twice},
		{"a message that nobody sent", func(h *History) { again(h, ID{7, 7}) }, Invented},
		{"a follower receives what nobody sent", func(h *History) { h.Followers[1].Sessions[0].Events[2].ID = ID{7, 7} }, Invented},
		{"a group receives what nobody sent", func(h *History) {
			e := &h.Groups[0].Sessions[0].Events[2]
			e.ID, e.Seq, e.Epoch = ID{7, 7}, 0, ""
		}, Invented},
		{"a consumer receives no message", func(h *History) { h.Followers[0].Sessions[1].End = Mismatched }, Invented},
		{"a hole in the log's numbers", func(h *History) { h.Logs[0].Entries = slices.Delete(h.Logs[0].Entries, 4, 5) }, Numbering},
		{"a number comes twice", func(h *History) { h.Logs[0].Entries = slices.Insert(h.Logs[0].Entries, 4, h.Logs[0].Entries[4]) }, Numbering},
		{"the next number is another one", func(h *History) { h.Logs[0].Next++ }, Numbering},
		{"the beginning was dropped, and should not have been", func(h *History) { trimmed(h, 3); h.Trims = false }, Numbering},
		{"one number, two messages", func(h *History) { h.Followers[0].Sessions[0].Events[1].ID = ID{0, 3} }, Conflict},
		{"another epoch in a delivery", func(h *History) { h.Followers[0].Sessions[0].Events[1].Epoch = "f" }, OtherEpoch},
		{"another epoch in an answer", func(h *History) { h.Followers[0].Sessions[1].Joined.Epoch = "f" }, OtherEpoch},
		{"out of order on a connection", func(h *History) {
			h.Publishes[3].SentAt, h.Publishes[4].SentAt = h.Publishes[4].SentAt, h.Publishes[3].SentAt
			h.Publishes[3].Answered, h.Publishes[4].Answered = at(900), at(901)
		}, Order},
		{"before what was acknowledged when it was sent", func(h *History) {
			for i := range h.Publishes {
				h.Publishes[i].Conn = i
			}
			h.Publishes[0].SentAt, h.Publishes[0].Answered = at(90), at(95)
		}, Order},
		{"an answer names another number", func(h *History) { h.Publishes[3].Answers[0] = Place{3, 3, "e"} }, Position},
		{"the answer to a repeat names another number", func(h *History) { h.Publishes[10].Answers[1] = Place{9, 11, "e"} }, Position},
		{"an answer names no number", func(h *History) { h.Publishes[3].Answers[0] = Place{0, 0, "e"} }, Position},
		{"an answer names too few numbers", func(h *History) { h.Publishes[10].Answers[0].Last-- }, Position},
		{"an answer names the number of another message", func(h *History) {
			h.Publishes = append(h.Publishes, Publish{Stream: s1, IDs: []ID{{5, 1}}, Conn: 9, Attempts: 1, SentAt: at(500), Answered: at(501),
				Outcome: Unknown, Answers: []Place{{3, 3, "e"}}})
		}, Position},
		{"an answer names another epoch", func(h *History) { h.Publishes[3].Answers[0].Epoch = "f" }, OtherEpoch},
		{"a batch with a part of another one", func(h *History) {
			h.Publishes[9].IDs[0], h.Publishes[10].IDs[0] = h.Publishes[10].IDs[0], h.Publishes[9].IDs[0]
			h.Publishes[10].IDs[0] = ID{0, 7}
			h.Publishes[7].IDs[0] = ID{1, 0}
		}, TornBatch},
		{"half a batch", func(h *History) {
			drop(h, 12)
			h.Publishes[10].Outcome = Unknown
		}, TornBatch},
		{"a live subscription that begins too late", func(h *History) {
			h.Followers[1].Sessions[0].Events = h.Followers[1].Sessions[0].Events[2:]
		}, WrongStart},
		{"a live subscription that begins in the past", func(h *History) {
			h.Followers[1].Sessions[0] = session(h.Logs[0], client.Position{}, false, 1, 13)
			h.Followers[1].Sessions[0].AskedAt = at(26)
		}, WrongStart},
		{"a number was asked for and another one comes first", func(h *History) {
			s := session(h.Logs[0], client.AtSeq(3), true, 4, 13)
			h.Followers[0].Sessions = []*Session{s}
		}, WrongStart},
		{"a time was asked for and another one comes first", func(h *History) {
			s := session(h.Logs[0], client.Since(time.Unix(3, 0)), true, 4, 13)
			h.Followers[0].Sessions = []*Session{s}
		}, WrongStart},
		{"the beginning was asked for and is left out", func(h *History) {
			h.Followers[0].Sessions = []*Session{session(h.Logs[0], client.Earliest(), true, 2, 13)}
		}, WrongStart},
		{"a resuming follower goes on elsewhere", func(h *History) { h.Followers[0].Sessions[1].Joined.Next = 6 }, WrongStart},
		{"a group begins too late", func(h *History) { h.Groups[0].Start = 2 }, WrongStart},
		{"a group receives what was before it", func(h *History) {
			h.Groups[0].Start = 3
			h.Groups[0].Sessions[0].From = client.AtSeq(3)
		}, WrongStart},
		{"a follower lacks one", func(h *History) {
			s := h.Followers[0].Sessions[0]
			s.Events = without(s.Events, 1)
		}, Hole},
		{"a live follower lacks one", func(h *History) {
			s := h.Followers[1].Sessions[0]
			s.Events = without(s.Events, 3)
		}, Hole},
		{"a filtered follower lacks one", func(h *History) {
			s := h.Followers[2].Sessions[0]
			s.Events = without(s.Events, 1)
		}, Hole},
		{"a follower lacks one between its sessions", func(h *History) {
			s := h.Followers[0].Sessions[1]
			s.Events = s.Events[1:]
		}, Hole},
		{"a follower receives one twice", func(h *History) {
			s := h.Followers[0].Sessions[0]
			s.Events = slices.Insert(s.Events, 2, s.Events[1])
		}, Repeat},
		{"a follower receives one in both sessions", func(h *History) {
			a, b := h.Followers[0].Sessions[0], h.Followers[0].Sessions[1]
			b.Events = slices.Insert(b.Events, 0, a.Events[len(a.Events)-1])
		}, Repeat},
		{"out of order", func(h *History) {
			e := h.Followers[0].Sessions[0].Events
			e[1], e[2] = e[2], e[1]
		}, Repeat},
		{"a token shows more", func(h *History) {
			h.Followers[2].Sessions[0] = session(h.Logs[0], client.Earliest(), true, 1, 13)
		}, Filtered},
		{"told as missing, and there", func(h *History) {
			h.Followers[0].Sessions[0].Events[1] = Event{Missing: client.Missing{From: 2, To: 2}}
		}, FalseGap},
		{"told as missing after it was received", func(h *History) {
			trimmed(h, 4)
			s := h.Followers[0].Sessions[0]
			s.Events = slices.Insert(s.Events, 2, Event{Missing: client.Missing{From: 1, To: 2}})
		}, FalseGap},
		{"a group is told that something is missing, which is there", func(h *History) {
			h.Groups[0].Sessions[0].Events[1] = Event{Missing: client.Missing{From: 2, To: 2}}
		}, FalseGap},
		{"closed for a loss that was none", func(h *History) {
			s := h.Followers[1].Sessions[0]
			stay := session(h.Logs[0], client.Position{}, false, 13, 13)
			stay.AskedAt, stay.JoinedAt = at(800), at(801)
			s.Events, s.End = s.Events[:3], Overtaken
			h.Followers[1].Sessions = append(h.Followers[1].Sessions, stay)
		}, FalseGap},
		{"dropped and not told", func(h *History) {
			trimmed(h, 4)
			s := h.Followers[0].Sessions[0]
			s.Events = without(s.Events, 1)
		}, Untold},
		{"dropped and no member told", func(h *History) {
			trimmed(h, 4)
			s := h.Groups[0].Sessions[0]
			s.Events = without(s.Events, 1)
		}, Untold},
		{"the end is missing", func(h *History) {
			s := h.Followers[0].Sessions[1]
			s.Events = s.Events[:3]
		}, Incomplete},
		{"a consumer never came to its end", func(h *History) { h.Followers[0].Sessions[1].End = Broken }, Incomplete},
		{"a consumer never began", func(h *History) { h.Followers[0].Sessions = nil }, Incomplete},
		{"a group waits in vain", func(h *History) { h.Groups[1].Open = []uint64{4} }, Incomplete},
		{"no member receives one", func(h *History) {
			s := h.Groups[0].Sessions[0]
			s.Events = without(s.Events, 1)
		}, GroupHole},
		{"two members receive one", func(h *History) { doubly(h) }, Repeat},
		{"one member receives one twice", func(h *History) {
			s := h.Groups[0].Sessions[0]
			s.Events = append(s.Events, s.Events[0])
			s.End = Left
		}, Repeat},
		{"a repeat is called the first", func(h *History) {
			doubly(h)
			h.Groups[0].Sessions[0].End, h.Groups[0].Sessions[0].EndedAt = Left, at(300)
			e := h.Groups[0].Sessions[1].Events
			e[len(e)-1].Redelivered = 0
		}, Repeat},
		{"what was handed out long before a member left comes again", func(h *History) {
			doubly(h)
			h.Groups[0].Sessions[0].End, h.Groups[0].Sessions[0].EndedAt = Broken, at(60_000)
		}, Repeat},
		{"nobody acknowledges one", func(h *History) { delete(h.Groups[1].Sessions[0].Acks, 4) }, Unsettled},
		{"acknowledged long ago, and delivered again", func(h *History) {
			g := h.Groups[1]
			late := session(h.Logs[0], client.Earliest(), true, 4, 5)
			late.AskedAt, late.JoinedAt = at(900), at(901)
			late.Events[0].At, late.Events[0].Redelivered = at(902), 1
			acknowledge(late)
			g.Sessions = append(g.Sessions, late)
		}, AckedAgain},
		{"a dead letter of nobody's", func(h *History) { h.Letters = []Letter{letter(h, "other", 4, 2)} }, DeadLetter},
		{"a dead letter after too few deliveries", func(h *History) { h.Letters = []Letter{letter(h, "explicit", 4, 1)} }, DeadLetter},
		{"a dead letter that did not fail", func(h *History) { h.Letters = []Letter{letter(h, "explicit", 4, 2)} }, DeadLetter},
		{"a dead letter with another message", func(h *History) {
			failed := letter(h, "explicit", 4, 2)
			failed.Payload.ID = ID{0, 0}
			h.Letters = []Letter{failed}
			h.Groups[1].Sessions[0].Nacks[4] = 2
		}, DeadLetter},
		{"two dead letters for one", func(h *History) {
			h.Letters = []Letter{letter(h, "explicit", 4, 2), letter(h, "explicit", 4, 2)}
			h.Groups[1].Sessions[0].Nacks[4] = 2
		}, DeadLetter},
		{"a dead letter without a reason", func(h *History) {
			h.Letters = []Letter{letter(h, "explicit", 4, 2)}
			h.Letters[0].Reason = ""
			h.Groups[1].Sessions[0].Nacks[4] = 2
		}, DeadLetter},
		{"no dead letter for what always fails", func(h *History) {
			poison(h)
			h.Groups[1].Sessions[0].Nacks[13] = 2
			delete(h.Groups[1].Sessions[0].Acks, 13)
		}, NoDeadLetter},
		{"a consumer is refused", func(h *History) { h.Followers[0].Failure = "forbidden" }, Surprise},
		{"a group is refused", func(h *History) { h.Groups[0].Failure = "forbidden" }, Surprise},
		{"something else that should not be", func(h *History) { h.Surprises = []Violation{{Surprise, s1, "?"}} }, Surprise},
	}
	found := map[Kind]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := good()
			c.harm(h)
			report := Check(h, 10)
			kinds := map[Kind]bool{}
			for _, v := range report.Violations {
				kinds[v.Kind] = true
			}
			if !kinds[c.want] {
				t.Errorf("want %q, got %v", c.want, report.Violations)
			}
			found[c.want] = true
		})
	}
	for _, kind := range kinds {
		if !found[kind] {
			t.Errorf("no case has the violation %q", kind)
		}
	}
}

var kinds = []Kind{Lost, RefusedThere, Twice, Invented, Numbering, Conflict, OtherEpoch, Order, TornBatch, WrongStart, Hole, Repeat,
	Filtered, FalseGap, Untold, Incomplete, GroupHole, Unsettled, AckedAgain, DeadLetter, NoDeadLetter, Surprise}

// What may differ is no violation.
func TestWhatMayDiffer(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*History)
	}{
		{"an unknown message is there", func(h *History) { h.Publishes[3].Outcome = Unknown }},
		{"an unknown message is not", func(h *History) {
			h.Publishes = append(h.Publishes, Publish{Stream: s1, IDs: []ID{{5, 1}}, Conn: 9, Attempts: 3, SentAt: at(500)})
		}},
		{"what was dropped was told", func(h *History) {
			trimmed(h, 4)
			h.Followers[0].Sessions[0].Events[1] = Event{Missing: client.Missing{From: 2, To: 2}}
			h.Groups[0].Sessions[0].Events[1] = Event{Missing: client.Missing{From: 2, To: 2}}
		}},
		{"closed for what was dropped", func(h *History) {
			trimmed(h, 9)
			s := h.Followers[1].Sessions[0]
			stay := session(Log{Entries: good().Logs[0].Entries}, client.Position{}, false, 13, 13)
			stay.AskedAt, stay.JoinedAt = at(800), at(801)
			s.Events, s.End = s.Events[:3], Overtaken
			h.Followers[1].Sessions = append(h.Followers[1].Sessions, stay)
		}},
		{"a member left, and another one receives it again", func(h *History) {
			doubly(h)
			h.Groups[0].Sessions[0].End, h.Groups[0].Sessions[0].EndedAt = Left, at(300)
		}},
		{"given back, and delivered again", func(h *History) {
			s := h.Groups[1].Sessions[0]
			s.Nacks[4] = 1
			again := s.Events[3]
			again.Redelivered, again.At = 1, again.At+10
			s.Events = append(s.Events, again)
			s.Acks[4] = Ack{again.At + 1, again.At + 2}
		}},
		{"failed for good, with a letter", func(h *History) {
			poison(h)
			s := h.Groups[1].Sessions[0]
			s.Nacks[13] = 2
			delete(s.Acks, 13)
			h.Letters = []Letter{letter(h, "explicit", 13, 2)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := good()
			c.change(h)
			if report := Check(h, 10); !report.OK() {
				t.Error(report.Violations)
			}
		})
	}
}

func TestAReportIsBounded(t *testing.T) {
	h := good()
	for i := range h.Publishes {
		h.Publishes[i].Outcome = Refused
	}
	report := Check(h, 3)
	if n := len(report.Violations); n != 3 || report.More[RefusedThere] != 9 {
		t.Errorf("%d violations, %v more", n, maps.Clone(report.More))
	}
	var text strings.Builder
	if _, err := report.WriteTo(&text); err != nil || !strings.Contains(text.String(), "12 violations") {
		t.Errorf("%v: %s", err, text.String())
	}
}

// drop takes a message out of the log and out of all sessions.
func drop(h *History, seq uint64) {
	log := &h.Logs[0]
	log.Entries = slices.DeleteFunc(log.Entries, func(e Entry) bool { return e.Seq == seq })
	last := log.Entries[len(log.Entries)-1]
	log.Next = last.Seq + 1
	forEach(h, func(s *Session) {
		s.Events = slices.DeleteFunc(s.Events, func(e Event) bool { return e.ID == ID{1, 2} })
	})
}

func forEach(h *History, f func(*Session)) {
	for _, c := range h.Followers {
		for _, s := range c.Sessions {
			f(s)
		}
	}
	for _, g := range h.Groups {
		for _, s := range g.Sessions {
			f(s)
		}
	}
}

// unseen lets nobody consume.
func unseen(h *History) { h.Followers, h.Groups = nil, nil }

// again puts a message at the end of the log.
func again(h *History, id ID) {
	log := &h.Logs[0]
	log.Entries = append(log.Entries, Entry{log.Next, id, colorOf(id), "e", time.Unix(99, 0)})
	log.Next++
}

// doubly lets the second member of the group receive a message of the first.
func doubly(h *History) {
	a, b := h.Groups[0].Sessions[0], h.Groups[0].Sessions[1]
	e := a.Events[2]
	e.At, e.Redelivered = at(400), 1
	b.Events = append(b.Events, e)
}

func letter(h *History, group string, seq uint64, deliveries int) Letter {
	return Letter{Stream: s1, Seq: seq, Group: group, Deliveries: deliveries, Reason: "r", Payload: body{ID: h.Logs[0].Entries[seq-1].ID}}
}

// poison adds a message that explicit members always give back.
func poison(h *History) {
	id := ID{2, poisonEvery - 1}
	again(h, id)
	entry := h.Logs[0].Entries[12]
	h.Publishes = append(h.Publishes, Publish{Stream: s1, IDs: []ID{id}, Conn: 3, Attempts: 1, SentAt: at(120), Answered: at(121), Outcome: Acknowledged})
	forEach(h, func(s *Session) {
		if n := len(s.Events); n > 0 && s.End == Stayed {
			e := Event{Entry: entry, At: at(500)}
			if !s.Meta {
				e.Seq, e.Epoch = 0, ""
			}
			s.Events = append(s.Events, e)
		}
	})
	first := h.Groups[0].Sessions[0]
	first.Events = first.Events[:len(first.Events)-1]
	red := h.Followers[2].Sessions[0]
	if entry.Color != "red" {
		red.Events = red.Events[:len(red.Events)-1]
	}
}
