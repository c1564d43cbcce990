package peer

import (
	"time"

	"seagate/streams"
)

// A Member receives its share of the messages of a consumer group. Its methods
// are called by one goroutine at a time and must not block.
type Member interface {
	// Deliver offers messages, the oldest first, and returns how many of them,
	// from the first, the member took. The member must acknowledge each of these,
	// or give it back, with its Membership, in time; otherwise somebody else gets
	// it. After fewer than all, nothing comes until Membership.Resume.
	Deliver(messages []Delivery) (taken int)

	// Gap tells that the group lost messages: their topic dropped them before the
	// group had read them.
	Gap(first, last uint64)

	// End tells that the membership has ended, because the topic or the group was
	// deleted or cannot be read.
	End(err error)
}

// A Delivery is a message as a member gets it.
type Delivery struct {
	*streams.Message
	Redelivered int // how often the group has delivered it before
}

// MemberOptions say how to join a group.
type MemberOptions struct {
	Group  string          // a UUID; each client has groups of its own
	From   streams.StartAt // where a new group begins; one that exists goes on
	Credit int             // unacknowledged messages of this member; 0 is the gateway's default
}

// A Membership is a member's place in its group. Its methods but Close may wait
// for the gateway. Safe for concurrent use.
type Membership interface {
	Start()

	// Resume says that a member which took fewer messages than it was offered may
	// have room again.
	Resume()

	// Ack acknowledges messages by their numbers. Those that the member does not
	// have are ignored.
	Ack(seqs ...uint64) error

	// Nack gives messages back, which are delivered again after the delay. The
	// reason is for people.
	Nack(reason string, delay time.Duration, seqs ...uint64) error

	// Close leaves the group. What was not acknowledged goes to other members.
	Close()
}
