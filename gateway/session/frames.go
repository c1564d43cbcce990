package session

import (
	"sync"

	"seagate/protocol"
	"seagate/streams"
)

// frames are whole frames, one after the other in one buffer.
type frames struct {
	bytes []byte
	ends  []int // of each frame, in bytes
	index []int // which message of the pass each is of
}

// mark ends a frame.
func (f *frames) mark(index int) {
	f.ends = append(f.ends, len(f.bytes))
	f.index = append(f.index, index)
}

func (f *frames) add(frame []byte, index int) {
	f.bytes = append(f.bytes, frame...)
	f.mark(index)
}

func (f *frames) frame(i int) []byte {
	start := 0
	if i > 0 {
		start = f.ends[i-1]
	}
	return f.bytes[start:f.ends[i]]
}

var framesPool = sync.Pool{New: func() any { return new(frames) }}

func takeFrames() *frames { return framesPool.Get().(*frames) }

// maxPooled keeps what large messages took out of the pool.
const maxPooled = 64 << 10

func (f *frames) release() {
	if cap(f.bytes) > maxPooled {
		return
	}
	f.bytes, f.ends, f.index = f.bytes[:0], f.ends[:0], f.index[:0]
	framesPool.Put(f)
}

// passFrames are the frames of a pass by what they look like. Most clients
// have few subscriptions, so that most of a stream's subscribers share an id
// and with it the very bytes that are written to them.
type passFrames map[look]*frames

type look struct {
	id   int64
	meta bool
}

type passFramesKey struct{}

// framesOf returns the frames of all messages of a pass. If they are the
// caller's own it must release them.
func (sub *subscription) framesOf(b *streams.Batch) (_ *frames, own bool) {
	byID := b.Memo(passFramesKey{}, func() any { return passFrames{} }).(passFrames)
	f := byID[look{sub.id, sub.meta}]
	if f == nil {
		if own = len(byID) >= sharedIDs; own {
			f = takeFrames()
		} else {
			f = &frames{}
		}
		for i, m := range b.Messages {
			f.bytes = sub.appendDelivery(f.bytes, m, 0)
			f.mark(i)
		}
		if !own {
			byID[look{sub.id, sub.meta}] = f
		}
	}
	return f, own
}

// sharedIDs bounds for how many ids the frames of a pass are kept: a client
// with a thousand subscriptions to one stream would have it encoded and kept a
// thousand times.
const sharedIDs = 8

func (sub *subscription) appendDelivery(dst []byte, m *streams.Message, attempt int) []byte {
	link, action := sub.session.link, sub.session.opts.Action
	start := len(dst)
	dst = protocol.AppendDeliveryHead(link.BeginFrame(dst), sub.id)
	if sub.meta {
		dst = protocol.AppendDeliveryMeta(dst, action, sub.stream, m.Payload,
			protocol.DeliveryMeta{Seq: m.Seq, Time: m.Time, Epoch: sub.epoch, Redelivered: attempt})
	} else {
		dst = protocol.AppendDeliveryTail(dst, action, sub.stream, m.Payload)
	}
	return link.EndFrame(dst, start)
}

func (sub *subscription) appendHeader(b, header []byte) []byte {
	b = protocol.AppendDeliveryHead(b, sub.id)
	if !sub.meta {
		return protocol.AppendDeliveryTail(b, sub.session.opts.Action, sub.stream, header)
	}
	return protocol.AppendHeaderMeta(b, sub.session.opts.Action, sub.stream, header, sub.epoch)
}

func (sub *subscription) appendSubscribed(b []byte) []byte {
	if !sub.meta {
		return protocol.AppendSubscribed(b, sub.id, sub.session.opts.Action, sub.stream)
	}
	next, bounds := sub.inner.Joined()
	return protocol.AppendSubscribedAt(b, sub.id, sub.session.opts.Action, sub.stream,
		protocol.Joined{Epoch: sub.epoch, First: bounds.First, Next: next})
}
