// Package link joins networks, so that a client of one reaches the topics,
// services and addresses of the others.
//
// A Switch stands for one network: its topics and its hub. Connect links two
// switches at a cost. Clients join with Switch.Join; what they provide and serve
// is announced to all switches that can be reached. What is opened without a
// switch stays in its own network.
//
// # Routes
//
// A topic, service or address is reached where it is offered at the least cost,
// which is the sum over the links between. When that changes, the next best is
// used. Each switch knows the links and offers of all others: it tells its
// neighbors what has changed, under a number that grows, and they pass on only what
// is new to them. So nothing circulates in a ring for ever, and what was withdrawn is
// forgotten everywhere.
//
// # Topics
//
// An in topic reads the log of the provider's network itself, from its own
// cursor, so there is no copy, no queue on the way, and header, state and
// positions are the provider's. If the way changes and the log is the same, the
// in topic continues at its epoch and number: without gap or repeat. If another
// network provides the topic now, the consumer first gets what was accepted by
// the old one, if that can still be reached. Then it is told that the log is
// another (peer.Rerouter) and gets what the new one accepts from then on. A topic
// that nobody provides is read where it was read last, or at home.
//
// # Services
//
// A call goes to the nearest network whose servers have room. It fails with
// peer.ErrServerGone at once if that cannot be reached any more. A name
// is unique only in its own network.
package link
