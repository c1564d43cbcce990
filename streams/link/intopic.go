package link

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/streams"
	"seagate/streams/peer"
)

// An inTopic reads a topic wherever it is provided. It implements peer.InTopic.
type inTopic struct {
	client  *client
	id      streams.ID
	to      streams.Consumer
	started atomic.Bool
	closed  atomic.Bool

	deliver sync.Mutex // held while to is called; guards what follows
	source  *source
	next    uint64 // in the epoch
	epoch   string
	state   streams.State   // what the consumer knows
	told    *streams.Joined // to be told before anything else; nil if there is nothing
	now     streams.State   // to be told if it is another than state
	ended   bool

	mu sync.Mutex // guards what follows
	in *streams.InTopic
}

// A source is the network that an inTopic reads from, and the way to it. It
// implements streams.Consumer; what comes from a source that was replaced is
// refused.
type source struct {
	t     *inTopic
	way   *way
	node  string
	until uint64 // read up to this number, without it, before moving to another source; 0: do not move
}

// In implements peer.Link.
func (c *client) In(ctx context.Context, name string, to streams.Consumer, from streams.StartAt) (peer.InTopic, streams.Joined, error) {
	t := &inTopic{client: c, id: streams.ID{Space: c.space, Name: name}, to: to}
	w, node, ok := c.home.choose(t.id, "")
	if !ok { // begin at home, and follow the routes once they are up to date
		w, node = &way{to: c.home}, c.home.node
	}
	joined, err := t.open(ctx, &source{t: t, way: w, node: node}, from)
	if err != nil {
		return nil, streams.Joined{}, err
	}
	t.state, t.now = joined.State, joined.State
	if !c.keep(t) {
		t.Close()
		return nil, streams.Joined{}, peer.ErrClosed
	}
	return t, joined, nil
}

// choose returns the way to the node from which a topic is to be read. present is
// the node from which it is read now; it is kept if no other is nearer. choose
// returns false if the way has just changed.
func (s *Switch) choose(id streams.ID, present string) (w *way, node string, ok bool) {
	s.mu.Lock()
	nodes := s.nodesLocked(thing{topics, id.Space, id.Name})
	_, reachable := s.routes[present]
	switch {
	case len(nodes) > 0:
		node = nodes[0]
		if slices.Contains(nodes, present) && s.routes[present].cost == s.routes[node].cost {
			node = present
		}
	case reachable:
		node = present
	default:
		node = s.node
	}
	s.mu.Unlock()
	w, ok = s.wayTo(node)
	return w, node, ok
}

// open opens the topic at a source, and makes it the present one. Nothing is
// delivered before inTopic.begin.
func (t *inTopic) open(ctx context.Context, src *source, from streams.StartAt) (streams.Joined, error) {
	topic, err := src.way.to.network.Topic(t.id)
	if err != nil {
		return streams.Joined{}, err
	}
	in, joined, err := topic.In(ctx, src, 0, from)
	if err != nil {
		return streams.Joined{}, err
	}
	t.deliver.Lock()
	t.source, t.next, t.epoch = src, joined.Next, joined.Bounds.Epoch
	t.now = joined.State
	t.deliver.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.in = in
	if t.closed.Load() {
		in.Close()
	}
	return joined, nil
}

// Start implements peer.InTopic.
func (t *inTopic) Start() {
	t.started.Store(true)
	t.present().Start()
}

// Resume implements peer.InTopic.
func (t *inTopic) Resume() { t.present().Resume() }

// Close implements peer.InTopic.
func (t *inTopic) Close() {
	t.closed.Store(true)
	t.present().Close()
	t.client.forget(t)
}

func (t *inTopic) present() *streams.InTopic {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.in
}

// follow moves the in topic to where it is to be read now. Called by
// Switch.run alone.
func (t *inTopic) follow() {
	t.deliver.Lock()
	src := t.source
	t.deliver.Unlock()
	s := t.client.home
	w, node, ok := s.choose(t.id, src.node)
	if !ok || t.closed.Load() {
		return // the routes are about to change
	}
	if node == src.node {
		t.deliver.Lock()
		src.until = 0
		t.deliver.Unlock()
		if !slices.Equal(w.links, src.way.links) {
			t.move(&source{t: t, way: w, node: node}, true)
		}
		return
	}
	if t.drained(src) {
		t.move(&source{t: t, way: w, node: node}, false)
	}
}

