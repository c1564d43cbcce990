// Package client is the Go client of a stream-sea gateway, for its HTTP API and
// its WebSocket.
//
// # HTTP
//
// The methods of a Client are one HTTP call each. They publish, define and read
// schemas, read messages, and manage streams, groups, clients and jails. A Client
// is safe for concurrent use and keeps connections for the next call. It does not
// repeat a call that changes something, unless the call has an id that makes this
// harmless, as PublishOnce has.
//
// # WebSocket
//
// Client.Dial opens an authenticated Conn. Any number of goroutines can subscribe
// and publish on it at the same time. Requests are sent one after the other and
// answered in that order. Up to 256 of them can be without an answer. When a
// context ends, its caller stops waiting for the answer, but the request stays
// sent.
//
// Client.Follow keeps one subscription running when connections are lost, and misses
// nothing that the stream keeps. Client.Provide keeps a stream provided in the same way.
//
// # Services
//
// Client.Serve answers calls of a service's procedures with functions of Go, and
// serves again when connections are lost; Conn.Serve does so on one connection.
// Conn.Fetch calls a procedure and waits for its result, while other calls and
// requests of the connection go on; Client.Fetch does so over HTTP. Conn.Signal sends
// a message that is not answered.
//
// # Positions
//
// The messages of a stream have numbers from 1 on. A number is valid together with
// the stream's epoch. Once the stream has another epoch, the number may mean
// another message, and the gateway refuses it with position_lost. A subscription
// with Meta has number and epoch in each message, and is told which messages are
// Missing because the stream no longer keeps them. To miss nothing, keep the Seq
// and the Epoch of the last message that is done, and begin at AtSeq(Seq+1).
//
// # Acknowledging
//
// A member of a group acknowledges a message by reading it from the connection,
// before Next returns it. An Explicit subscription acknowledges messages with Ack,
// or gives them back with Nack. A message with neither is delivered again after
// some time. Subscription.Drain lets a member leave once it has done what it was handed,
// so that the others do not get that again; FollowOptions.Drain does so for Follow.
//
// # Back-pressure
//
// Messages wait in a queue of Options.QueueBytes until Subscription.Next takes
// them. While the queue of one subscription is full, the client does not read from
// the connection, so that messages stay in the gateway and not in this process.
// This delays everything else on the connection, including answers and the
// gateway's pings. Therefore a subscription ends with ErrSlow if its queue is full
// and nothing is taken from it for 8 s.
//
// The 8 s are less than the time after which a gateway drops a client that does
// not answer a ping. That is three quarters of the gateway's ping interval, 15 s by
// default. A gateway with a ping interval below 11 s may end the connection first.
//
// After ErrSlow the connection goes on, unless the subscription is a group's. Then
// the connection ends as well, so that other members of the group get the messages
// that were dropped. With the setting streams.ungrouped = "client-group", a gateway
// has groups that the client does not know of: read in time, or give a Group. Use
// several connections for subscriptions that must not delay each other.
//
// # Ends
//
// A connection ends when Close is called, when the gateway ends it, or when it
// breaks. A connection that is silent for 70 s counts as broken, since a gateway
// pings every 30 s at least. The subscriptions of a connection end with it. Next
// returns the messages that were received before, and then the reason.
//
// # Errors
//
// A refusal of the gateway is an *Error with one of the codes of package protocol,
// over HTTP as over the WebSocket. Every other error on the way to the gateway or
// back is an ErrConnection. Both are wrapped in a text that says what was
// attempted.
//
// # JSON
//
// Payloads and definitions are values that github.com/go-json-experiment/json
// marshals. A jsontext.Value is sent as it is, except for white space. It must be
// one JSON value without duplicate keys. What the client returns is raw JSON.
package client
