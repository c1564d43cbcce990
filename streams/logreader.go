package streams

import (
	"context"
	"errors"
	"slices"
	"sync"

	"seagate/internal/panics"
	"seagate/storage"
)

// A logRead is one read of a topic's log, for the in topics of one shard that
// stand at the same cursor.
type logRead struct {
	shard   *shard
	at      cursor
	limit   uint64     // read only messages before this one
	ahead   bool       // the consumers took all that was read before
	readers []*InTopic // waiting for the segment; owned by the shard's worker

	segment segment       // the result
	done    chan struct{} // closed when the shard has offered the segment
}

// A logReader reads logs for shards, so that no worker waits for a disk. It serves spaces
// in turn.
type logReader struct {
	ctx context.Context // ends with the network

	mu      sync.Mutex            // guards what follows
	spaces  map[string]*readQueue // those with reads that wait or are under way
	turns   []*readQueue          // those with reads that wait; the next one first
	running int                   // goroutines
	closed  bool

	goroutines sync.WaitGroup
}

// A readQueue is the reads of one space.
type readQueue struct {
	space    string
	waiting  []*logRead
	underWay int
}

const (
	// maxLogReads is the number of segments that are being read or held in memory
	// at a time: enough to keep a disk busy.
	maxLogReads = 8
	// maxSpaceReads is how many of them one space may have, so that others need not
	// wait until its workers have delivered what it read.
	maxSpaceReads = 6
)

// add queues a read. Its shard gets the result by postRead, unless the network
// closes first.
func (l *logReader) add(r *logRead) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	space := r.shard.topic.id.Space
	q := l.spaces[space]
	if q == nil {
		q = &readQueue{space: space}
		if l.spaces == nil {
			l.spaces = map[string]*readQueue{}
		}
		l.spaces[space] = q
	}
	if q.waiting = append(q.waiting, r); len(q.waiting) == 1 {
		l.turns = append(l.turns, q)
	}
	if l.running < maxLogReads && q.underWay < maxSpaceReads {
		l.running++
		l.goroutines.Go(l.run)
	}
}

// run serves the queues until there is nothing that may be read. It waits until a segment
// has been offered before it reads another one, which bounds the memory for segments.
func (l *logReader) run() {
	var q *readQueue
	for {
		var r *logRead
		if r, q = l.next(q); r == nil {
			return
		}
		r.read(l.ctx)
		r.shard.postRead(r)
		select {
		case <-r.done:
		case <-l.ctx.Done():
		}
	}
}

// errPanicked ends the consumers that a panic in the delivery concerns.
var errPanicked = errors.New("streams: delivery failed")

// read sets the result. A panic ends those that wait for it.
func (r *logRead) read(ctx context.Context) {
	defer panics.Contain("log reader", func() { r.segment = segment{kind: end, err: errPanicked, then: r.at} })
	messages, bytes := batchMessages, catchUpBytes
	if r.ahead {
		messages, bytes = aheadMessages, aheadBytes
	}
	r.segment = r.shard.topic.readLog(ctx, r.at, r.limit, messages, bytes)
}

// next takes a read from a queue, after one of the queue last is done, if it is not nil.
// If there is none, it returns nil and the calling goroutine must end.
func (l *logReader) next(last *readQueue) (*logRead, *readQueue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last != nil {
		if last.underWay--; last.underWay == 0 && len(last.waiting) == 0 {
			delete(l.spaces, last.space)
		}
	}
	i := slices.IndexFunc(l.turns, func(q *readQueue) bool { return q.underWay < maxSpaceReads })
	if i < 0 || l.closed {
		l.running--
		return nil, nil
	}
	q := l.turns[i]
	l.turns = slices.Delete(l.turns, i, i+1)
	r := q.waiting[0]
	q.waiting[0] = nil
	if q.waiting = q.waiting[1:]; len(q.waiting) > 0 {
		l.turns = append(l.turns, q)
	}
	q.underWay++
	return r, q
}

// close waits for the goroutines. The context must have ended.
func (l *logReader) close() {
	l.mu.Lock()
	l.closed = true
	l.turns = nil
	l.mu.Unlock()
	l.goroutines.Wait()
}

// readLog returns what the log has at c, with messages before limit only: see Topic.Read.
func (t *Topic) readLog(ctx context.Context, c cursor, limit uint64, maxMessages, maxBytes int) segment {
	messages, err := t.Read(ctx, c.seq, int(min(uint64(maxMessages), limit-c.seq)), maxBytes)
	switch {
	case errors.Is(err, storage.ErrTrimmed):
		first := t.Bounds().First
		if first <= c.seq { // the topic was deleted since Read
			return segment{kind: end, err: ErrDeleted, then: c}
		}
		return segment{kind: gap, then: cursor{min(first, limit), c.change}}
	case errors.Is(err, storage.ErrClosed) || ctx.Err() != nil:
		return segment{kind: closing, then: c}
	case err != nil:
		return segment{kind: end, err: err, then: c}
	case len(messages) == 0:
		return segment{kind: nothing, then: c}
	}
	return segmentOf(messages, c)
}
