package groups

import "seagate/streams"

// A Share is a message that a member is handed. Index is its index in the batch.
// Attempt is the number of earlier deliveries by the group. After a crash, this
// is the number in the last record that was written.
type Share struct{ Index, Attempt int }

// A Member receives messages. Visible, Deliver and Gap are called by one goroutine
// at a time, without locks, and must not block. End may be called from any
// goroutine, also during a call of the others.
type Member interface {
	// Visible returns the indices of the messages of b that the member accepts, in
	// ascending order. nil means all messages, and an empty slice that is not nil
	// means none. The group does not modify the slice.
	Visible(b *streams.Batch) []int

	// Deliver hands over the messages of b that share lists, oldest first. It
	// returns how many of them, from the first, the member took, and a tag.
	// Membership.Ack of this tag acknowledges them. Tags must never go down. If
	// the member took fewer than all, it is handed nothing until
	// Membership.Resume. The member must not keep share after it returns.
	Deliver(b *streams.Batch, share []Share) (taken int, tag uint64)

	// Gap tells that the group lost the messages from first to last: retention
	// removed them before the group read them. It returns a tag as Deliver does.
	// Membership.Ack of this tag acknowledges the gap; until a member does so,
	// others are told when this one leaves. Tag 0 counts as acknowledged: it is
	// for members that do not acknowledge gaps. told is false if the member
	// cannot be told.
	Gap(first, last uint64) (tag uint64, told bool)

	// End tells that the membership has ended. err is streams.ErrDeleted if the
	// topic was deleted, ErrNotFound if the group was, ErrDrained after
	// Membership.Drain, or the error with which the topic cannot be read. A call of
	// Visible, Deliver or Gap that began before may return after End, but not after
	// ErrDrained.
	End(err error)
}
