// Package session implements the stream-sea dialogue with one client, over any
// connection: numbered requests and their answers, subscriptions and their
// deliveries. It knows neither frames nor sockets. The transport hands it whole
// messages and an outbox, and frames what it sends (see Link).
//
// # Requests
//
// The transport calls Handle with one message after the other. The first has
// to authenticate. Answers come in the order of the requests, although several
// publishes may be under way at a time: see outbox.Answers.
//
// # Deliveries
//
// The workers of the topic network call the sink of each subscription. What a
// message looks like depends on the subscription's id and on little else, so
// frames are encoded once per batch, and shared by the subscriptions whose frames
// are equal.
//
// # Acknowledgement
//
// Clients of the original server do not acknowledge, so the session does it for
// them: messages of a group are followed by a probe, and its answer proves that
// the client's connection has read everything before it.
package session
