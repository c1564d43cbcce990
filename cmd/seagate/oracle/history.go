package oracle

import (
	"fmt"
	"time"

	"seagate/client"
)

// An ID names a message: it is the count-th of a publisher.
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

// The colors of messages. A token sees one of them.
var colors = []string{"red", "green", "blue"}

// colorOf is the color of a message that is to be accepted.
func colorOf(id ID) string { return colors[(id.Publisher+id.N)%len(colors)] }

// poisonous says whether explicit members give a message back whenever they
// get it, until it becomes a dead letter.
func poisonous(id ID) bool { return id.N%poisonEvery == poisonEvery-1 }

const (
	poisonEvery  = 211
	poisonReason = "poison"
)

// An Instant is when something happened: nanoseconds since the run began. No
// two things happen at one Instant. 0 is never.
type Instant int64

// An Outcome is what a publisher knows of what it sent.
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
	Stayed     End = iota // until everything had been consumed, or nothing more came
	Left                  // of its own will
	Broken                // its connection broke, or the gateway ended it
	Overtaken             // messages were lost, said the gateway, and ended it
	Drowned               // it read too slowly for its own client, which dropped messages
	Mismatched            // it received what it cannot have, and stopped
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
	// UpTo is up to where everything was acknowledged, also what had not been
	// looked at yet.
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
	// Resumes says that its sessions go on where the one before ended. The
	// others stand for themselves.
	Resumes  bool
	Sessions []*Session
	Failure  string // what the gateway refused that it should not have
}

// A Group is what all members of a consumer group received.
type Group struct {
	Name     string // its id
	Stream   string
	Start    uint64 // the first message that is its
	Members  int
	Explicit bool // all its members acknowledge explicitly
	Sessions []*Session
	Failure  string
	Open     []uint64 // what its members waited for when everybody gave up
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

// A History is all that is known of a run.
type History struct {
	Publishes []Publish
	Logs      []Log
	Followers []*Follower
	Groups    []*Group
	Letters   []Letter

	// Trims says that streams may drop messages. If not, they must have all.
	Trims bool
	// Surprises are violations that whoever worked on the run saw itself.
	Surprises []Violation

	// Disturbed lists when the gateway was, as far as anybody noticed: it
	// was killed, or connections ended that nobody here had cut.
	Disturbed []Instant
	// AckTimeout and MaxDeliveries are those of the gateway. An AckTimeout of
	// 0 is not known.
	AckTimeout    time.Duration
	MaxDeliveries int
}
