package streams

import "sync"

// Interest is who wants the messages of a topic. A provider whose topic nobody
// wants can save its work.
type Interest struct {
	Subscribers int // open in topics, without those of groups
	Groups      int // groups, with or without members: see Network.AddGroup
}

// Requested reports whether anybody wants the messages.
func (i Interest) Requested() bool { return i.Subscribers > 0 || i.Groups > 0 }

// A Provider is told of the interest in a topic that it provides. Its methods
// are called by one goroutine at a time and without locks. They must not block.
type Provider interface {
	// Requested tells that Interest.Requested has changed. Two calls in a row
	// never say the same. If a change is undone before the provider could be told
	// of it, the provider is told of neither. So the last call always says what is
	// true.
	Requested(i Interest)

	// End tells that the topic was deleted. Nothing follows.
	End(err error)
}

// interest returns the interest of this moment.
func (t *Topic) interest() Interest {
	return Interest{Subscribers: int(t.subscribers.Load()), Groups: int(t.groups.Load())}
}

// Interest returns the interest of this moment.
func (t *Topic) Interest() Interest { return t.interest() }

// joinLocked counts an open in topic. The caller holds Topic.mu, at least for reading.
func (t *Topic) joinLocked(inGroup bool) {
	t.readers.Add(1)
	if inGroup {
		return
	}
	n := t.subscribers.Add(1)
	if n == 1 {
		t.tellProvidersLocked()
	}
	if n <= 2 {
		t.net.observe(t.id)
	}
}

// leave undoes joinLocked.
func (t *Topic) leave(inGroup bool) {
	t.readers.Add(-1)
	if inGroup {
		return
	}
	n := t.subscribers.Add(-1)
	if n == 0 {
		t.mu.RLock()
		defer t.mu.RUnlock()
		t.tellProvidersLocked()
	}
	if n <= 1 {
		t.net.observe(t.id)
	}
}

// setGroups counts the groups. Called by the network, with its lock held.
func (t *Topic) setGroups(n int) {
	was := t.groups.Swap(int64(n))
	if (was > 0) == (n > 0) {
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.tellProvidersLocked()
}

// tellProvidersLocked lets each provider be told of what has changed since it
// was told last, if anything has.
func (t *Topic) tellProvidersLocked() {
	for _, out := range t.outs {
		out.post()
	}
}

// Interest returns the interest in the topic with this id, whether there is such
// a topic or not.
func (n *Network) Interest(id ID) Interest {
	if t, ok := n.Lookup(id); ok {
		return t.interest()
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return Interest{Groups: n.groups[id]}
}

// AddGroup counts a group of the topic with this id, whether there is such a
// topic or not. While a topic has a group it is requested: a producer that
// stops when nobody listens must not starve a group whose members are away.
func (n *Network) AddGroup(id ID) { n.countGroups(id, 1) }

// RemoveGroup undoes one call of AddGroup.
func (n *Network) RemoveGroup(id ID) { n.countGroups(id, -1) }

func (n *Network) countGroups(id ID, by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := n.groups[id] + by
	if count > 0 {
		n.groups[id] = count
	} else {
		delete(n.groups, id)
	}
	if t := n.spaces[id.Space][id.Name]; t != nil {
		t.setGroups(count)
	}
	n.observe(id)
}

// A notified is what a notifier calls: an out topic, or an observation.
type notified interface{ notify() }

// A notifier calls providers and the Observer, so that nobody who opens or closes an in topic
// waits for one. It has one goroutine, while there is somebody to call.
type notifier struct {
	mu      sync.Mutex // guards what follows
	queue   []notified
	running bool
	closed  bool

	goroutine sync.WaitGroup
}

// add queues out, which must not be in the queue already.
func (n *notifier) add(out notified) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.queue = append(n.queue, out)
	if !n.running {
		n.running = true
		n.goroutine.Go(n.run)
	}
}

func (n *notifier) run() {
	for {
		out := n.next()
		if out == nil {
			return
		}
		out.notify()
	}
}

// next takes the first from the queue. If there is none, it returns nil and the
// goroutine must end.
func (n *notifier) next() notified {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.queue) == 0 || n.closed {
		n.queue, n.running = nil, false
		return nil
	}
	out := n.queue[0]
	n.queue[0] = nil
	n.queue = n.queue[1:]
	return out
}

// close drops the queue and waits for the call under way.
func (n *notifier) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.goroutine.Wait()
}
