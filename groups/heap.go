package groups

import (
	"time"

	"seagate/streams"
)

// A heap is a priority queue; Before decides the order. The zero value is empty.
// An empty heap holds no memory.
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

// pop removes and returns the first item. The heap must not be empty.
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

// queued is a message that waits to be handed out again. The lowest sequence
// number comes first. The queue is a heap, because a sorted list would be
// searched again for each of a thousand members that leave at once.
type queued struct{ *streams.Message }

// Before reports whether q is handed out before other.
func (q queued) Before(other queued) bool { return q.Seq < other.Seq }

// delayed is a message that is handed out again at due, in terms of Registry.now.
type delayed struct {
	message *streams.Message
	due     time.Duration
}

// Before reports whether d is due before other.
func (d delayed) Before(other delayed) bool { return d.due < other.due }
