package groups

import (
	"time"

	"seagate/streams"
)

// A heap is a priority queue of items that know which of them comes first. The
// zero value is empty; an empty heap holds no memory.
type heap[T interface{ Before(T) bool }] []T

func (h *heap[T]) push(item T) {
	*h = append(*h, item)
	items := *h
	for i := len(items) - 1; i > 0; {
		parent := (i - 1) / 2
		if !items[i].Before(items[parent]) {
			return
		}
		items[i], items[parent] = items[parent], items[i]
		i = parent
	}
}

// pop removes and returns the item that comes first. There has to be one.
func (h *heap[T]) pop() T {
	items := *h
	first, last := items[0], len(items)-1
	items[0] = items[last]
	clear(items[last:])
	items = items[:last]
	for i := 0; ; {
		least, left := i, 2*i+1
		for child := left; child < min(left+2, last); child++ {
			if items[child].Before(items[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		items[i], items[least] = items[least], items[i]
		i = least
	}
	if *h = items; last == 0 {
		*h = nil
	}
	return first
}

// queued is a message that waits to be handed out again. The oldest comes
// first. It is a heap since a list in order would be gone through for each of a
// thousand members that leave at once.
type queued struct{ *streams.Message }

// Before says which of two messages is handed out first.
func (q queued) Before(other queued) bool { return q.Seq < other.Seq }

// delayed is a message that is handed out again at a time, by Registry.now.
type delayed struct {
	message *streams.Message
	due     time.Duration
}

// Before says which of two messages is due first.
func (d delayed) Before(other delayed) bool { return d.due < other.due }
