// Package peer is how the parts of a system find and call each other: services
// and their servers, calls and signals, addresses and mailboxes.
//
// # One mechanism
//
// A Server offers named procedures of a service. A call goes to one of the
// service's servers and is answered; a signal is not answered. Everything else
// is made of that:
//
//   - A name that is unique is a service with a Sole server.
//   - An Address is the name of a service that only its Link can serve, and a
//     port is a procedure of it. So a message to an address is a signal, and one
//     to a dead address fails at once.
//   - Whoever waits for a name, or wants to know when a client is gone, watches
//     the number of servers (Link.Watch).
//
// # Links and spaces
//
// A Link joins a client to the network, in one space. A link reaches nothing
// outside of its space. Whoever makes the link says who the client is, so the
// client itself cannot choose what servers are told of it. With a link end the
// client's servers, in topics, out topics and calls.
//
// # Calls
//
// A call has a deadline and gets exactly one end: a result or an error; before
// it there may be parts. Link.Fetch fails at once if there is no such service or
// procedure, or if all servers are busy. Otherwise Replies has the end, at the
// latest at the deadline. If a server's link ends, its calls fail with
// ErrServerGone at once.
//
// Several servers of one service take turns. A server has at most Offer.Credit
// calls under way, and may refuse a call when it has no room. A server is told
// when a call that it took ended without its answer, and from then on the call
// does not count against its credit.
//
// # Concurrency
//
// Nothing here waits for a client: the methods of Server and Replies must not
// block. No goroutine belongs to a call. Calls of one caller and of one server
// end in any order, so a slow one delays no other.
package peer
