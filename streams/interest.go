package streams

import "seagate/internal/backlog"

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
// waits for one. What is added must not be in the queue already.
type notifier = *backlog.Queue[notified]

func newNotifier() notifier { return backlog.New(notified.notify) }
