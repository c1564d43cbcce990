// Package gateway has the operations that clients ask for: publish, subscribe,
// define, describe, administer. Each is one method of Gateway, and each first
// asks Gateway.authorize whether the principal may do it. The packages below
// only decode requests and encode answers.
//
// # Files
//
//	publish, header, messages, plan        messages: publish, read, try out
//	subscribe, subscription, consumer,
//	merged, waiting, provide               those who read and provide streams
//	define, stream, policy, groups,
//	deadletter, jobs                       streams and their groups
//	services, servicedefs                  services and their definitions
//	tenancy, keys, quotas, import, backup  jails and clients
//	login, connections, inspect            who is connected, and what the gateway does
//	explain..., evaluate, filterview       what happened to a message, and why
//	link...                                services in the gateway's own process
//	authorize, audit                       who may do what, and who did
//	filters, large, rates, shares,
//	unfinished                             what keeps one client from harming others
//	errors, problem, metrics, tracing,
//	probe                                  what clients and operators are told
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
