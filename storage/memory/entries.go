package memory

import (
	"sort"
	"time"

	"seagate/storage"
)

// entries is what a log has, in blocks, so that a log that grows copies little and releases
// what it drops. A log with few entries has one small block.
type entries struct {
	blocks [][]entry // all but the last are full
	start  int       // index of the oldest in blocks[0]
	len    int
}

// An entry is a storage.Entry without its number, which follows from its position.
type entry struct {
	time    int64 // Unix time in nanoseconds
	payload []byte
}

// blockSize is how many entries a block has when it is full: 8 KiB.
const blockSize = 256

func (e *entries) add(t time.Time, payload []byte) {
	last := len(e.blocks) - 1
	if last < 0 {
		e.blocks = append(e.blocks, nil) // it grows as needed
		last++
	} else if len(e.blocks[last]) == blockSize {
		e.blocks = append(e.blocks, make([]entry, 0, blockSize))
		last++
	}
	e.blocks[last] = append(e.blocks[last], entry{time: t.UnixNano(), payload: payload})
	e.len++
}

// at returns the entry with index i, counted from the oldest.
func (e *entries) at(i int) *entry {
	i += e.start
	return &e.blocks[i/blockSize][i%blockSize]
}

// timeAt returns when the entry with index i was added.
func (e *entries) timeAt(i int) time.Time { return time.Unix(0, e.at(i).time).UTC() }

// older returns how many entries are older than t.
func (e *entries) older(t time.Time) int {
	return sort.Search(e.len, func(i int) bool { return !e.timeAt(i).Before(t) })
}

// drop drops the oldest entry and returns its length in bytes.
func (e *entries) drop() int {
	oldest := e.at(0)
	bytes := len(oldest.payload)
	*oldest = entry{}
	e.start++
	e.len--
	switch {
	case e.len == 0:
		*e = entries{}
	case e.start == blockSize:
		e.blocks[0] = nil
		e.blocks, e.start = e.blocks[1:], 0
	}
	return bytes
}

// read returns the entries from index i on, of which the first has the number seq: at most most
// entries with at most maxBytes of payload together, but at least one entry.
func (e *entries) read(i int, seq uint64, most, maxBytes int) []storage.Entry {
	most = max(1, min(most, e.len-i))
	n, bytes := 1, len(e.at(i).payload)
	for n < most {
		if bytes += len(e.at(i + n).payload); bytes > maxBytes {
			break
		}
		n++
	}
	read := make([]storage.Entry, n)
	for k := range read {
		read[k] = storage.Entry{Seq: seq + uint64(k), Time: e.timeAt(i + k), Payload: e.at(i + k).payload}
	}
	return read
}
