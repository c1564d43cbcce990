// Package client is the Go client of a stream-sea gateway: its HTTP API and
// its WebSocket.
//
// # HTTP
//
// A Client's methods are one HTTP call each: publish, define and read schemas,
// read what a stream keeps, look after streams, groups, clients and jails. A
// Client is safe for concurrent use and keeps connections for the next call.
// What changes something is not sent twice, unless it has an id as in
// PublishOnce, which makes that harmless.
//
// # WebSocket
//
// Client.Dial opens an authenticated Conn, on which any number of goroutines
// subscribe and publish at once. Requests go out one after the other and are
// answered in that order; up to 256 may be unanswered. A context that ends
// gives up waiting for an answer, and does not take the request back.
//
// Client.Follow keeps one subscription running across lost connections.
//
// # Positions
//
// The messages of a stream are numbered from 1. A number is good together with
// the stream's epoch: once that is another one, the gateway refuses the number
// with position_lost, since it may mean another message. A subscription with
// Meta has both with each message, and is told which messages are Missing,
// because the stream no longer keeps them. To miss nothing, keep the Seq and the
// Epoch of the last message that was dealt with and begin at AtSeq(Seq+1).
//
// # Acknowledging
//
// The members of a group acknowledge a message by reading it from the
// connection, before Next returns it. A subscription that is Explicit says
// itself when it is done with a message, with Ack, or that it cannot be, with
// Nack. What it says neither of in time is delivered again.
//
// # Back-pressure
//
// What arrives for a Subscription waits in a queue of Options.QueueBytes until
// Subscription.Next takes it. While that queue is full the connection is not
// read, so that the gateway holds the messages and not this process. That
// holds up everything else on the connection too, the answers to its requests
// and the gateway's pings included. Therefore a subscription from which nothing
// is taken for 8 s while its queue is full ends with ErrSlow: the gateway
// drops a client that leaves a ping unanswered for 15 s. The
// connection goes on, unless the subscription is a group's: then it ends too,
// so that others of the group are given what was dropped. (A gateway with
// streams.ungrouped = "client-group" has groups that the client cannot know of:
// read in time, or give a Group.) Subscriptions that must not hold each other up belong on
// connections of their own.
//
// # Ends
//
// A connection ends when Close is called, when the gateway ends it, or when it
// breaks; one that is silent for 70 s counts as broken, since a gateway pings
// every 30 s at least. Its subscriptions end with it: Next returns what
// was received before and then the reason.
//
// # Errors
//
// What the gateway says is an *Error with one of the codes of package
// protocol, whichever way it came. Whatever else went wrong on the way to the
// gateway and back is an ErrConnection. Both come wrapped in what was being
// attempted.
//
// # JSON
//
// Payloads and definitions are values that github.com/go-json-experiment/json
// marshals. A jsontext.Value goes out as it is, white space aside; it must be
// one JSON value without duplicate keys. What comes in is handed out raw.
package client
