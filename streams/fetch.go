package streams

import (
	"context"
	"errors"
	"sync"

	"seagate/storage"
)

// A fetch is one reading of a topic's log for in topics of one shard that stand
// at the same place before the tail. Workers never wait for a disk: they leave
// that to the fetcher, and are posted what it read.
type fetch struct {
	shard   *shard
	at      cursor
	limit   uint64     // messages before this one only
	readers []*InTopic // those that wait for it

	segment segment
	offered chan struct{} // closed when the shard has handed it out
}

// fetcher reads logs for shards, so many at a time, and keeps no more of them
// in memory than that.
type fetcher struct {
	ctx context.Context // ends with the network

	mu      sync.Mutex // guards what follows
	waiting []*fetch
	running int
	done    sync.WaitGroup
	closed  bool
}

// fetchers is how many logs are read at a time: enough for a disk to be busy.
const fetchers = 8

func (f *fetcher) add(fe *fetch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.waiting = append(f.waiting, fe)
	if f.running < fetchers {
		f.running++
		f.done.Go(f.run)
	}
}

// run reads as long as there is something to read.
func (f *fetcher) run() {
	for {
		fe := f.next()
		if fe == nil {
			return
		}
		fe.segment = fe.shard.topic.fetch(f.ctx, fe.at, fe.limit)
		fe.shard.postFetched(fe)
		select {
		case <-fe.offered:
		case <-f.ctx.Done():
		}
	}
}

func (f *fetcher) next() *fetch {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 || f.closed {
		f.running--
		return nil
	}
	fe := f.waiting[0]
	f.waiting[0] = nil
	f.waiting = f.waiting[1:]
	return fe
}

// close is called once the context has ended.
func (f *fetcher) close() {
	f.mu.Lock()
	f.closed = true
	f.waiting = nil
	f.mu.Unlock()
	f.done.Wait()
}

// fetch returns what the log has at c, up to the message before limit.
func (t *Topic) fetch(ctx context.Context, c cursor, limit uint64) segment {
	run, err := t.Read(ctx, c.seq, int(min(batchMessages, limit-c.seq)), catchUpBytes)
	switch {
	case errors.Is(err, storage.ErrTrimmed):
		first := t.Bounds().First
		if first <= c.seq { // deleted meanwhile
			return segment{kind: end, err: ErrDeleted, then: c}
		}
		return segment{kind: gap, then: cursor{min(first, limit), c.change}}
	case errors.Is(err, ErrDeleted):
		return segment{kind: end, err: ErrDeleted, then: c}
	case errors.Is(err, storage.ErrClosed) || ctx.Err() != nil:
		return segment{kind: closing, then: c}
	case err != nil:
		return segment{kind: end, err: err, then: c}
	case len(run) == 0:
		return segment{kind: nothing, then: c}
	}
	return segment{kind: someMessages, messages: run, then: cursor{run[len(run)-1].Seq + 1, c.change}}
}
