package streams

import (
	"math"
	"time"

	"seagate/storage"
)

// A Trim is messages that retention removed in one step.
type Trim struct {
	First, Last uint64
	At          time.Time // when it began

	// The limits of the policy that the log exceeded then.
	Age, Bytes, Messages bool
}

// maxTrims is how many trims a topic remembers. For messages that were removed before these trims,
// or before a restart, Trimmed knows no reason.
const maxTrims = 16

// trims are the last trims of a topic, the newest last. While a trim is under way it is the newest,
// and ends with the highest number, since what it removes is not known yet.
type trims []Trim

// begin notes a trim that is about to remove messages.
func (t *trims) begin(before storage.Bounds, keep storage.Retention) {
	*t = append(*t, Trim{
		First:    before.First,
		Last:     math.MaxUint64,
		At:       time.Now().UTC(),
		Age:      keep.Age > 0 && keep.Now.Sub(before.FirstTime) > keep.Age,
		Bytes:    keep.Bytes > 0 && before.Bytes > keep.Bytes,
		Messages: keep.Messages > 0 && before.Next-before.First > keep.Messages,
	})
}

// end notes that the trim under way has removed all messages before first, which are none if it
// failed.
func (t *trims) end(first uint64) {
	newest := len(*t) - 1
	if first <= (*t)[newest].First {
		*t = (*t)[:newest]
		return
	}
	(*t)[newest].Last = first - 1
	if len(*t) > maxTrims {
		*t = append((*t)[:0], (*t)[1:]...)
	}
}

// beginTrim notes that a trim of the log begins, before anybody can find that messages are gone. It
// returns what notes its end.
func (t *Topic) beginTrim(log storage.Log, before storage.Bounds, keep storage.Retention) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trims.begin(before, keep)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.trims.end(log.Bounds().First)
	}
}

// Trimmed returns how retention removed a message that is gone, as far as the topic remembers.
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
