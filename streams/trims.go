package streams

import (
	"time"

	"seagate/storage"
)

// A Trim is messages that retention removed in one step.
type Trim struct {
	First, Last uint64
	At          time.Time

	// The limits of the policy that the log exceeded then.
	Age, Bytes, Messages bool
}

// maxTrims is how many trims a topic remembers. For messages that were removed before these trims,
// or before a restart, Trimmed knows no reason.
const maxTrims = 16

// trims are the last trims of a topic, the newest last.
type trims []Trim

func (t *trims) note(before storage.Bounds, first uint64, keep storage.Retention) {
	if first <= before.First {
		return
	}
	if len(*t) == maxTrims {
		*t = append((*t)[:0], (*t)[1:]...)
	}
	*t = append(*t, Trim{
		First:    before.First,
		Last:     first - 1,
		At:       time.Now().UTC(),
		Age:      keep.Age > 0 && keep.Now.Sub(before.FirstTime) > keep.Age,
		Bytes:    keep.Bytes > 0 && before.Bytes > keep.Bytes,
		Messages: keep.Messages > 0 && before.Next-before.First > keep.Messages,
	})
}

// Trimmed returns how retention removed a message, as far as the topic remembers.
func (t *Topic) Trimmed(seq uint64) (Trim, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, trim := range t.trims {
		if trim.First <= seq && seq <= trim.Last {
			return trim, true
		}
	}
	return Trim{}, false
}
