package groups

import "seagate/streams"

// A Share is a message of a batch that a member is handed. Attempt is how often
// the group has handed it out before, as far as that is known: see the package
// comment.
type Share struct{ Index, Attempt int }

// A Member is handed messages. Visible, Deliver and Gap are called by one
// goroutine at a time, without locks, and must not block. End may come from any
// goroutine, also while one of the others is under way.
type Member interface {
	// Visible returns the indices of those messages of b that the member may be
	// handed, in ascending order, or nil for all of them; an empty slice that is
	// not nil is none. The slice may be shared: it is not changed.
	Visible(b *streams.Batch) []int

	// Deliver hands over the messages of b that share names, oldest first. It
	// returns how many of them, from the first, the member took, and a tag,
	// never lower than the one before, by which Membership.Ack names the last
	// of them. After it took fewer than all it is handed nothing until
	// Membership.Resume. The share is the member's until it returns.
	Deliver(b *streams.Batch, share []Share) (taken int, tag uint64)

	// Gap tells that the group lost the messages from first to last: the topic
	// dropped them before the group read them. It returns a tag as Deliver does,
	// by which Membership.Ack says that this has arrived: until a member says
	// so, others are told. Tag 0 is for a member that never acknowledges a gap;
	// it counts as heard. told is false if the member cannot be told.
	Gap(first, last uint64) (tag uint64, told bool)

	// End tells that nothing follows: because the topic was deleted, which is
	// streams.ErrDeleted, or the group, which is ErrNotFound, or because the
	// topic cannot be read. A call of Visible, Deliver or Gap that is under way
	// may return after it.
	End(err error)
}
