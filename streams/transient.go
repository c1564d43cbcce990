package streams

import "context"

// Transient returns the topic with this id. If there is none, it makes one that is
// transient: its messages, its header and its record are in memory alone, whatever
// Options.Policy says, so a process that ends leaves nothing of it. o is the rest of its
// policy. It returns ErrTooManyTopics if the space is full.
func (n *Network) Transient(id ID, o Overrides) (*Topic, error) {
	memory := InMemory
	o.Durability = &memory
	return n.topic(id, func() (*Topic, error) {
		t, err := newTopic(n, id, InMemory)
		if err == nil {
			t.transient, t.overrides = true, o
		}
		return t, err
	})
}

// IsTransient reports whether the topic is one that Network.Transient made.
func (t *Topic) IsTransient() bool { return t.transient }

// eraseTransient is erase for a transient topic, which has nothing on disk.
func (t *Topic) eraseTransient(ctx context.Context) error {
	return t.net.stores.Memory.DeleteLog(ctx, t.id.recordKey())
}
