// Package dedup remembers the keys of appends, so that an engine can tell a
// repeated append from a new one.
package dedup

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"time"

	"seagate/storage"
)

// A Key is the hash of Append.Key. Clients choose the keys, so it must be
// infeasible to find two with the same hash.
type Key [16]byte

// An Entry is what is remembered of one append.
type Entry struct {
	Key     Key
	First   uint64    // number of its first log entry
	Count   uint64    // number of its log entries
	Sum     uint64    // hash of its payloads, of where each ends, and of its header if it has one
	Time    time.Time // of its log entries
	Expires time.Time // the entry is forgotten from here on
}

// A Request is what a Table needs to know about an append. Computing it hashes
// the payloads, so engines do it before they take a lock.
type Request struct {
	key        Key
	count, sum uint64
	window     time.Duration
	keyed      bool
}

// NewRequest returns the Request of an append. Without a key it is the zero
// value, which repeats nothing and is not remembered.
func NewRequest(a storage.Append) Request {
	if a.Key == "" {
		return Request{}
	}
	hash := sha256.Sum256([]byte(a.Key))
	return Request{
		key:    Key(hash[:]),
		count:  uint64(len(a.Payloads)),
		sum:    sumOf(a.Payloads, a.Header),
		window: a.Window,
		keyed:  true,
	}
}

