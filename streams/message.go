package streams

import (
	"time"

	"seagate/internal/tracing"
)

// A Message is one message of a topic. All readers share it, so neither it nor
// its payload may be changed.
type Message struct {
	Seq     uint64    // its number in the topic, from 1, without holes
	Time    time.Time // when the topic accepted it, by the server's clock
	Payload []byte

	// Trace is the span of the publish if it is traced and has just happened. A message that is read
	// from the log has none.
	Trace *tracing.Span
}

// A Batch is a run of consecutive messages of one topic. One goroutine offers
// it to many consumers, one after the other.
type Batch struct {
	Messages []*Message

	// Live reports that the consumer has waited for the messages. Otherwise it reads on from
	// where it stands, and they may be old.
	Live bool

	// Writer is that of the worker that offers the batch, or nil: see Options.NewWriter.
	Writer Writer

	// Alone reports that one consumer is offered the batch and no other. It need not keep what
	// it encodes for others.
	Alone bool

	memos map[any]any
	work  int // see Spend
	size  int // of the payloads, in bytes; 0 if it was not asked for
}

// A Writer gathers what consumers write to their clients, so that it goes to many of them at
// once. Only its worker uses it.
type Writer interface {
	// Flush writes what was gathered. It is called after each run of the worker, and
	// contains its own panics.
	Flush()

	// Close is called once, when the network is closed.
	Close()
}

// Bytes returns the length of the payloads.
func (b *Batch) Bytes() int {
	if b.size == 0 {
		for _, m := range b.Messages {
			b.size += len(m.Payload)
		}
	}
	return b.size
}

// Spend charges the batch with work that a consumer did for it in Deliver, beyond the
// call itself. The unit is some 10 ns. Work decides in what order the workers serve
// spaces, when they interrupt a pass, and how large the next batches are.
func (b *Batch) Spend(work int) { b.work += work }

// Work returns what was charged with Spend.
func (b *Batch) Work() int { return b.work }

// Memo returns what create returned when Memo was first called with this key
// for this batch. So consumers share work, such as an encoding or the verdicts
// of a filter. The key should be of a type that the caller defines. If create is nil and
// there is nothing yet, Memo returns nil.
func (b *Batch) Memo(key any, create func() any) any {
	if v, ok := b.memos[key]; ok || create == nil {
		return v
	}
	if b.memos == nil {
		b.memos = map[any]any{}
	}
	v := create()
	b.memos[key] = v
	return v
}
