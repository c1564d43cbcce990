package streams

import "time"

// A Message is one message of a topic. It is shared by everyone who reads it:
// nobody may change it or its payload.
type Message struct {
	Seq     uint64    // its number in the topic, from 1, without holes
	Time    time.Time // when the topic accepted it, by the server's clock
	Payload []byte
}

// A Batch is a run of consecutive messages of one topic that is offered to many
// consumers, one after the other, by one goroutine.
type Batch struct {
	Messages []*Message

	memos map[any]any
}

// Memo returns what make returned for this key the first time it was asked for
// in this pass, so that one consumer's work (an encoding, a verdict) serves the
// next. The key should be of a type of the caller's own.
func (p *Batch) Memo(key any, make func() any) any {
	if v, ok := p.memos[key]; ok {
		return v
	}
	if p.memos == nil {
		p.memos = map[any]any{}
	}
	v := make()
	p.memos[key] = v
	return v
}

// State is what a topic is, apart from its messages.
type State struct {
	Registered bool // somebody provides the topic: an out topic of it is open
	Paused     bool // its provider says that nothing comes for the time being
}

// A Consumer takes what an in topic delivers. Its methods are called by one
// goroutine at a time and must neither block nor call back into the InTopic,
// except for Resume and Close.
type Consumer interface {
	// Deliver offers the next messages and returns how many of them, from the
	// first, it took. After fewer than all, nothing is offered until
	// InTopic.Resume.
	Deliver(p *Batch) int

	// State tells of a change of the topic's state.
	State(s State)

	// Gap tells that the messages from first to last, both included, were
	// dropped from the topic before this consumer read them; it goes on with
	// the one after.
	Gap(first, last uint64)

	// Resumed follows InTopic.Resume, before anything else is offered and even
	// if nothing is.
	Resumed()

	// End tells that nothing follows: because the topic was deleted, which is
	// ErrDeleted, or because what comes next cannot be read.
	End(err error)
}
