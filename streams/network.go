package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"seagate/storage"
)

// Stores are where topics keep what they have.
type Stores struct {
	Records storage.Records
	Disk    storage.Logs // of topics that are OnDisk
	Memory  storage.Logs // of those that are InMemory
}

// A Network is a set of topics in spaces. Safe for concurrent use.
type Network struct {
	opts      Options
	stores    Stores
	workers   []*worker
	fetcher   *fetcher
	retention *retention
	stop      context.CancelFunc
	running   sync.WaitGroup
	closed    atomic.Bool

	mu     sync.RWMutex // guards what follows
	spaces map[string]map[string]*Topic
}

// Open returns the network with what was stored of its topics.
func Open(ctx context.Context, stores Stores, opts Options) (*Network, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	n := &Network{opts: opts, stores: stores, stop: stop, spaces: map[string]map[string]*Topic{}}
	n.fetcher = &fetcher{ctx: life}
	n.retention = newRetention(n)
	for range n.opts.Workers {
		n.workers = append(n.workers, newWorker())
	}
	if err := n.load(ctx); err != nil {
		stop()
		return nil, err
	}
	n.running.Go(func() { n.retention.run(life) })
	for _, w := range n.workers {
		n.running.Go(w.run)
	}
	return n, nil
}

// Close stops all delivery and waits for passes under way. What was sent and
// is not durable yet becomes so all the same, and is answered, as long as the
// stores are open. It is safe to call twice.
func (n *Network) Close() {
	n.closed.Store(true)
	n.stop()
	for _, t := range n.all() {
		t.release()
	}
	n.fetcher.close()
	for _, w := range n.workers {
		w.close()
	}
	n.running.Wait()
}

// Topic returns the topic with this name and makes it if need be. It returns
// ErrTooManyTopics when the space is full.
func (n *Network) Topic(id ID) (*Topic, error) {
	if t, ok := n.Lookup(id); ok {
		return t, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.makeLocked(id)
}

func (n *Network) makeLocked(id ID) (*Topic, error) {
	topics := n.spaces[id.Space]
	if t, ok := topics[id.Name]; ok {
		return t, nil
	}
	if len(topics) >= n.opts.TopicsPerSpace {
		return nil, ErrTooManyTopics
	}
	t, err := newTopic(n, id, n.opts.Policy.Durability)
	if err != nil {
		return nil, err
	}
	n.addLocked(t)
	return t, nil
}

func (n *Network) addLocked(t *Topic) {
	topics := n.spaces[t.id.Space]
	if topics == nil {
		topics = map[string]*Topic{}
		n.spaces[t.id.Space] = topics
	}
	topics[t.id.Name] = t
}

func (n *Network) all() (topics []*Topic) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, space := range n.spaces {
		for _, t := range space {
			topics = append(topics, t)
		}
	}
	return topics
}

// Lookup returns the topic if there is one.
func (n *Network) Lookup(id ID) (*Topic, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	t, ok := n.spaces[id.Space][id.Name]
	return t, ok
}

// Delete ends a topic and forgets it with its messages, durably. What was begun
// is brought to its end even if ctx ends. A topic that
// is made later under the same name is another one. To delete what is not
// there is no error.
func (n *Network) Delete(ctx context.Context, id ID) error {
	t, ok := n.Lookup(id)
	if !ok {
		return nil
	}
	t.recordMu.Lock() // nothing is stored of it from here on
	defer t.recordMu.Unlock()
	// A log that is deleted behind a topic that is not leaves nothing that works.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	if err := t.erase(ctx); err != nil {
		return fmt.Errorf("delete topic %q: %w", id.Name, err)
	}
	n.remove(t)
	t.end()
	return nil
}

// erase removes all that is stored of the topic, the record last: until then
// it is there to be deleted again.
func (t *Topic) erase(ctx context.Context) error {
	for _, logs := range []storage.Logs{t.net.stores.Memory, t.net.stores.Disk} {
		if err := logs.DeleteLog(ctx, t.id.recordKey()); err != nil {
			return err
		}
	}
	return t.write(ctx, record{})
}

// deleteTime is how long a deletion is waited for.
const deleteTime = time.Minute

func (n *Network) remove(t *Topic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	topics := n.spaces[t.id.Space]
	if topics[t.id.Name] == t {
		delete(topics, t.id.Name)
	}
	if len(topics) == 0 {
		delete(n.spaces, t.id.Space)
	}
}

// DeleteSpace deletes all topics of a space.
func (n *Network) DeleteSpace(ctx context.Context, space string) error {
	var errs []error
	for _, name := range n.Names(space) {
		errs = append(errs, n.Delete(ctx, ID{space, name}))
	}
	return errors.Join(errs...)
}

// Names returns the topics of a space, in no order.
func (n *Network) Names(space string) []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	names := make([]string, 0, len(n.spaces[space]))
	for name := range n.spaces[space] {
		names = append(names, name)
	}
	return names
}

// Spaces returns the spaces that have topics, in no order.
func (n *Network) Spaces() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	spaces := make([]string, 0, len(n.spaces))
	for space := range n.spaces {
		spaces = append(spaces, space)
	}
	return spaces
}
