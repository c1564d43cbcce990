package groups

import (
	"container/heap"
	"time"

	"seagate/streams"
)

// A backlog is a heap of messages, the oldest first. A list in order would be
// gone through as a whole for each of a thousand members that leave at once.
type backlog []*streams.Message

func (b backlog) Len() int           { return len(b) }
func (b backlog) Less(i, j int) bool { return b[i].Seq < b[j].Seq }
func (b backlog) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }
func (b *backlog) Push(m any)        { *b = append(*b, m.(*streams.Message)) }

func (b *backlog) Pop() any {
	last := len(*b) - 1
	m := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	if last == 0 {
		*b = nil // a group at rest holds no memory
	}
	return m
}

// oldest takes the oldest messages, at most n, in order.
func (b *backlog) oldest(n int) []*streams.Message {
	taken := make([]*streams.Message, min(n, len(*b)))
	for i := range taken {
		taken[i] = heap.Pop(b).(*streams.Message)
	}
	return taken
}

// A delayed message comes back at a time, by Registry.now.
type delayed struct {
	message *streams.Message
	due     time.Duration
}

// delays is a heap of delayed messages, the one that is due first in front.
type delays []delayed

func (d delays) Len() int           { return len(d) }
func (d delays) Less(i, j int) bool { return d[i].due < d[j].due }
func (d delays) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *delays) Push(m any)        { *d = append(*d, m.(delayed)) }

func (d *delays) Pop() any {
	last := len(*d) - 1
	m := (*d)[last]
	(*d)[last] = delayed{}
	*d = (*d)[:last]
	if last == 0 {
		*d = nil
	}
	return m
}
