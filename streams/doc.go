// Package streams is the topic network: topics with a log, an order, a header
// and a state, and in topics that read them by cursor. It knows no connections,
// principals or schemas.
//
// # Order
//
// A topic numbers its messages from 1, without holes, in the order in which it
// accepts them. A message is shown to readers, and Send acknowledged, once it is
// as durable as the topic's policy says. Every in topic sees the messages in the
// order of their numbers.
//
// # Registered, paused, requested
//
// A topic is registered while somebody provides it: while an out topic is open.
// Sending and subscribing do not provide. It is paused while an administrator
// holds it (Topic.Hold), or while it has providers and all of them say that they
// pause (OutTopic.SetPaused). A hold is durable and refuses messages. The pause
// of a provider is advice, refuses nothing, and ends with its out topic.
//
// Changes of this state travel in order with the messages: a consumer that is
// told of a pause has seen all that was sent before it. A topic remembers 256
// changes; a consumer that is further behind misses states in between, but
// never the last one.
//
// A topic is requested while it has interest: subscribers, or groups with or
// without members. A Provider is told when that begins and ends, by a goroutine
// of its own, so nobody who joins or leaves waits for it.
//
// # Header
//
// A topic has at most one header. It is set alone (Topic.SetHeader), or in one
// step with messages (Topic.SendWithHeader). Whoever joins then gets either the
// old header and the messages, or the new header and not the messages.
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
// A consumer may have a filter (Filtered). Once it has caught up, it is not offered
// batches in which the filter hides every message. Its cursor still moves past them.
//
// A consumer never blocks. It takes as many messages as it has room for; if it
// takes fewer than it was offered, it is parked until InTopic.Resume is called,
// and then reads on from its own cursor: from the tail, which is the newest
// messages in memory, or from the log. Logs are read by goroutines of their own,
// so no worker waits for a disk. For a consumer that takes all that it is offered,
// they read one segment ahead of what is being delivered.
// A slow consumer therefore costs a cursor and delays nobody. If retention drops
// messages before it has read them, it is told so by Consumer.Gap.
//
// Send blocks while the workers are behind by more than a batch or a tail, which happens
// when messages arrive faster than the processors can deliver them. It never
// waits for a consumer that is parked or reads the log.
//
// # Closing
//
// InTopic.Close and OutTopic.Close return at once; a call that is under way may
// still happen. Deleting a topic ends each of its in topics with Consumer.End,
// and tells its providers with Provider.End. Network.Close stops the workers,
// the log readers, retention, relief and the calls of providers, and waits for them.
package streams
