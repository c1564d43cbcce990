package oracle

import (
	"fmt"
	"time"

	"seagate/client"
)

// An ID names a message: its publisher, and how many that sent before it.
type ID struct {
	Publisher int `json:"publisher"`
	N         int `json:"n"`
}

func (id ID) String() string { return fmt.Sprintf("%d.%d", id.Publisher, id.N) }

// A body is the payload of a message.
type body struct {
	ID
	Color string `json:"color"`
	Pad   string `json:"pad,omitzero"` // makes it as long as Options.Bytes
}

// The colors of messages. The filter of a token lets one of them through.
var colors = []string{"red", "green", "blue"}

// colorOf returns the color of a message that the gateway should accept.
func colorOf(id ID) string { return colors[(id.Publisher+id.N)%len(colors)] }

// poisonous reports whether explicit members give a message back each time that
// they receive it, until it becomes a dead letter.
func poisonous(id ID) bool { return id.N%poisonEvery == poisonEvery-1 }

const (
	poisonEvery  = 211
	poisonReason = "poison"
)

// An Instant is a time in nanoseconds since the run began. No two things happen
// at the same Instant. 0 means never.
type Instant int64

// An Outcome is what a publisher knows about what it sent.
type Outcome int

const (
	Unknown Outcome = iota
	Acknowledged
	Refused
)

// A Publish is one message, or one batch, and what became of it.
type Publish struct {
	Stream   string
	IDs      []ID
	Key      bool // it had an id, and was repeated under it until it was answered
	Conn     int  // the connection that it was sent on last; no two publishers share one
	Attempts int
	SentAt   Instant // first
	Answered Instant // 0 if never
	Outcome  Outcome
	Code     string // why it was refused
}

// An Entry is a message as a reader saw it in the log.
type Entry struct {
	Seq   uint64
	ID    ID
	Color string
	Epoch string
	Time  time.Time
}

// A Log is what a stream held in the end.
type Log struct {
	Stream  string
	Epoch   string
	First   uint64 // number of the oldest message that it keeps
	Next    uint64 // number of the message that would be next
	Entries []Entry
}

// An Event is what a consumer received: a message, or the notice that some are
// missing.
type Event struct {
	Entry                      // Seq is 0 without meta
	Missing     client.Missing // of a notice
	At          Instant
	Redelivered int
}

// An End is how a session ended.
type End int

const (
	Stayed     End = iota // it stayed until everything was consumed, or nothing more came
	Left                  // it unsubscribed
	Broken                // its connection broke, or the gateway ended the connection
	Overtaken             // the gateway ended it because it had lost messages
	Drowned               // it read too slowly, so that its own client dropped messages
	Mismatched            // it received what is no message of the run
)

func (e End) String() string {
	return [...]string{"stayed", "left", "broken", "overtaken", "drowned", "mismatched"}[e]
}

// A Session is one subscription of a consumer.
type Session struct {
	From     client.Position
	Meta     bool
	Joined   client.Joined // zero without meta
	AskedAt  Instant
	JoinedAt Instant
	Events   []Event
	End      End
	EndedAt  Instant

	// Of explicit members.
	Explicit bool
	Acks     map[uint64]Ack
	Nacks    map[uint64]int // how often
	// UpTo is the number up to which everything was acknowledged, also what the
	// member had not received yet.
	UpTo uint64
}

// An Ack is an acknowledgement of a message by its number.
type Ack struct {
	Asked    Instant
	Answered Instant // 0 if never
}

// A Follower is a consumer that shares with nobody, over all its sessions.
type Follower struct {
	Name   string
	Stream string
	Color  string // "" sees all
	// Resumes says that each session goes on where the one before ended. If not,
	// each session is checked by itself.
	Resumes  bool
	Sessions []*Session
	Failure  string // a refusal of the gateway that should not have been
}

// A Group is what all members of a consumer group received.
type Group struct {
	Name     string // its id
	Stream   string
	Start    uint64 // number of its first message
	Members  int
	Explicit bool // all its members acknowledge explicitly
	Sessions []*Session
	Failure  string
	Open     []uint64 // numbers that its members still waited for when the run gave up
}

// A Letter is a message of a dead-letter stream.
type Letter struct {
	Stream     string `json:"streamName"`
	Seq        uint64 `json:"seq"`
	Group      string `json:"groupId"`
	Deliveries int    `json:"deliveries"`
	Reason     string `json:"reason"`
	Payload    body   `json:"payload"`
}

// A History is everything that is known about a run.
type History struct {
	Publishes []Publish
	Logs      []Log
	Followers []*Follower
	Groups    []*Group
	Letters   []Letter

	// Trims says that streams may drop messages. If not, they must keep all.
	Trims bool
	// Surprises are violations that publishers and consumers saw themselves.
	Surprises []Violation

	// Disturbed lists when the gateway was disturbed: it was killed, or it ended
	// a connection that the oracle had not cut.
	Disturbed []Instant
	// AckTimeout and MaxDeliveries are those of the gateway. An AckTimeout of 0
	// means that it is not known.
	AckTimeout    time.Duration
	MaxDeliveries int
}
