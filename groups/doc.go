// Package groups shares a topic's messages out among the members of consumer
// groups: each message goes to one member of each group, at least once. The
// package knows a member only by the interface Member, which takes messages.
//
// # Sharing
//
// The members that accept a message and have credit take turns. A member's
// credit is how many messages, and how many bytes, it may have in flight: handed
// over and not acknowledged. That of a member that acknowledges tags grows and
// shrinks with the time that it takes: see TagCredit. A single member gets
// everything, in order. A group skips a message for good if no present member
// accepts it, so that the message does not hold up the others.
//
// # Done
//
// A group is done with a message that was acknowledged, skipped, dead-lettered,
// or lost to retention. Its position is the lowest sequence number that it is
// not done with. Above the position it keeps the spans of numbers that it is
// done with: see package progress. It reads at most Options.Window numbers
// from its position on, so a message that nobody acknowledges eventually stops
// the group.
//
// # Acknowledgement and redelivery
//
// Member.Deliver returns a tag for the messages that the member took. Ack of a
// tag acknowledges everything up to it. An explicit member (JoinOptions.Explicit)
// acknowledges sequence numbers instead, and has Options.AckTimeout for each
// message. If it does not acknowledge a message in time, or returns it with
// Nack, the message has failed and is handed out again. A late acknowledgement
// counts until another member has taken the message. When a member leaves, its
// messages in flight go to the other members at once, oldest first, or wait for
// the next member. This does not count as a failure. A group may have members
// of both kinds.
//
// A member that calls Membership.Drain is leaving: it is handed nothing more, keeps
// what it has in flight, with the same deadlines, and leaves when it has settled that.
// So others are not handed messages that it is about to acknowledge.
//
// Share.Attempt is the number of earlier deliveries of a message.
//
// A message that failed Options.MaxDeliveries times is passed to
// Options.DeadLetter. The group is not done with the message until DeadLetter
// has succeeded, and retries it, also after a restart. Options.SetAsideBytes
// bounds the messages that wait for DeadLetter or for the delay of a Nack. While
// they reach it, nothing new is handed out.
//
// # Gaps
//
// A gap is a span of messages that were lost to retention. All members are told
// of it. If they leave before one of them acknowledges the gap, later members are
// told. So a gap may be told more than once, also after a crash. A group remembers
// up to 1,024 gaps that nobody has acknowledged. Beyond that it forgets the oldest.
//
// # Life
//
// The first member creates the group, and chooses where it begins. Join returns
// once the group is durable. A group is deleted by Delete, with its topic, or
// after it had no members for Options.IdleTimeout, or Options.AbandonedTimeout if
// nobody is expected to come back. A group without members keeps its position and
// takes some hundred bytes of memory, beside what it remembers for Topic.Trace.
//
// Each group has a record: what it is done with, and how often it handed out the
// rest. A changed record is written every Options.Checkpoint, and by
// Registry.Close. After a crash, the group redelivers the messages that were
// acknowledged since the last complete checkpoint began, and no other acknowledged
// messages. The counts of attempts are those of the record. A record never counts a
// message as done before the group does.
//
// Topic.Trace says what a group knows of one message. A group remembers how it became done
// with its messages: for the last 32 runs of consecutive messages, in at most 1,280 bytes of
// memory. An abandoned group remembers nothing of this, and a restart forgets it.
//
// If a log was recreated while the registry was closed, the group reads it from
// its first message. If a log lost messages at its end that the group had read,
// the group continues with the next message of the log.
//
// # Delivery
//
// A group is one consumer of its topic. Only the topic's worker hands messages
// and gaps to members, one call at a time and without locks. Ack, Nack, Join,
// Start and Leave change the group's state, wake the worker if it has something
// to do, and return. A message is in flight as soon as it is assigned to a
// member. So an acknowledgement, a Leave or a Move counts, even if it comes
// before Member.Deliver returns.
//
// # Locks
//
// The order of locks is group.recordMu, Registry.mu, Topic.mu, group.mu. The
// locks of changes and deadLetters, and those of streams, come last. recordMu is
// held while the group's record is read or written. While group.mu is held, no
// storage is used and no member is called. So a Member may call its Membership
// from its methods.
//
// # Goroutines
//
// A Registry has two goroutines: the keeper writes and deletes records and samples
// lags, and another one calls Options.DeadLetter while there are dead letters. Close
// waits for both. Up to 64 more goroutines write or delete records at the same time;
// the function that starts them waits for them. A group with delays or deadlines has a runtime timer.
package groups
