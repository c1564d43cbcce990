package streams

import (
	"context"
	"errors"
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
	readers []*InTopic // waiting for the segment; owned by the shard's worker

	segment segment       // the result
	done    chan struct{} // closed when the shard has offered the segment
}

// A logReader reads logs for shards, so that no worker waits for a disk.
type logReader struct {
	ctx context.Context // ends with the network

	mu      sync.Mutex // guards what follows
	queue   []*logRead
	running int // goroutines
	closed  bool

	goroutines sync.WaitGroup
}

// maxLogReads is the number of segments that are being read or held in memory
// at a time: enough to keep a disk busy.
const maxLogReads = 8

// add queues a read. Its shard gets the result by postRead, unless the network
// closes first.
func (l *logReader) add(r *logRead) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.queue = append(l.queue, r)
	if l.running < maxLogReads {
		l.running++
		l.goroutines.Go(l.run)
	}
}

// run serves the queue until it is empty. It waits until a segment has been
// offered before it reads another one, which bounds the memory for segments.
func (l *logReader) run() {
	for {
		r := l.next()
		if r == nil {
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
	defer panics.Contain("fetcher", func() { r.segment = segment{kind: end, err: errPanicked, then: r.at} })
	r.segment = r.shard.topic.readLog(ctx, r.at, r.limit)
}

// next takes a read from the queue. If there is none, it returns nil and the
// calling goroutine must end.
func (l *logReader) next() *logRead {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 || l.closed {
		l.running--
		return nil
	}
	r := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return r
}

// close waits for the goroutines. The context must have ended.
func (l *logReader) close() {
	l.mu.Lock()
	l.closed = true
	l.queue = nil
	l.mu.Unlock()
	l.goroutines.Wait()
}

// readLog returns what the log has at c, with messages before limit only.
func (t *Topic) readLog(ctx context.Context, c cursor, limit uint64) segment {
	messages, err := t.Read(ctx, c.seq, int(min(batchMessages, limit-c.seq)), catchUpBytes)
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
