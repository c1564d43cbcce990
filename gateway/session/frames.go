package session

import (
	"sync"

	"seagate/groups"
	"seagate/protocol"
	"seagate/streams"
)

// frames holds the frames of a batch's messages, for subscriptions whose frames are
// equal. Each frame is encoded when it is first needed. Only the goroutine that
// delivers the batch uses it.
type frames struct {
	as    appearance
	bytes []byte
	of    []frame // by message
	ends  []int   // ends of the first frames, as far as they lie in message order
}

type frame struct{ start, end int } // in bytes; end is 0 before it is encoded

// maxShared bounds the appearances for which a batch keeps frames. Without it, a client
// with a thousand subscriptions to one stream would make the batch keep each message
// a thousand times.
const maxShared = 8

// An appearance is everything that a frame depends on, except the message. Most
// clients have few subscriptions and number them alike. So most subscribers of a
// stream have the same id, and can be sent the same bytes.
type appearance struct {
	id   int64
	meta bool
}

type framesKey struct{}

// framesOf returns the frames that the subscription shares with others, or nil
// if it shares none.
func (sub *subscription) framesOf(b *streams.Batch) *frames {
	if b.Alone {
		return nil
	}
	shared := b.Memo(framesKey{}, func() any { return new([]*frames) }).(*[]*frames)
	as := appearance{sub.id, sub.meta}
	for _, f := range *shared {
		if f.as == as {
			return f
		}
	}
	if len(*shared) == maxShared {
		return nil
	}
	f := &frames{as: as, of: make([]frame, len(b.Messages))}
	*shared = append(*shared, f)
	return f
}

// made reports whether all frames are encoded, and lie one after the other in message order.
func (f *frames) made() bool { return len(f.ends) == len(f.of) && f.of[0].start == 0 }

// frame returns the frame of the i-th message.
func (f *frames) frame(sub *subscription, b *streams.Batch, i int) []byte {
	at := f.of[i]
	if at.end == 0 {
		at.start = len(f.bytes)
		f.bytes = sub.appendDelivery(f.bytes, b.Messages[i], 0)
		at.end = len(f.bytes)
		f.of[i] = at
		if i == len(f.ends) && (i == 0 || f.ends[i-1] == at.start) {
			f.ends = append(f.ends, at.end)
		}
	}
	return f.bytes[at.start:at.end]
}

// make encodes the frames that are not encoded yet, and returns made.
func (f *frames) make(sub *subscription, b *streams.Batch) bool {
	for i := len(f.ends); i < len(b.Messages); i++ {
		f.frame(sub, b, i)
	}
	return f.made()
}

// picked are frames in the order in which a subscription is sent them.
type picked struct {
	bytes []byte
	ends  []int
}

var pickedPool = sync.Pool{New: func() any { return new(picked) }}

// maxPooled is the largest buffer that returns to the pool, in bytes.
const maxPooled = 64 << 10

func (p *picked) release() {
	if cap(p.bytes) <= maxPooled {
		p.bytes, p.ends = p.bytes[:0], p.ends[:0]
		pickedPool.Put(p)
	}
}

// offeredAtOnce is how many bytes of frames that are encoded for one subscription are
// offered at a time. More would be encoded in vain when they are not taken.
const offeredAtOnce = 32 << 10

// offerTo calls offer with the frames of the messages that share names, or of
// all if it is nil, until it returns false since it did not take all. Lasting bytes are not
// changed afterwards. shared are the frames of the batch that the subscription shares with
// others.
func (sub *subscription) offerTo(b *streams.Batch, share []groups.Share, shared *frames, offer func(bytes []byte, ends []int, lasting bool) bool) {
	if shared != nil && sub.isWhole(b, share) && shared.make(sub, b) {
		offer(shared.bytes, shared.ends, true)
		return
	}
	p := pickedPool.Get().(*picked)
	defer p.release()
	add := func(i, attempt int) (more bool) {
		if shared != nil && (attempt == 0 || !sub.meta) {
			p.bytes = append(p.bytes, shared.frame(sub, b, i)...)
		} else {
			p.bytes = sub.appendDelivery(p.bytes, b.Messages[i], attempt)
		}
		p.ends = append(p.ends, len(p.bytes))
		if len(p.bytes) < offeredAtOnce {
			return true
		}
		more = offer(p.bytes, p.ends, false)
		p.bytes, p.ends = p.bytes[:0], p.ends[:0]
		return more
	}
	if share == nil {
		for i := range b.Messages {
			if !add(i, 0) {
				return
			}
		}
	}
	for _, s := range share {
		if !add(s.Index, s.Attempt) {
			return
		}
	}
	if len(p.ends) > 0 {
		offer(p.bytes, p.ends, false)
	}
}

// isWhole reports whether a share is the whole batch, and its frames are the shared
// ones, without attempts.
func (sub *subscription) isWhole(b *streams.Batch, share []groups.Share) bool {
	if share == nil {
		return true
	}
	if len(share) < len(b.Messages) {
		return false
	}
	for _, s := range share {
		if s.Attempt > 0 && sub.meta {
			return false
		}
	}
	return true
}

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
	if sub.inner.IsWaiting() {
		return protocol.AppendSubscribedWaiting(b, sub.id, sub.session.opts.Action, sub.stream)
	}
	next, bounds := sub.inner.Joined()
	return protocol.AppendSubscribedAt(b, sub.id, sub.session.opts.Action, sub.stream,
		protocol.Joined{Epoch: sub.epoch, First: bounds.First, Next: next})
}
