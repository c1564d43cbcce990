package groups

import (
	"math"
	"sync"
	"time"

	"seagate/streams"
)

// A handOut is a message in flight: a member was handed it, or is being handed
// it, and has not acknowledged it.
type handOut struct {
	message  *streams.Message // nil once it is no longer in flight
	tag      uint64           // untagged until the member has taken it
	attempt  uint32           // how often it was handed out before
	deadline time.Duration    // by Registry.now
}

// What is being handed over has no tag yet, and no deadline: Ack does not reach
// it, and it does not time out.
const (
	untagged = math.MaxUint64
	never    = time.Duration(math.MaxInt64)
)

// inFlight is what a member was handed and has not acknowledged, in the order
// in which it was handed over, which is that of tags and deadlines. At the end
// stands what is being handed over.
type inFlight struct {
	list []handOut
	box  *[]handOut // what list goes back to lists in; nil with list
	head int        // those before it are no longer in flight
	live int        // how many are in flight

	// at is where in the list a number is. Only for explicit members.
	at       map[uint64]int
	explicit bool
}

// lists are those of members that have nothing in flight. With bursts of
// messages that are acknowledged at once each burst would grow a new one.
var lists = sync.Pool{New: func() any { return new([]handOut) }}

// maxList is the largest list that is used again, in messages.
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
	f.index(len(f.list) - 1)
}

func (f *inFlight) index(i int) {
	if !f.explicit {
		return
	}
	if f.at == nil {
		f.at = map[uint64]int{}
	}
	f.at[f.list[i].message.Seq] = i
}

// compact moves what is in flight to the front.
func (f *inFlight) compact() {
	kept := f.list[:0]
	for _, h := range f.list[f.head:] {
		if h.message != nil {
			kept = append(kept, h)
			f.index(len(kept) - 1)
		}
	}
	clear(f.list[len(kept):])
	f.list, f.head = kept, 0
}

// oldest returns what was handed over first, or nil.
func (f *inFlight) oldest() *handOut {
	if f.live == 0 {
		return nil
	}
	for f.list[f.head].message == nil {
		f.head++
	}
	return &f.list[f.head]
}

// takeOldest removes what oldest returns.
func (f *inFlight) takeOldest() handOut {
	f.oldest()
	return f.remove(f.head)
}

// take removes a message by its number, from those of an explicit member.
func (f *inFlight) take(seq uint64) (h handOut, ok bool) {
	i, ok := f.at[seq]
	if !ok {
		return handOut{}, false
	}
	return f.remove(i), true
}

// takeAt removes the i-th of the list, if it is in flight.
func (f *inFlight) takeAt(i int) (h handOut, ok bool) {
	if f.live == 0 || f.list[i].message == nil {
		return handOut{}, false
	}
	return f.remove(i), true
}

func (f *inFlight) remove(i int) handOut {
	h := f.list[i]
	f.list[i].message = nil
	if f.explicit {
		delete(f.at, h.message.Seq)
	}
	if f.live--; f.live == 0 {
		f.recycle()
	}
	return h
}

// recycle gives the list back, so that a member with nothing in flight holds no
// memory.
func (f *inFlight) recycle() {
	if cap(f.list) <= maxList {
		clear(f.list)
		*f.box = f.list[:0]
		lists.Put(f.box)
	}
	f.clear()
}

func (f *inFlight) clear() { *f = inFlight{explicit: f.explicit} }

// upTo returns the numbers up to seq, of an explicit member.
func (f *inFlight) upTo(seq uint64) (seqs []uint64) {
	for n := range f.at {
		if n <= seq {
			seqs = append(seqs, n)
		}
	}
	return seqs
}

// all calls f with each message in flight.
func (f *inFlight) all(do func(*handOut)) {
	for i := f.head; i < len(f.list); i++ {
		if f.list[i].message != nil {
			do(&f.list[i])
		}
	}
}
