// Package groups shares a topic's messages out among the members of a consumer
// group, each at least once. It knows a member as a way to hand it messages.
//
// # Sharing
//
// Each message goes to one member that accepts it and has credit, in turn. A
// member's credit is the messages, and the bytes, that it may have been handed
// and not yet acknowledged. A member alone gets everything, in order. A
// message that no present member accepts is passed over for good, so that it
// does not hold up the others.
//
// # Done
//
// A group is done with a message that was acknowledged, passed over, made a
// dead letter, or lost to retention. Its position is the lowest number that it
// is not done with; beyond that it keeps the spans of numbers that it is done
// with. It reads no further than Options.Window messages beyond its position:
// a message that nobody acknowledges holds up, in the end, all that comes.
//
// # Acknowledgement and redelivery
//
// Deliver tags what it hands over; Ack of a tag acknowledges everything up to
// it. A member that joined explicitly acknowledges by numbers instead, and has
// Options.AckTimeout for each message; what it did not acknowledge by then, or
// gave back by Nack, has failed and is handed out again. Until it is, a late
// acknowledgement counts. What a member had not acknowledged when it left goes
// to the other members at once, oldest first, or waits for the next one; that
// is no failure. Members of both kinds may share a group.
//
// Share.Attempt is how often a message was handed out before.
//
// A message that failed Options.MaxDeliveries times is handed to
// Options.DeadLetter. Until that has succeeded the group is not done with it:
// it is tried again, and after a restart too. What waits for its dead letter,
// or for the delay of a Nack, is bounded by Options.AsideBytes; while there is
// more, nothing new is handed out.
//
// # Gaps
//
// Of messages that were lost to retention all members are told, and, if they
// leave before one of them says that it heard, those that come after them. So
// a gap may be told more than once, also after a crash. A group remembers up to
// 1,024 of which nobody has heard.
//
// # Life
//
// A group begins with its first member, where that one asked for, and Join
// returns once this is durable. It ends when it is deleted, its topic is, or
// nobody was a member for Options.IdleTimeout. Without members it costs some
// hundred bytes of memory, and goes on for the next one where it was.
//
// What a group is done with, and how often it handed out the rest, is written
// every Options.Checkpoint if it changed, and by Registry.Close. So after a
// crash come again the messages that were acknowledged within the last
// interval and the time that it took to write, and no others; attempts are
// those that were written. What is written is never ahead of what is done.
//
// A log that was made anew while the registry was closed is read from its
// first message. If a log came back shorter than the group had read, the group
// goes on behind it.
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
// taken before Registry.mu, that before the group's mu, and this before the
// locks of alarms, errands and changed, and those of streams. Nothing is read
// or written, and no member is called, with mu held. So a Member may call its
// Membership from its methods.
//
// # Goroutines
//
// A Registry has three: the keeper writes and deletes, one rings alarms, and
// one carries dead letters. Close stops them and waits.
package groups
