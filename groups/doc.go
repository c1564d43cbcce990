// Package groups shares a topic's messages out among the members of a consumer
// group. It knows a member as a way to hand it messages.
//
// # Sharing
//
// Each message goes to one member that accepts it and has credit, in turn. A
// member's credit is the messages, and the bytes, that it may have been handed
// and not yet acknowledged. A member alone gets everything, in order. A
// message that no present member accepts is passed over for good, so that it
// does not hold up the others.
//
// # Acknowledgement and redelivery
//
// Deliver tags what it hands over; Ack of a tag acknowledges everything up to
// it. What a member had not acknowledged when it left goes to the other
// members at once, oldest first. So every message is delivered at least once
// while the group has members.
//
// # Life
//
// A group begins with its first member, at the topic's head, and ends with its
// last; what was not acknowledged by then is gone with it.
//
// # Locks
//
// Registry.mu is taken before Group.mu, and both before whatever a Member
// locks. A Member must not call back into its Membership from its methods.
package groups
