// Package groups shares a topic's messages out among the members of consumer
// groups: each message goes to one member of each group, at least once. A
// member is a way to hand messages over; the package knows nothing else of it.
//
// # Sharing
//
// The members that accept a message and have credit take turns. A member's
// credit is how many messages, and how many bytes, it may have in flight: handed
// over and not acknowledged. A member alone gets everything, in order. A message
// that no present member accepts is passed over for good, so that it does not
// hold up the others.
//
// # Done
//
// A group is done with a message that was acknowledged, passed over, made a
// dead letter, or lost to retention. Its position is the lowest number that it
// is not done with; beyond that it keeps the spans of numbers that it is done
// with: see package progress. It reads at most Options.Window messages beyond
// its position, so a message that nobody acknowledges holds up those that come
// later in the end.
//
// # Acknowledgement and redelivery
//
// Deliver tags what it hands over; Ack of a tag acknowledges everything up to
// it. A member that joined explicitly acknowledges by numbers instead, and has
// Options.AckTimeout for each message. What it does not acknowledge by then, or
// gives back with Nack, has failed and is handed out again. Until somebody else
// has taken it, a late acknowledgement counts. What a member has in flight when
// it leaves goes to the other members at once, oldest first, or waits for the
// next one; that is no failure. Members of both kinds may share a group.
//
// Share.Attempt is how often a message was handed out before.
//
// A message that failed Options.MaxDeliveries times is handed to
// Options.DeadLetter. Until that has succeeded the group is not done with it:
// it is tried again, and after a restart too. What waits for its dead letter,
// or for the delay of a Nack, is bounded by Options.SetAsideBytes; while there
// is more, nothing new is handed out.
//
// # Gaps
//
// All members are told of messages that were lost to retention. If they leave
// before one of them says that it heard, those that come after them are told.
// So a gap may be told more than once, also after a crash. A group remembers up
// to 1,024 gaps of which nobody has heard.
//
// # Life
//
// A group begins with its first member, where that one asked for, and Join
// returns once this is durable. It ends when it is deleted, when its topic is,
// or when it had no members for Options.IdleTimeout. Without members it costs
// some hundred bytes of memory; the next member goes on where it was.
//
// What a group is done with, and how often it handed out the rest, is written
// every Options.Checkpoint if it changed, and by Registry.Close. So after a
// crash, messages come again that were acknowledged within the last interval
// and the time that the write took, and no others; attempts are those that were
// written. A record is never ahead of what is done.
//
// A log that was made anew while the registry was closed is read from its first
// message. If a log came back shorter than the group had read, the group goes
// on behind its end.
//
// # Delivery
//
// A group is one consumer of its topic, and only the topic's worker hands
// messages and gaps to members, one call at a time and without locks. Whoever
// acknowledges, gives back, joins or leaves changes the group's state, wakes the
// worker, and returns. A message that is being handed over is in flight from the
// moment that it is assigned: what happens to it before the member's call
// returns (an acknowledgement, a member that leaves, a move) counts.
//
// # Locks
//
// A group's recordMu, which is held while its record is read or written, is
// taken before Registry.mu, that before Topic.mu, and that before the group's
// mu. The locks of changes and deadLetters, and those of streams, come last.
// Nothing is read or written, and no member is called, with a group's mu held.
// So a Member may call its Membership from its methods.
//
// # Goroutines
//
// A Registry has a keeper, which writes and deletes records, and a goroutine
// that hands over dead letters as long as there are any. Close waits for both.
// Groups with delays or deadlines have a timer of the runtime.
package groups
