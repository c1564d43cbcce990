package oracle

import (
	"fmt"
	"time"

	"seagate/client"
)

// An ID identifies a message: its publisher, and its index among that publisher's
// messages.
type ID struct {
	Publisher int `json:"publisher"`
	N         int `json:"n"`
}

func (id ID) String() string { return fmt.Sprintf("%d.%d", id.Publisher, id.N) }

// A body is the payload of a message.
type body struct {
	ID
	Color string `json:"color"`
	Pad   string `json:"pad,omitzero"` // fills the body up to Options.Bytes
}

// The colors of messages. The filter of a token accepts one of them.
var colors = []string{"red", "green", "blue"}

// colorOf returns the color of a message that the gateway should accept.
func colorOf(id ID) string { return colors[(id.Publisher+id.N)%len(colors)] }

// poisonous reports whether explicit members nack the message each time, until it
// becomes a dead letter.
func poisonous(id ID) bool { return id.N%poisonEvery == poisonEvery-1 }

const (
	poisonEvery  = 211
	poisonReason = "poison"
)

// An Instant is a time in nanoseconds since the run began. No two events have the
// same Instant. 0 means never.
type Instant int64

// An Outcome is what a publisher knows about a request that it sent.
type Outcome int

const (
	Unknown Outcome = iota
	Acknowledged
	Refused
)

// A Publish is a message or a batch, and its outcome.
type Publish struct {
	Stream   string
	IDs      []ID
	Key      bool // it was sent under a message id, and repeated until it was answered
	Conn     int  // the last connection it was sent on; publishers share none
	Attempts int
	SentAt   Instant // the first time
	Answered Instant // 0 if never
	Outcome  Outcome
	Code     string // of a refusal
	Answers  []Place
}

// A Place is where a gateway says, in an answer, that the messages of a request stand. A
// request that was sent several times under its key may have several answers.
type Place struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Epoch string `json:"epoch"`
}

// An Entry is a message of the log as a reader saw it.
type Entry struct {
	Seq   uint64
	ID    ID
	Color string
	Epoch string
	Time  time.Time
}

// A Log is the content of a stream at the end of the run.
type Log struct {
	Stream  string
	Epoch   string
	First   uint64 // number of the oldest message that it keeps
	Next    uint64 // number of the next message
	Entries []Entry
}

// An Event is what a consumer received: a message, or a notice of missing
// messages.
type Event struct {
	Entry                      // Seq is 0 without meta
	Missing     client.Missing // the notice; empty for a message
	At          Instant
	Redelivered int
}

// An End is how a session ended.
type End int

const (
	Stayed     End = iota // it stayed until the run was over
	Left                  // the consumer unsubscribed or drained
	Broken                // the connection broke or was cut, or the gateway ended it
	Overtaken             // the gateway ended it, since retention had dropped messages
	Drowned               // the client dropped messages, since the consumer read too slowly
	Mismatched            // the consumer received something that the run did not publish
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

	// For explicit members only.
	Explicit bool
	Acks     map[uint64]Ack
	Nacks    map[uint64]int // how many times, by number
	// UpTo is the number up to which everything was acknowledged, including
	// messages that the member had not received.
	UpTo uint64
}

// An Ack acknowledges a message by its number.
type Ack struct {
	Asked    Instant
	Answered Instant // 0 if never
}

// A Follower is a consumer in no group, with all its sessions.
type Follower struct {
	Name   string
	Stream string
	Color  string // "" sees all
	// Resumes says that each session continues where the one before ended.
	// Otherwise each session is checked by itself.
	Resumes  bool
	Sessions []*Session
	Failure  string // a refusal that the gateway should not have given
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
	Open     []uint64 // numbers that its members had not received when the run gave up
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

// A History is the record of a run.
type History struct {
	Publishes []Publish
	Logs      []Log
	Followers []*Follower
	Groups    []*Group
	Letters   []Letter

	// Trims says that streams may drop messages. Otherwise they must keep all.
	Trims bool
	// Surprises are violations that publishers and consumers found themselves.
	Surprises []Violation

	// Disturbed lists when the gateway was killed, or ended a connection that the
	// oracle had not cut.
	Disturbed []Instant
	// AckTimeout and MaxDeliveries are settings of the gateway. An AckTimeout of
	// 0 is unknown.
	AckTimeout    time.Duration
	MaxDeliveries int
}