// drained reports whether the consumer has all that the source accepted before
// it was left. If not, the switch looks again when it has.
func (t *inTopic) drained(src *source) bool {
	if !src.way.open() {
		return true // the rest cannot be had
	}
	topic, ok := src.way.to.network.Lookup(t.id)
	if !ok {
		return true
	}
	next := topic.Readable().Next
	t.deliver.Lock()
	defer t.deliver.Unlock()
	if src.until == 0 {
		src.until = next
	}
	return t.next >= src.until || t.ended
}

// move replaces the source. If the log is the same it continues there, otherwise
// it begins at the end.
func (t *inTopic) move(to *source, sameLog bool) {
	t.deliver.Lock()
	t.source = to // what the old one still delivers is refused
	from := streams.Latest()
	if sameLog {
		from = streams.At(t.next).In(t.epoch)
	}
	ended := t.ended
	t.deliver.Unlock()
	t.present().Close()
	if ended {
		return
	}
	joined, err := t.open(context.Background(), to, from)
	if errors.Is(err, streams.ErrPosition) { // the topic was deleted and made again
		sameLog = false
		joined, err = t.open(context.Background(), to, streams.Latest())
	}
	if err != nil {
		to.End(err)
		return
	}
	if !sameLog {
		t.deliver.Lock()
		t.told = &joined
		t.deliver.Unlock()
	}
	if in := t.present(); t.started.Load() {
		in.Start()
		in.Resume() // so that the consumer is told of the new source
	}
}

// refusesLocked reports whether nothing of the source may be passed on.
func (src *source) refusesLocked() bool {
	return src.t.source != src || src.t.ended || !src.way.open()
}

// tellLocked tells the consumer of a new source. It returns false if the
// consumer has no room.
func (t *inTopic) tellLocked() bool {
	if t.told != nil {
		if r, ok := t.to.(peer.Rerouter); ok {
			r.Rerouted(*t.told)
			t.state = t.told.State // Rerouted told the consumer of it
		}
		t.told = nil
	}
	if t.now != t.state {
		if !t.to.State(t.now) {
			return false
		}
		t.state = t.now
	}
	return true
}

// Deliver implements streams.Consumer.
func (src *source) Deliver(b *streams.Batch) int {
	t := src.t
	t.deliver.Lock()
	defer t.deliver.Unlock()
	if src.refusesLocked() || !t.tellLocked() {
		return 0
	}
	n := t.to.Deliver(b)
	if n > 0 {
		t.next = b.Messages[n-1].Seq + 1
		src.progressedLocked()
	}
	return n
}

// progressedLocked lets the switch move the in topic once the source has
// nothing more for it.
func (src *source) progressedLocked() {
	if src.until > 0 && src.t.next >= src.until {
		src.t.client.home.look()
	}
}

// State implements streams.Consumer.
func (src *source) State(s streams.State) bool {
	t := src.t
	t.deliver.Lock()
	defer t.deliver.Unlock()
	if src.refusesLocked() || !t.tellLocked() || !t.to.State(s) {
		return false
	}
	t.state, t.now = s, s
	return true
}

// Gap implements streams.Consumer.
func (src *source) Gap(first, last uint64) {
	t := src.t
	t.deliver.Lock()
	defer t.deliver.Unlock()
	if src.refusesLocked() {
		return // the next source tells it
	}
	t.to.Gap(first, last)
	t.next = last + 1
	src.progressedLocked()
}

// Resumed implements streams.Consumer.
func (src *source) Resumed() bool {
	t := src.t
	t.deliver.Lock()
	defer t.deliver.Unlock()
	return !src.refusesLocked() && t.tellLocked() && t.to.Resumed()
}

// End implements streams.Consumer.
func (src *source) End(err error) {
	t := src.t
	t.deliver.Lock()
	defer t.deliver.Unlock()
	if src.refusesLocked() {
		return
	}
	t.ended = true
	t.to.End(err)
}
