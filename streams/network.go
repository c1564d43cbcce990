package streams

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seagate/storage"
)

// Stores are where topics keep their messages and records.
type Stores struct {
	Records storage.Records
	Disk    storage.Logs // of topics that are OnDisk
	Memory  storage.Logs // of topics that are InMemory
}

// A Network is a set of topics in spaces. Safe for concurrent use.
type Network struct {
	opts      Options
	stores    Stores
	workers   []*worker
	logReader *logReader
	notifier  notifier

	observations observations
	retention    *retention
	clock        storedClock
	relief       *relief
	stop         context.CancelFunc
	running      sync.WaitGroup
	closed       atomic.Bool
	skipped      atomic.Uint64 // see SkippedChanges

	mu     sync.RWMutex // guards what follows
	spaces map[string]map[string]*Topic
	groups map[ID]int // see AddGroup; only those above 0
}

// Open returns a network with the topics that are stored. It returns an error
// that names all options that are wrong, or an error of the stores.
func Open(ctx context.Context, stores Stores, opts Options) (*Network, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	n := &Network{opts: opts, stores: stores, stop: stop, spaces: map[string]map[string]*Topic{}, groups: map[ID]int{}}
	n.logReader = &logReader{ctx: life}
	n.notifier = newNotifier()
	n.retention = newRetention(n)
	n.relief = newRelief(n)
	for range opts.Workers {
		n.workers = append(n.workers, newWorker())
	}
	if err := n.load(ctx); err != nil {
		stop()
		return nil, err
	}
	n.clock = storedClock{records: stores.Records, clock: opts.Clock}
	if err := n.clock.start(ctx, n.newest()); err != nil {
		stop()
		return nil, err
	}
	n.running.Go(func() { n.retention.run(life) })
	n.running.Go(func() { n.relief.run(life) })
	for _, w := range n.workers {
		if opts.NewWriter != nil {
			w.writer = opts.NewWriter()
		}
		n.running.Go(w.run)
	}
	return n, nil
}

// Close stops delivery, log reads, retention and calls of providers, and waits
// for those under way.
// Messages already accepted still become durable and are acknowledged, if the
// stores stay open. It is safe to call twice.
func (n *Network) Close() {
	before := n.closed.Swap(true)
	n.stop()
	for _, t := range n.topics() {
		t.wakeSenders()
	}
	n.logReader.close()
	n.notifier.Close()
	for _, w := range n.workers {
		w.close()
	}
	n.running.Wait()
	if !before {
		n.clock.note(context.Background())
	}
}

// SkippedChanges counts the changes of state that consumers were not told of, since they
// were so far behind that the topic had forgotten them. It counts once for each consumer.
func (n *Network) SkippedChanges() uint64 { return n.skipped.Load() }

// Topic returns the topic with this id, and makes it if there is none. It
// returns ErrTooManyTopics if the space is full.
func (n *Network) Topic(id ID) (*Topic, error) {
	return n.topic(id, func() (*Topic, error) { return newTopic(n, id, n.opts.Policy.Durability) })
}

func (n *Network) topic(id ID, make func() (*Topic, error)) (*Topic, error) {
	if t, ok := n.Lookup(id); ok {
		return t, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if t, ok := n.spaces[id.Space][id.Name]; ok {
		return t, nil
	}
	if len(n.spaces[id.Space]) >= n.opts.TopicsPerSpace {
		return nil, ErrTooManyTopics
	}
	t, err := make()
	if err != nil {
		return nil, err
	}
	n.addLocked(t)
	return t, nil
}

func (n *Network) addLocked(t *Topic) {
	space := n.spaces[t.id.Space]
	if space == nil {
		space = map[string]*Topic{}
		n.spaces[t.id.Space] = space
	}
	space[t.id.Name] = t
	t.groups.Store(int64(n.groups[t.id]))
}

// Lookup returns the topic with this id if there is one.
func (n *Network) Lookup(id ID) (*Topic, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	t, ok := n.spaces[id.Space][id.Name]
	return t, ok
}

// Names returns the names of the topics in a space, in no order.
func (n *Network) Names(space string) []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.Collect(maps.Keys(n.spaces[space]))
}

// Spaces returns the spaces that have topics, in no order.
func (n *Network) Spaces() []string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.Collect(maps.Keys(n.spaces))
}

// newest returns the time of the newest message of all topics, or the zero Time.
func (n *Network) newest() (newest time.Time) {
	for _, t := range n.topics() {
		if last := t.Bounds().LastTime; last.After(newest) {
			newest = last
		}
	}
	return newest
}

// topics returns all topics, in no order.
func (n *Network) topics() (all []*Topic) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, space := range n.spaces {
		all = slices.AppendSeq(all, maps.Values(space))
	}
	return all
}

// Delete ends a topic and removes its messages and record, durably. A topic
// that is made later under the same id is another one. Deleting a topic that
// does not exist is not an error.
//
// If Delete fails, or ctx ends, the topic has ended all the same: it returns
// ErrDeleted, and its consumers are told. It keeps its id until it is deleted
// again. What is left of it in the stores is loaded by the next Open.
func (n *Network) Delete(ctx context.Context, id ID) error {
	t, ok := n.Lookup(id)
	if !ok {
		return nil
	}
	t.recordMu.Lock()
	defer t.recordMu.Unlock()
	if now, _ := n.Lookup(id); now != t { // deleted while this call waited
		return nil
	}
	t.end() // before its log goes, without which it is of no use
	if err := t.erase(ctx); err != nil {
		return fmt.Errorf("delete topic %q: %w", id.Name, err)
	}
	n.remove(t)
	t.release()
	return nil
}

// erase removes what is stored of the topic, its record last: as long as that
// is there, the topic can be found and deleted again.
func (t *Topic) erase(ctx context.Context) error {
	if t.transient {
		return t.eraseTransient(ctx)
	}
	for _, logs := range []storage.Logs{t.net.stores.Memory, t.net.stores.Disk} {
		if err := logs.DeleteLog(ctx, t.id.recordKey()); err != nil {
			return err
		}
	}
	return t.write(ctx, record{})
}

func (n *Network) remove(t *Topic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.spaces[t.id.Space], t.id.Name)
	for _, s := range t.shards {
		s.worker.leave(s.place)
	}
	if len(n.spaces[t.id.Space]) == 0 {
		delete(n.spaces, t.id.Space)
	}
	n.observe(t.id)
}

// DeleteSpace deletes all topics of a space. It tries each, and returns all
// errors.
func (n *Network) DeleteSpace(ctx context.Context, space string) error {
	var errs []error
	for _, name := range n.Names(space) {
		errs = append(errs, n.Delete(ctx, ID{space, name}))
	}
	return errors.Join(errs...)
}