func sumOf(payloads [][]byte, header []byte) uint64 {
	h := sha256.New()
	add := func(b []byte) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	for _, payload := range payloads {
		add(payload)
	}
	if header != nil { // so without a header the sum is the same as in releases before headers
		add(header)
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// sweepInterval is the least time between two passes over all logs. A pass
// takes time in proportion to their number.
const sweepInterval = 10 * time.Second

// A Table holds the entries of all logs of an engine. L identifies a log. A
// Table is not safe for concurrent use.
//
// Each log has a clock of its own: it never runs behind the newest entry of the
// log, even if the system's clock was set back. Callers pass that time as now.
type Table[L comparable] struct {
	limit    int // 0 for none
	counted  func(log L, entries int)
	len      int
	logs     map[L]*logEntries
	swept    time.Time
	reported time.Time // when Expired last looked
}

type logEntries struct {
	byKey   map[Key]Entry
	expiry  expiryHeap
	clock   time.Time // the latest now of this log
	expired bool      // entries expired that Expired has not reported
}

// NewTable returns a Table of at most limit entries. 0 means no limit. It calls counted,
// if not nil, with the number of a log's entries whenever that changes.
func NewTable[L comparable](limit int, counted func(log L, entries int)) *Table[L] {
	if counted == nil {
		counted = func(L, int) {}
	}
	return &Table[L]{limit: limit, counted: counted, logs: make(map[L]*logEntries)}
}

// Len returns the number of entries in all logs.
func (t *Table[L]) Len() int { return t.len }

// Repeat reports whether r repeats an append that log remembers, and what the
// first one got. The error is storage.ErrKeyReused if the payloads or the header
// differ.
func (t *Table[L]) Repeat(log L, r Request, now time.Time) (first storage.Appended, repeat bool, err error) {
	entries, found := t.logs[log]
	if !r.keyed || !found {
		return storage.Appended{}, false, nil
	}
	e, found := entries.byKey[r.key]
	switch {
	case !found || !now.Before(e.Expires):
		return storage.Appended{}, false, nil
	case e.Sum != r.sum || e.Count != r.count:
		return storage.Appended{}, true, storage.ErrKeyReused
	}
	return storage.Appended{First: e.First, Time: e.Time, Repeat: true}, true, nil
}

// Add remembers an append that Repeat did not know and whose first log entry
// gets the number first. It returns what it remembers: nothing (added is
// false) without a key or a window. The error is storage.ErrTooManyKeys.
func (t *Table[L]) Add(log L, r Request, first uint64, now time.Time) (e Entry, added bool, err error) {
	if !r.keyed || r.window <= 0 {
		return Entry{}, false, nil
	}
	if entries, found := t.logs[log]; found {
		t.expire(log, entries, now)
	}
	if t.isFull() {
		if now := time.Now(); now.Sub(t.swept).Abs() >= sweepInterval {
			t.swept = now
			t.sweep(now)
		}
	}
	if t.isFull() {
		return Entry{}, false, storage.ErrTooManyKeys
	}
	e = Entry{Key: r.key, First: first, Count: r.count, Sum: r.sum, Time: now, Expires: now.Add(r.window)}
	t.insert(log, t.entriesOf(log, now), e)
	return e, true, nil
}

// Load remembers an entry that an engine finds on disk. A key that was used
// again after it expired may be there twice; the entry that has not expired
// counts. Load does not enforce the limit.
func (t *Table[L]) Load(log L, e Entry, now time.Time) {
	entries := t.entriesOf(log, now)
	if !now.Before(e.Expires) {
		entries.expired = true
		return
	}
	if _, found := entries.byKey[e.Key]; !found {
		t.insert(log, entries, e)
	}
}

// Drop forgets all entries of a log.
func (t *Table[L]) Drop(log L) {
	if entries, found := t.logs[log]; found {
		t.len -= len(entries.expiry)
		delete(t.logs, log)
		t.counted(log, 0)
	}
}

// Expired yields each log that has entries which expired since it was last
// yielded, and a time: every entry of the log that expires by then is
// forgotten. It yields nothing within sweepInterval of the last time.
func (t *Table[L]) Expired() iter.Seq2[L, time.Time] {
	return func(yield func(L, time.Time) bool) {
		now := time.Now()
		if now.Sub(t.reported).Abs() < sweepInterval {
			return
		}
		t.reported = now
		t.sweep(now)
		for log, entries := range t.logs {
			if !entries.expired {
				continue
			}
			entries.expired = false
			if len(entries.expiry) == 0 {
				delete(t.logs, log)
			}
			if !yield(log, entries.clock) {
				return
			}
		}
	}
}

func (t *Table[L]) entriesOf(log L, now time.Time) *logEntries {
	entries, found := t.logs[log]
	if !found {
		entries = &logEntries{clock: now}
		t.logs[log] = entries
	}
	return entries
}

func (t *Table[L]) isFull() bool { return t.limit > 0 && t.len >= t.limit }

// sweep forgets what has expired in any log, each by its own clock.
func (t *Table[L]) sweep(now time.Time) {
	for log, entries := range t.logs {
		t.expire(log, entries, now)
	}
}

func (t *Table[L]) expire(log L, entries *logEntries, now time.Time) {
	if entries.clock.Before(now) {
		entries.clock = now
	}
	before := len(entries.expiry)
	for h := &entries.expiry; len(*h) > 0 && (*h)[0].at <= entries.clock.UnixNano(); {
		delete(entries.byKey, (*h)[0].key)
		heap.Pop(h)
		entries.expired = true
		t.len--
	}
	if len(entries.expiry) != before {
		t.counted(log, len(entries.expiry))
	}
	if len(entries.expiry) == 0 {
		entries.byKey, entries.expiry = nil, nil // maps never shrink
	}
}

func (t *Table[L]) insert(log L, entries *logEntries, e Entry) {
	if entries.byKey == nil {
		entries.byKey = make(map[Key]Entry)
	}
	entries.byKey[e.Key] = e
	heap.Push(&entries.expiry, expiring{e.Expires.UnixNano(), e.Key})
	t.len++
	t.counted(log, len(entries.expiry))
}

// An expiryHeap has the entry on top that expires first.
type expiryHeap []expiring

type expiring struct {
	at  int64 // nanoseconds since 1970
	key Key
}

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *expiryHeap) Push(e any)        { *h = append(*h, e.(expiring)) }

func (h *expiryHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
