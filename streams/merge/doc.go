// Package merge synchronizes topics: it brings the messages of several topics
// into the order of their timestamps. It is built on the consumers of package
// streams.
//
// # Order
//
// The timestamps of what a Merge hands out never decrease, over all of its
// topics, from the first message on. Messages with equal timestamps come in the
// order of priority, the highest first, and then in the order in which the
// topics are listed. With equal priorities this is the sequential synchronizer,
// with different ones the prioritized one.
//
// The timestamp of a message is a place in it (see Path), or the time at which
// its topic accepted it (see Accepted).
//
// # Waiting
//
// A message waits while another topic might still bring an earlier one. A topic
// is waited for
//
//   - while its log holds messages that the merge has not read. So recorded
//     topics are merged exactly, however slowly they are read;
//   - while it is not paused, and is registered or has accepted a message
//     within Options.Wait.
//
// If a topic whose log the merge has read to the end holds the others up for
// Options.Wait, the merge passes it over until its next message. A topic that is paused, unregistered, deleted or
// removed from the merge holds nobody up any more, at once.
//
// # Drops
//
// A message is late if its timestamp is lower than that of what was handed out
// last, or than that of an earlier message of its own topic. A message is
// untimed if it has no timestamp. Both are dropped, and the sink is told.
//
// # Memory and back-pressure
//
// A merge queues at most 256 messages, and about 256 KiB, per topic. The rest
// stays in the logs. While the sink is full, the merge reads no more than that.
//
// # Concurrency
//
// One worker of the network serves all in topics of a merge. The methods of a
// Sink are called by that goroutine, one at a time, and must not block.
package merge
