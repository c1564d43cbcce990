package groups

import "time"

// TagCredit is how many messages a member that acknowledges tags may have in flight.
//
// A tag acknowledges what has arrived at the member, not what it has processed. A
// member that is handed more than it has room for stops reading, and acknowledges
// late. So its window is found out as TCP finds out its own: it begins with First,
// doubles while acknowledgements are quick, and shrinks when they are late.
type TagCredit struct {
	First int // messages, at the beginning; at least 1
	Most  int // messages; at least 1. It also bounds First.

	// Target is how long an acknowledgement may take, apart from the time on the
	// network; more than 0. After a later one the window is what the member reads
	// in this time.
	Target time.Duration
}

// A window is the credit of a member that acknowledges tags.
type window struct {
	size, most int
	target     time.Duration

	// network is the shortest time in which an acknowledgement came, but at most
	// target: a member may be slow from its first message on.
	network time.Duration

	// One tag at a time is timed.
	tag   uint64        // untagged: none
	since time.Duration // when its messages were handed over, by Registry.now
	ahead int           // messages that the member had in flight then
}

// newWindow returns the first window of a member that may have most messages in
// flight.
func newWindow(c TagCredit, most int) window {
	return window{size: min(c.First, most), most: most, target: c.Target, network: c.Target, tag: untagged}
}

// isIdle reports whether no tag is timed.
func (w *window) isIdle() bool { return w.tag == untagged }

// time begins to time a tag. ahead is how many messages are in flight, including
// those of the tag.
func (w *window) time(tag uint64, ahead int, now time.Duration) {
	w.tag, w.ahead, w.since = tag, ahead, now
}

// acknowledged adapts the window to the time that the timed tag took. limited is
// whether the window kept messages from the member. If not, the window stays as it
// is, however quick the member was with the few that it had.
func (w *window) acknowledged(limited bool, now time.Duration) {
	took := now - w.since
	w.tag = untagged
	w.network = min(w.network, took)
	switch late := took - w.network; {
	case late > w.target:
		w.size = min(w.size, max(1, int(int64(w.ahead)*int64(w.target)/int64(late))))
	case late <= w.target/2 && limited: // twice as much is still in time
		w.size = min(2*w.size, w.most)
	}
}
