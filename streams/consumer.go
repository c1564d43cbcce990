package streams

// State is what a topic is, apart from its messages.
type State struct {
	// Registered: somebody provides the topic, that is, an out topic is open.
	Registered bool

	// Paused: the topic is held, or it has providers and all of them pause.
	Paused bool
}

// A Consumer receives what an in topic delivers. Its methods are called by one
// goroutine at a time. They must not block, and of the InTopic they may call
// only Resume and Close.
type Consumer interface {
	// Deliver offers the next messages and returns how many of them, counted
	// from the first, the consumer took. If it took fewer than all, nothing is
	// offered until InTopic.Resume is called.
	Deliver(b *Batch) int

	// State tells of a change of the topic's state, in order with the messages,
	// and returns whether the consumer took it. If it did not, nothing is offered
	// until InTopic.Resume is called, and then this change comes first.
	//
	// If there are more changes than a topic remembers, a consumer that is behind
	// misses some, but never the last one: see Network.SkippedChanges.
	State(s State) (taken bool)

	// Gap tells that the messages from first to last, both included, were
	// dropped from the topic before this consumer read them. The next message
	// is last+1.
	Gap(first, last uint64)

	// Resumed answers InTopic.Resume. It is called before anything else is
	// offered, and also if there is nothing to offer. It reports whether the
	// consumer has room for messages. If it has not, a consumer that took less
	// than it was offered is offered nothing until InTopic.Resume is called
	// again, and no log is read for it in vain.
	Resumed() (hasRoom bool)

	// End tells that nothing follows. err is ErrDeleted if the topic was
	// deleted; any other error says why the log cannot be read.
	End(err error)
}
