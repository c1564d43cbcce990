package streams

import "sync"

// An Observer is told how topics stand, for whoever connects this network with those of other
// processes. It is called by one goroutine at a time, without locks, and must not block.
type Observer interface {
	// Changed tells how the topic with this id stands, whether there is such a topic or not.
	// It is called at each change of a Standing, with one exception: a change of Subscribers
	// counts only if it is between none, one, and more than one. Changes that follow each
	// other quickly may be told together. The last call says what is true.
	Changed(id ID, now Standing)
}

// A Standing is who wants and who provides a topic. An Observer that has opened an in topic or
// an out topic itself is counted in it.
type Standing struct {
	Interest
	Providers int
	Pausing   int // of the providers
	Held      bool
}

// edge returns s with as much of Subscribers as an Observer is told of.
func (s Standing) edge() Standing {
	s.Subscribers = min(s.Subscribers, 2)
	return s
}

// observations is what an Observer was told, for each topic that is not at rest.
type observations struct {
	mu  sync.Mutex // guards what follows
	all map[ID]*observation
}

// An observation is one topic as the Observer knows it.
type observation struct {
	net    *Network
	id     ID
	posted bool     // it is in the notifier's queue; guarded by observations.mu
	told   Standing // owned by the notifier
}

// observe lets the Observer be told of a topic. Locks of the network and of a topic may be held.
func (n *Network) observe(id ID) {
	if n.opts.Observer == nil {
		return
	}
	o := n.observations.post(n, id)
	if o != nil {
		n.notifier.Add(o)
	}
}

// post returns the observation if it has to be queued.
func (s *observations) post(n *Network, id ID) *observation {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.all[id]
	if o == nil {
		if s.all == nil {
			s.all = map[ID]*observation{}
		}
		o = &observation{net: n, id: id}
		s.all[id] = o
	}
	if o.posted {
		return nil
	}
	o.posted = true
	return o
}

// begin notes that the observation is not queued any more.
func (s *observations) begin(o *observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.posted = false
}

// rest forgets the observation of a topic at rest.
func (s *observations) rest(o *observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !o.posted {
		delete(s.all, o.id)
	}
}

// notify tells the Observer what it does not know yet. Called by the notifier.
func (o *observation) notify() {
	seen := &o.net.observations
	seen.begin(o) // first: what changes from now on posts it again
	defer func() {
		if v := recover(); v != nil {
			o.net.opts.OnPanic(o.net.opts.Observer, v)
		}
	}()
	now := o.net.Standing(o.id)
	if now.edge() != o.told.edge() {
		o.told = now
		o.net.opts.Observer.Changed(o.id, now)
	}
	if now == (Standing{}) {
		seen.rest(o)
	}
}

// Standing returns how the topic with this id stands at the moment, whether there is such a
// topic or not.
func (n *Network) Standing(id ID) Standing {
	s := Standing{Interest: n.Interest(id)}
	if t, ok := n.Lookup(id); ok {
		t.mu.RLock()
		defer t.mu.RUnlock()
		s.Providers, s.Pausing, s.Held = len(t.outs), t.pausing, t.held
	}
	return s
}
