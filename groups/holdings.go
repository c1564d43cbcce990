package groups

import (
	"sync"
	"time"

	"seagate/streams"
)

// handed is a message that was handed to a member.
type handed struct {
	message  *streams.Message // nil once it is acknowledged or taken back
	tag      uint64
	attempt  uint32
	deadline time.Duration // by Registry.now; never for members that acknowledge by tags
	late     *Membership   // while it is being handed over: see group.late
}

// holdings is what a member was handed and has not acknowledged, in the order
// in which it was handed over, which is that of tags and deadlines.
type holdings struct {
	list []handed
	head int // those before it are gone
	live int // how many are not gone

	// at is where in the list a number is. Only for explicit members.
	at       map[uint64]int
	explicit bool
}

// lists are those of members that hold nothing for the moment. With bursts of
// messages that are acknowledged at once each would grow a new one.
var lists = sync.Pool{New: func() any { return new([]handed) }}

// maxList is the largest list that is used again, in messages.
const maxList = 4096

func (h *holdings) add(d handed) {
	if h.list == nil {
		h.list = *lists.Get().(*[]handed)
	}
	if len(h.list) == cap(h.list) && h.live <= len(h.list)/2 {
		h.compact()
	}
	h.list = append(h.list, d)
	h.live++
	h.index(len(h.list) - 1)
}

func (h *holdings) index(i int) {
	if !h.explicit {
		return
	}
	if h.at == nil {
		h.at = map[uint64]int{}
	}
	h.at[h.list[i].message.Seq] = i
}

// compact moves what is live to the front.
func (h *holdings) compact() {
	kept := h.list[:0]
	for _, d := range h.list[h.head:] {
		if d.message != nil {
			kept = append(kept, d)
			h.index(len(kept) - 1)
		}
	}
	clear(h.list[len(kept):])
	h.list, h.head = kept, 0
}

// oldest returns what was handed over first, or nil.
func (h *holdings) oldest() *handed {
	if h.live == 0 {
		return nil
	}
	for h.list[h.head].message == nil {
		h.head++
	}
	return &h.list[h.head]
}

// takeOldest removes what oldest returns.
func (h *holdings) takeOldest() handed {
	h.oldest()
	return h.remove(h.head)
}

// take removes a message by its number, from those of an explicit member.
func (h *holdings) take(seq uint64) (d handed, ok bool) {
	i, ok := h.at[seq]
	if !ok {
		return handed{}, false
	}
	return h.remove(i), true
}

// takeAt removes the i-th of the list, if it is there.
func (h *holdings) takeAt(i int) (d handed, ok bool) {
	if h.list[i].message == nil {
		return handed{}, false
	}
	return h.remove(i), true
}

func (h *holdings) remove(i int) handed {
	d := h.list[i]
	h.list[i].message = nil
	if h.explicit {
		delete(h.at, d.message.Seq)
	}
	if h.live--; h.live == 0 {
		h.rest()
	}
	return d
}

// rest lets a member that holds nothing hold no memory.
func (h *holdings) rest() {
	if cap(h.list) <= maxList {
		clear(h.list)
		list := h.list[:0]
		lists.Put(&list)
	}
	h.clear()
}

func (h *holdings) clear() { *h = holdings{explicit: h.explicit} }

// upTo returns the numbers up to seq, of an explicit member.
func (h *holdings) upTo(seq uint64) (seqs []uint64) {
	for n := range h.at {
		if n <= seq {
			seqs = append(seqs, n)
		}
	}
	return seqs
}
