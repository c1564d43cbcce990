// Package gateway has the operations that clients ask for: publish, subscribe,
// define, describe, administer. Each is one method of Gateway, and each begins
// by asking, in one place (authorize.go), whether the principal may. The
// transports in the packages below (ws, httpapi, admin) only decode what was
// asked and encode what came of it.
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
// Subscribe takes the position and returns; the transport sends its answer and
// the header, and then calls Subscription.Start. From then on the transport's
// Sink is called by the workers of the topic network and must not block.
package gateway
