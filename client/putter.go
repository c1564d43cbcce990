package client

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol/msgstream"
)

// A Putter takes what a message stream brings, in order, one call at a time. The next
// message waits until Put returns. Put may call Hangup, but must not call Close. Its type
// must be comparable, such as a pointer, so that Hangup finds it.
type Putter interface {
	Put(m StreamMessage)
}

// NewPutter returns a Putter that calls a function. It is equal to no other.
func NewPutter(put func(m StreamMessage)) Putter { return &putterFunc{put} }

type putterFunc struct{ put func(StreamMessage) }

func (f *putterFunc) Put(m StreamMessage) { f.put(m) }

// A StreamMessage is a message of a message stream, its header, or news of the stream.
type StreamMessage struct {
	Stream string

	// Value is the message, or the header, as the codec has decoded it.
	Value  any
	Header bool // Value is the header, which comes first

	Seq   uint64    // number of the message; 0 for the header
	Time  time.Time // when the message was accepted
	Epoch string    // of the stream

	// Missing, if not zero, tells of messages that this listener does not get. They come
	// before the next message. To is 0 if it is not known how many they are, since the
	// stream has begun anew.
	Missing Missing

	// Closed: the stream was deleted, or cannot be listened to for the reason in Err.
	// Nothing follows.
	Closed bool

	// Err, unless Closed, says that the message could not be decoded. Value is its
	// jsontext.Value then.
	Err error
}

// A putting is a Putter with its queue. The queue is bounded by the bytes in it; a single
// message may be larger. A goroutine of its own calls the putter.
type putting struct {
	putter Putter
	codec  msgstream.Codec[any] // nil: values are not decoded
	limit  int                  // bytes

	// room is called without locks when a queue that was full is half empty.
	room func()

	mu    sync.Mutex // guards what follows
	ready sync.Cond
	queue []queued
	bytes int
	full  bool // an offer was refused since the last call of room
	ended bool // no Put begins any more

}

type queued struct {
	m    StreamMessage
	raw  jsontext.Value // to be decoded into m.Value, or nil
	size int
}

// queuedOverhead is what a queued message takes besides its payload, in bytes.
const queuedOverhead = messageOverhead

func newPutting(p Putter, codec msgstream.Codec[any], limit int, room func()) *putting {
	q := &putting{putter: p, codec: codec, limit: limit, room: room}
	q.ready.L = &q.mu
	return q
}

// offer queues a message, unless the queue is full. Force queues it in any case.
func (q *putting) offer(m StreamMessage, raw jsontext.Value, force bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := len(raw) + queuedOverhead
	if !force && len(q.queue) > 0 && q.bytes+size > q.limit {
		q.full = true
		return false
	}
	q.queue = append(q.queue, queued{m, raw, size})
	q.bytes += size
	q.ready.Signal()
	return true
}

// end lets no Put begin any more.
func (q *putting) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended, q.queue = true, nil
	q.ready.Signal()
}

// run calls the putter until the end, or until it was told that the stream is closed.
func (q *putting) run() {
	for {
		next, room, ok := q.take()
		if !ok {
			return
		}
		if room {
			q.room()
		}
		if next.raw != nil {
			next.decode(q.codec)
		}
		q.putter.Put(next.m)
		if next.m.Closed {
			return
		}
	}
}

// take waits for the next message. room reports that a full queue is half empty.
func (q *putting) take() (next queued, room, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) == 0 && !q.ended {
		q.ready.Wait()
	}
	if q.ended {
		return next, false, false
	}
	next, q.queue = q.queue[0], q.queue[1:]
	q.bytes -= next.size
	room = q.full && q.bytes <= q.limit/2
	q.full = q.full && !room
	return next, room, true
}

func (n *queued) decode(codec msgstream.Codec[any]) {
	v, err := codec.Decode(n.raw)
	if err != nil {
		n.m.Value, n.m.Err = n.raw, err
		return
	}
	n.m.Value = v
}
