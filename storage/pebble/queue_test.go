package pebble

import "testing"

// A sizedOperation has a size and does nothing.
type sizedOperation struct {
	operation
	bytes int
}

func (o sizedOperation) tenant() string { return "a" }
func (o sizedOperation) size() int      { return o.bytes }

// The committer waits for those who come later only as long as a batch has room for them.
func TestAFullBatchWaitsForNobody(t *testing.T) {
	for name, c := range map[string]struct{ ops, bytes int }{
		"many":  {maxBatch, 0},
		"large": {4, maxBatchBytes / 4},
	} {
		q := newQueue(0)
		for i := range c.ops {
			if q.fillsBatch() {
				t.Fatalf("%s: %d operations fill a batch", name, i)
			}
			if !q.put(t.Context(), nil, sizedOperation{bytes: c.bytes}) {
				t.Fatal("the queue is full")
			}
		}
		if !q.fillsBatch() {
			t.Errorf("%s: %d operations of %d bytes do not fill a batch", name, c.ops, c.bytes)
		}
		if taken := q.take(); len(taken) != c.ops || q.fillsBatch() {
			t.Errorf("%s: took %d of %d", name, len(taken), c.ops)
		}
	}
}
