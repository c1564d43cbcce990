package streams

import "time"

// A Message is one message of a topic. All readers share it, so neither it nor
// its payload may be changed.
type Message struct {
	Seq     uint64    // its number in the topic, from 1, without holes
	Time    time.Time // when the topic accepted it, by the server's clock
	Payload []byte
}

// A Batch is a run of consecutive messages of one topic. One goroutine offers
// it to many consumers, one after the other.
type Batch struct {
	Messages []*Message

	memos map[any]any
}

// Memo returns what create returned when Memo was first called with this key
// for this batch. So consumers share work, such as an encoding or the verdicts
// of a filter. The key should be of a type that the caller defines.
func (b *Batch) Memo(key any, create func() any) any {
	if v, ok := b.memos[key]; ok {
		return v
	}
	if b.memos == nil {
		b.memos = map[any]any{}
	}
	v := create()
	b.memos[key] = v
	return v
}
