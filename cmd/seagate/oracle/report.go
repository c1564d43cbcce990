package oracle

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// A Kind of violation is the promise that was broken.
type Kind string

const (
	Lost         Kind = "lost"           // an acknowledged message is not in the log
	RefusedThere Kind = "refused"        // a refused message is in the log
	Twice        Kind = "twice"          // a message has two numbers
	Invented     Kind = "invented"       // the log has a message that nobody sent to this stream
	Numbering    Kind = "numbering"      // a sequence number is missing, or occurs twice
	Conflict     Kind = "conflict"       // one number was seen with two messages
	OtherEpoch   Kind = "epoch"          // the stream changed its epoch
	Order        Kind = "order"          // messages are not in the order in which one connection sent them
	Position     Kind = "position"       // an answer to a publish says that the message stands where it does not
	TornBatch    Kind = "batch"          // a batch has others in between, or a part of it is missing
	WrongStart   Kind = "start"          // a subscription began where it should not have
	Hole         Kind = "hole"           // a follower lacks a message
	Repeat       Kind = "repeat"         // a message was redelivered for no reason
	Filtered     Kind = "filter"         // a consumer received a message that its filter rejects
	FalseGap     Kind = "false gap"      // a consumer was told that a message is missing, but it is not
	Untold       Kind = "untold gap"     // a message is missing, and the consumer was not told
	Incomplete   Kind = "incomplete"     // a consumer that stayed did not get the end
	GroupHole    Kind = "group hole"     // no member of the group got the message
	Unsettled    Kind = "unsettled"      // explicit members got a message, but it was neither acknowledged nor dead-lettered
	AckedAgain   Kind = "acked again"    // a message was redelivered long after its acknowledgement
	DeadLetter   Kind = "dead letter"    // a dead letter has no cause, or wrong contents
	NoDeadLetter Kind = "no dead letter" // a message always failed, and there is no dead letter
	Surprise     Kind = "surprise"       // the gateway gave a wrong answer
)

// A Violation is one promise broken once.
type Violation struct {
	Kind   Kind   `json:"kind"`
	Stream string `json:"stream"`
	Text   string `json:"text"`
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %s", v.Kind, v.Stream, v.Text) }

// A Summary counts what happened in a run.
type Summary struct {
	Messages     int `json:"messages"` // sent
	Acknowledged int `json:"acknowledged"`
	Refused      int `json:"refused"`
	Unknown      int `json:"unknown"`
	Repeated     int `json:"repeated"`    // sent again under their id
	Delivered    int `json:"delivered"`   // to all consumers
	Redelivered  int `json:"redelivered"` // by groups
	DeadLetters  int `json:"deadLetters"`
	Dropped      int `json:"dropped"`    // by retention
	Missing      int `json:"missing"`    // reported as missing, once for each report
	Overtaken    int `json:"overtaken"`  // sessions that the gateway closed because they lost messages
	Drowned      int `json:"drowned"`    // sessions whose own client dropped messages because they read too slowly
	Sessions     int `json:"sessions"`   // of consumers
	Reconnects   int `json:"reconnects"` // of consumers, beyond the first session
	Disturbances int `json:"disturbances"`
}

// A Report is what Check found.
type Report struct {
	Summary    Summary      `json:"summary"`
	Violations []Violation  `json:"violations"`
	More       map[Kind]int `json:"more"` // violations beyond the limit of their kind
	limit      int
	counts     map[Kind]int // violations within the limit
}

func newReport(limit int) *Report {
	return &Report{More: map[Kind]int{}, limit: limit, counts: map[Kind]int{}}
}

func (r *Report) add(kind Kind, stream, format string, args ...any) {
	if r.counts[kind] == r.limit {
		r.More[kind]++
		return
	}
	r.counts[kind]++
	r.Violations = append(r.Violations, Violation{kind, stream, fmt.Sprintf(format, args...)})
}

// OK reports whether the gateway kept every promise.
func (r *Report) OK() bool { return len(r.Violations) == 0 }

// WriteTo writes the report as text.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var written int64
	line := func(format string, args ...any) error {
		n, err := fmt.Fprintf(w, format+"\n", args...)
		written += int64(n)
		return err
	}
	for _, v := range r.Violations {
		if err := line("VIOLATION %v", v); err != nil {
			return written, err
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(r.More)) {
		if err := line("VIOLATION %s: %d more", kind, r.More[kind]); err != nil {
			return written, err
		}
	}
	s := r.Summary
	return written, line("%d messages: %d acknowledged, %d refused, %d unknown; %d sent again\n"+
		"%d deliveries in %d sessions, %d of them reconnects; %d redelivered, %d dead letters; %d disturbances\n"+
		"%d dropped, %d told as missing, %d sessions closed for it, %d drowned\n"+
		"%d violations", s.Messages, s.Acknowledged, s.Refused, s.Unknown, s.Repeated,
		s.Delivered, s.Sessions, s.Reconnects, s.Redelivered, s.DeadLetters, s.Disturbances,
		s.Dropped, s.Missing, s.Overtaken, s.Drowned, r.total())
}

func (r *Report) total() int {
	n := len(r.Violations)
	for _, more := range r.More {
		n += more
	}
	return n
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
