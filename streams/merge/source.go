package merge

import (
	"context"
	"sync/atomic"
	"time"

	"seagate/streams"
)

// The bounds of what is queued per topic. They are those of a batch, since a
// batch that is taken in parts is read again for each.
const (
	queueMessages = 256
	queueBytes    = 256 << 10
)

// An entry is a message that waits for its turn, or a gap.
type entry struct {
	message     *streams.Message // nil for a gap
	at          Stamp
	first, last uint64 // of a gap
}

// A source is a topic of a merge. It is the consumer of its in topic.
type source struct {
	Source
	merge   *Merge
	index   int
	rank    int // the order among equal timestamps, the lowest first
	in      *streams.InTopic
	joined  streams.Joined
	removed atomic.Bool

	// Owned by the worker.
	queue  []entry
	peeked int // entries that are offered to the sink
	bytes  int // of the payloads in queue
	parked bool
	next   uint64 // the number of the first message that was not read

	state  streams.State
	timed  bool      // a message had a timestamp
	last   Stamp     // the highest of the messages that were not dropped, if timed
	heard  bool      // an invisible message had a timestamp
	bound  Stamp     // the highest of them, if heard
	spoke  time.Time // when the topic accepted its newest visible message
	shown  bool      // a message was visible
	quiet  bool      // no message was visible so far, and some were not
	holds  bool      // it held others up when collect looked last
	since  time.Time // since when, zero if it does not
	passed bool      // passed over until its next visible message

	ended bool
	err   error // why, if ended
	told  bool  // the sink knows of the end
}

// open opens the in topic.
func (s *source) open(ctx context.Context) (err error) {
	s.in, s.joined, err = s.Topic.In(ctx, s, s.merge.opts.Shard, s.From)
	if err != nil {
		return err
	}
	s.state, s.next = s.joined.State, s.joined.Next
	m, err := lastMessage(ctx, s.Topic)
	if m == nil || err != nil {
		return err
	}
	if s.Visible != nil && len(s.Visible(&streams.Batch{Messages: []*streams.Message{m}})) == 0 {
		s.quiet = true
		return nil
	}
	s.spoke, s.shown = m.Time, true
	return nil
}

// Deliver implements streams.Consumer.
func (s *source) Deliver(b *streams.Batch) int {
	if s.removed.Load() || s.merge.closed.Load() {
		return len(b.Messages)
	}
	visible := func(int) bool { return true }
	if s.Visible != nil {
		visible = isIn(s.Visible(b))
	}
	for i, m := range b.Messages {
		show := visible(i)
		if show && !s.hasRoom() {
			if s.merge.advance(); !s.hasRoom() {
				s.parked = true
				return i
			}
		}
		s.next = m.Seq + 1
		at, timed := s.merge.opts.By.stamp(b, i)
		if show {
			s.take(m, at, timed)
		} else {
			s.pass(at, timed)
		}
	}
	s.merge.advance()
	return len(b.Messages)
}

// isIn returns a function that reports whether an index is in the list. It must
// be called with rising indexes.
func isIn(list []int) func(int) bool {
	return func(i int) bool {
		if len(list) == 0 || list[0] != i {
			return false
		}
		list = list[1:]
		return true
	}
}

// take queues a message or drops it.
func (s *source) take(m *streams.Message, at Stamp, timed bool) {
	if m.Time.After(s.spoke) {
		s.spoke = m.Time
	}
	s.since, s.passed, s.quiet, s.shown = time.Time{}, false, false, true
	switch {
	case !timed:
		s.merge.drop(s, Untimed)
	case s.timed && at.Compare(s.last) < 0, s.merge.begun && at.Compare(s.merge.last) < 0:
		s.merge.drop(s, Late)
	default:
		s.queue = append(s.queue, entry{message: m, at: at})
		s.bytes += len(m.Payload)
		s.last, s.timed = at, true
	}
}

// pass notes a message that is not visible. It does not renew the time for which
// the topic is waited for, but its timestamp says how far the topic has come.
func (s *source) pass(at Stamp, timed bool) {
	s.quiet = !s.shown
	if timed && (!s.heard || at.Compare(s.bound) > 0) {
		s.bound, s.heard = at, true
	}
}

// State implements streams.Consumer.
func (s *source) State(state streams.State) bool {
	if s.state.Registered && !state.Registered {
		s.spoke = time.Time{} // a topic that is unregistered releases the others at once
	}
	s.state = state
	s.merge.advance()
	return true
}

// Gap implements streams.Consumer.
func (s *source) Gap(first, last uint64) {
	s.next = last + 1
	if n := len(s.queue); n > 0 && s.queue[n-1].message == nil {
		s.queue[n-1].last = last
		return
	}
	s.queue = append(s.queue, entry{first: first, last: last})
	s.merge.advance()
}

// Resumed implements streams.Consumer.
func (s *source) Resumed() (hasRoom bool) {
	s.parked = !s.hasRoom()
	return !s.parked
}

// End implements streams.Consumer.
func (s *source) End(err error) {
	s.ended, s.err = true, err
	s.merge.advance()
}

func (s *source) hasRoom() bool {
	return len(s.queue) < queueMessages && s.bytes < queueBytes
}

// pop removes the first n entries of the queue.
func (s *source) pop(n int) {
	for i := range n {
		if m := s.queue[i].message; m != nil {
			s.bytes -= len(m.Payload)
		}
	}
	rest := copy(s.queue, s.queue[n:])
	clear(s.queue[rest:])
	s.queue = s.queue[:rest]
}

// refill lets the in topic go on when enough of the queue is gone.
func (s *source) refill() {
	if s.parked && len(s.queue) <= queueMessages/2 && s.bytes <= queueBytes/2 {
		s.parked = false
		s.in.Resume()
	}
}

// unread reports whether the log holds messages that were not read.
func (s *source) unread() bool {
	b := s.Topic.Readable()
	return max(s.next, b.First) < b.Next
}

// isAwaited reports whether the merge waits for the next message of the source,
// which has nothing queued, and if so when to look again.
func (s *source) isAwaited(now time.Time) (awaited bool, until time.Time) {
	wait := s.merge.opts.Wait
	if s.ended || s.Hidden || s.removed.Load() {
		return false, time.Time{}
	}
	if s.unread() {
		return true, now.Add(max(wait, recheck))
	}
	if s.state.Paused || s.passed || s.quiet {
		return false, time.Time{}
	}
	until = now.Add(wait)
	if !s.since.IsZero() {
		until = s.since.Add(wait)
	}
	s.passed = !until.After(now)
	if spoken := s.spoke.Add(wait); !s.state.Registered && spoken.Before(until) {
		until = spoken
	}
	return until.After(now), until
}

// recheck is the time after which the merge looks again at a topic with unread
// messages that have not come. Retention may have removed them, and then nothing
// else wakes the merge.
const recheck = 100 * time.Millisecond
