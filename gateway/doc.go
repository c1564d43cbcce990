// Package gateway has the operations that clients ask for: publish, subscribe,
// define, describe, administer. Each is one method of Gateway, and each first
// asks Gateway.authorize whether the principal may do it. The packages below
// only decode requests and encode answers.
//
// # Errors
//
// Methods return the errors of the packages that do the work, or a
// *protocol.Error of their own. Transports turn them with Gateway.Refusal into
// what the client is told: the one table is in errors.go. Causes that are not
// safe to show are logged there.
//
// # Subscriptions
//
// Subscribe fixes the position and returns. The transport sends its answer and
// the header, and then calls Subscription.Start. From then on the workers of the
// topic network call the transport's Sink, which must not block.
//
// # Links
//
// A Go service in the same process is a client like others: Link joins it as a
// principal, with a peer.Link. It goes through the same operations as a WebSocket.
package gateway
