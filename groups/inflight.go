package groups

import (
	"math"
	"sync"
	"time"

	"seagate/streams"
)

// A handOut is a message in flight: it is assigned to a member, which has not
// acknowledged it.
type handOut struct {
	message  *streams.Message // nil once it is no longer in flight
	tag      uint64           // untagged until Member.Deliver has returned
	attempt  uint32           // number of earlier deliveries
	deadline time.Duration    // for the acknowledgement, in terms of Registry.now; or never
}

// A message has neither a tag nor a deadline until Member.Deliver returns. So Ack
// does not acknowledge it, and it does not time out.
const (
	untagged = math.MaxUint64
	never    = time.Duration(math.MaxInt64)
)

// inFlight is the messages that a member has in flight, in the order in which
// they were assigned. Tags and deadlines never go down in this order. The
// messages of the present Member.Deliver call are at the end. The group's mu
// guards it.
type inFlight struct {
	list []handOut
	box  *[]handOut // returns list to the pool lists; nil if list is nil
	head int        // the oldest message in flight, if there is one
	live int        // number of messages in flight

	// at maps a sequence number to its index in list. It is nil as long as the list
	// is short enough to be searched, and for members that acknowledge tags.
	at       map[uint64]int
	explicit bool
}

// maxSearched is the longest list, in messages, that is searched for a number. A
// map for one message would cost more than handing the message out.
const maxSearched = 16

// lists is a pool, because otherwise each burst of messages that is acknowledged
// at once would grow a new list.
var lists = sync.Pool{New: func() any { return new([]handOut) }}

// maxList is the largest list that returns to the pool, in messages.
const maxList = 4096

func (f *inFlight) add(h handOut) {
	if f.box == nil {
		f.box = lists.Get().(*[]handOut)
		f.list = *f.box
	}
	if len(f.list) == cap(f.list) && f.live <= len(f.list)/2 {
		f.compact()
	}
	f.list = append(f.list, h)
	f.live++
	switch {
	case f.at != nil:
		f.at[h.message.Seq] = len(f.list) - 1
	case f.explicit && len(f.list)-f.head > maxSearched:
		f.index()
	}
}

func (f *inFlight) index() {
	f.at = make(map[uint64]int, 2*maxSearched)
	for i := f.head; i < len(f.list); i++ {
		if m := f.list[i].message; m != nil {
			f.at[m.Seq] = i
		}
	}
}

// compact moves the messages in flight to the front of the list.
func (f *inFlight) compact() {
	kept := f.list[:0]
	for _, h := range f.list[f.head:] {
		if h.message != nil {
			kept = append(kept, h)
		}
	}
	clear(f.list[len(kept):])
	f.list, f.head = kept, 0
	if f.at != nil {
		f.index()
	}
}

// oldest returns the message that was assigned first, or nil. The pointer is valid
// until the next change.
func (f *inFlight) oldest() *handOut {
	if f.live == 0 {
		return nil
	}
	return &f.list[f.head]
}

// takeOldest removes and returns the oldest message. There must be one.
func (f *inFlight) takeOldest() handOut {
	f.oldest()
	return f.remove(f.head)
}

// take removes a message of an explicit member by its sequence number.
func (f *inFlight) take(seq uint64) (h handOut, ok bool) {
	i, ok := f.find(seq)
	if !ok {
		return handOut{}, false
	}
	return f.remove(i), true
}

func (f *inFlight) find(seq uint64) (i int, ok bool) {
	if f.at != nil {
		i, ok = f.at[seq]
		return i, ok
	}
	for i := f.head; i < len(f.list); i++ {
		if m := f.list[i].message; m != nil && m.Seq == seq {
			return i, true
		}
	}
	return 0, false
}

// takeAt removes the i-th entry of the list, if it is in flight.
func (f *inFlight) takeAt(i int) (h handOut, ok bool) {
	if f.live == 0 || f.list[i].message == nil {
		return handOut{}, false
	}
	return f.remove(i), true
}

func (f *inFlight) remove(i int) handOut {
	h := f.list[i]
	f.list[i].message = nil
	delete(f.at, h.message.Seq)
	if f.live--; f.live == 0 {
		f.recycle()
		return h
	}
	for f.list[f.head].message == nil {
		f.head++
	}
	return h
}

// recycle returns the list to the pool, so that a member with nothing in flight
// holds no memory.
func (f *inFlight) recycle() {
	if cap(f.list) <= maxList {
		clear(f.list)
		*f.box = f.list[:0]
		lists.Put(f.box)
	}
	f.clear()
}

func (f *inFlight) clear() { *f = inFlight{explicit: f.explicit} }

// upTo returns the sequence numbers up to seq that a member has taken, in any order.
func (f *inFlight) upTo(seq uint64) (seqs []uint64) {
	f.all(func(h *handOut) {
		if h.message.Seq <= seq && h.tag != untagged {
			seqs = append(seqs, h.message.Seq)
		}
	})
	return seqs
}

// all calls do with each message in flight.
func (f *inFlight) all(do func(*handOut)) {
	for i := f.head; i < len(f.list); i++ {
		if f.list[i].message != nil {
			do(&f.list[i])
		}
	}
}
