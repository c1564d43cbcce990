// Package once remembers by which keys a log was appended to, and until when,
// so that a repeated append can be told from a new one. It is not safe for
// concurrent use.
package once

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"seagate/storage"
)

// A Key stands for the key of an append. Keys come from clients, so nobody may
// be able to find two that are the same.
type Key [16]byte

// KeyOf returns the Key for an append's key.
func KeyOf(key string) Key {
	sum := sha256.Sum256([]byte(key))
	return Key(sum[:len(Key{})])
}

// SumOf returns what stands for an append's payloads: their bytes, and where
// each of them ends.
func SumOf(payloads [][]byte) uint64 {
	h := sha256.New()
	for _, payload := range payloads {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(payload))))
		h.Write(payload)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// A Mark is what is remembered of an append.
type Mark struct {
	Key     Key
	First   uint64    // number of its first entry
	Count   uint64    // of its entries
	Sum     uint64    // see SumOf
	Time    time.Time // of its entries
	Expires time.Time // from here on it is forgotten
}

// MarkOf returns the mark of an append with a key, as far as that is known
// before it is made.
func MarkOf(a storage.Append) Mark {
	return Mark{Key: KeyOf(a.Key), Count: uint64(len(a.Payloads)), Sum: SumOf(a.Payloads)}
}

// Marks are those of one log. The zero value has none.
type Marks struct {
	byKey map[Key]Mark
	queue queue
}

// Len returns how many are remembered.
func (m *Marks) Len() int { return len(m.queue) }

// Find returns the mark with that key, if it is remembered at that time.
func (m *Marks) Find(key Key, now time.Time) (Mark, bool) {
	mark, found := m.byKey[key]
	return mark, found && now.Before(mark.Expires)
}

// Repeat says what an append with a key is told that may be a repeat at that
// time: what the first one was, or that the key was another's.
func (m *Marks) Repeat(mark Mark, now time.Time) (made storage.Appended, repeat bool, err error) {
	first, found := m.Find(mark.Key, now)
	switch {
	case !found:
		return storage.Appended{}, false, nil
	case first.Sum != mark.Sum || first.Count != mark.Count:
		return storage.Appended{}, true, storage.ErrKeyReused
	}
	return storage.Appended{First: first.First, Time: first.Time, Repeat: true}, true, nil
}

// Add remembers a mark. There must be none with its key; see Expire.
func (m *Marks) Add(mark Mark) {
	if m.byKey == nil {
		m.byKey = make(map[Key]Mark)
	}
	m.byKey[mark.Key] = mark
	heap.Push(&m.queue, due{mark.Expires.UnixNano(), mark.Key})
}

// Expire forgets what is to be forgotten at that time, and returns how much
// that was.
func (m *Marks) Expire(now time.Time) (forgotten int) {
	for len(m.queue) > 0 && m.queue[0].at <= now.UnixNano() {
		delete(m.byKey, m.queue[0].key)
		heap.Pop(&m.queue)
		forgotten++
	}
	if len(m.queue) == 0 {
		m.byKey, m.queue = nil, nil // maps never shrink
	}
	return forgotten
}

// A queue is a heap, the first to expire on top.
type queue []due

type due struct {
	at  int64 // nanoseconds since 1970
	key Key
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(d any)        { *q = append(*q, d.(due)) }

func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
