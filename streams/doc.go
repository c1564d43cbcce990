// Package streams is the topic network: topics with an order, a header, a
// state and a log, and the in topics that read them by cursor. It knows no
// connections, principals or schemas.
//
// # Order
//
// A topic numbers its messages from 1, without holes, in the order in which
// Send accepted them. They are in its log first, and only when they are as
// durable as its policy says is anybody shown them, or Send answered. Every in topic sees them in that order. The state of a
// topic (registered, paused) travels in order with the messages: who is told
// that a topic was paused has seen all that was sent before.
//
// # Joining
//
// Topic.In takes the header, the state and the position together. The position
// is the head, or anywhere in the log. What Start then delivers is exactly what
// comes from there on: no gap, no repeat, from the past to live.
//
// # Delivery and back-pressure
//
// Delivery runs in passes. A pass takes what has come since the last one and
// offers it to each consumer in one call. The passes of one consumer are run
// by one worker, chosen by the shard that it joined with; so nothing is ever
// delivered to one consumer by two goroutines at once. A consumer never
// blocks: it takes as many messages as it has room for. One that took fewer
// is left alone until it calls InTopic.Resume, and then reads on from its
// cursor at its own pace: from the newest messages, which are kept in memory,
// or from the log, which the fetcher's goroutines read, so that no worker waits
// for a disk. So a slow consumer costs a cursor, holds up nobody, and is told
// with Gap if retention drops what it has not read.
//
// The workers themselves are waited for: Send blocks while a topic's passes
// are more than a tail behind, which happens only if messages come in faster
// than the processors can hand them out.
//
// # Closing
//
// InTopic.Close returns at once; a pass that is under way may still deliver.
// Topic deletion ends every in topic with End. Network.Close stops the workers,
// the fetcher and retention, and waits for them.
package streams
