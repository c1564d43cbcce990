// Package streams is the topic network: topics with a log, an order, a header
// and a state, and in topics that read them by cursor. It knows no connections,
// principals or schemas.
//
// # Order
//
// A topic numbers its messages from 1, without holes, in the order in which it
// accepts them. A message is shown to readers, and Send acknowledged, once it is
// as durable as the topic's policy says. Every in topic sees the messages in the
// order of their numbers. Changes of the topic's state (registered, paused)
// travel in order with the messages: a consumer that is told of a pause has seen
// all that was sent before it.
//
// # Joining
//
// Topic.In takes the header, the state and the position in one step. The
// position is the end of the topic, or any message in it. Delivery begins with
// Start and continues from the log to live messages without gap or repeat.
//
// # Delivery and back-pressure
//
// Messages are delivered in batches. A batch holds the messages that came since
// the last one, and is offered to one consumer after the other. Each consumer
// belongs to a shard of its topic, and each shard to one worker, so no consumer
// is called by two goroutines at a time.
//
// A consumer never blocks. It takes as many messages as it has room for; if it
// takes fewer than it was offered, it is parked until InTopic.Resume is called,
// and then reads on from its own cursor: from the tail, which is the newest
// messages in memory, or from the log. Logs are read by goroutines of their own,
// so no worker waits for a disk, and one batch ahead of what is being delivered.
// A slow consumer therefore costs a cursor and delays nobody. If retention drops
// messages before it has read them, it is told so by Consumer.Gap.
//
// Send blocks while the workers are behind by more than a tail, which happens
// when messages arrive faster than the processors can deliver them. It never
// waits for a consumer that is parked or reads the log.
//
// # Closing
//
// InTopic.Close returns at once; a delivery that is under way may still happen.
// Deleting a topic ends each of its in topics with Consumer.End. Network.Close
// stops the workers, the log readers and retention, and waits for them.
package streams
