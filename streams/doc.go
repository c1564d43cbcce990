// Package streams is the topic network: topics with an order, a header, a
// state and a tail in memory, and the in topics that read them by cursor. It
// knows no connections, principals or schemas.
//
// # Order
//
// A topic numbers its messages from 1, without holes, in the order in which
// Send accepted them. Every in topic sees them in that order. The state of a
// topic (registered, paused) travels in order with the messages: who is told
// that a topic was paused has seen all that was sent before.
//
// # Joining
//
// Topic.In takes the header, the state and the position together. What Start
// then delivers is exactly what came after: no gap, no repeat.
//
// # Delivery and back-pressure
//
// Delivery runs in passes. A pass takes what has come since the last one and
// offers it to each consumer in one call. The passes of one consumer are run
// by one worker, chosen by the lane that it joined with; so nothing is ever
// delivered to one consumer by two goroutines at once. A consumer never
// blocks: it takes as many messages as it has room for. One that took fewer
// is left alone until it calls InTopic.Resume, and then reads on from its
// cursor at its own pace. So a slow consumer costs a cursor, holds up nobody,
// and is told with Gap if it falls off the end of what the topic retains.
//
// The workers themselves are waited for: Send blocks while a topic's passes
// are more than a tail behind, which happens only if messages come in faster
// than the processors can hand them out.
//
// # Closing
//
// InTopic.Close returns at once; a pass that is under way may still deliver.
// Topic deletion ends every in topic with End. Network.Close stops the workers
// and waits for them.
package streams
