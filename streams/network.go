package streams

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"seagate/storage"
)

// Options of a Network. The zero value is the default of each.
type Options struct {
	Workers        int // goroutines that run passes; default: one per processor
	TailMessages   int // messages kept in memory per topic; default 10,000
	TailBytes      int // payload bytes kept in memory per topic; default 4 MiB
	TopicsPerSpace int // default 10,000

	// OnPanic is told of a consumer that panicked, after its in topic was
	// ended. Default: logged with its stack.
	OnPanic func(c Consumer, value any)
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Workers, runtime.GOMAXPROCS(0))
	def(&o.TailMessages, 10_000)
	def(&o.TailBytes, 4<<20)
	def(&o.TopicsPerSpace, 10_000)
	if o.OnPanic == nil {
		o.OnPanic = func(_ Consumer, v any) {
			slog.Error("a consumer panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}
	return o
}

// A Network is a set of topics in spaces. Safe for concurrent use.
type Network struct {
	opts    Options
	records storage.Records
	workers []*worker
	running sync.WaitGroup
	closed  atomic.Bool

	mu     sync.RWMutex // guards what follows
	spaces map[string]map[string]*Topic
}

// Open returns the network with what was stored of its topics.
func Open(ctx context.Context, records storage.Records, opts Options) (*Network, error) {
	n := &Network{opts: opts.withDefaults(), records: records, spaces: map[string]map[string]*Topic{}}
	for range n.opts.Workers {
		n.workers = append(n.workers, newWorker())
	}
	if err := n.load(ctx); err != nil {
		return nil, err
	}
	for _, w := range n.workers {
		n.running.Go(w.run)
	}
	return n, nil
}

// Close stops all delivery and waits for passes under way. It is safe to call
// twice.
func (n *Network) Close() {
	n.closed.Store(true)
	n.mu.RLock()
	for _, topics := range n.spaces {
		for _, t := range topics {
			t.release()
		}
	}
	n.mu.RUnlock()
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
	if topics == nil {
		topics = map[string]*Topic{}
		n.spaces[id.Space] = topics
	}
	t := newTopic(n, id)
	topics[id.Name] = t
	return t, nil
}

// Lookup returns the topic if there is one.
func (n *Network) Lookup(id ID) (*Topic, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	t, ok := n.spaces[id.Space][id.Name]
	return t, ok
}

// Delete ends a topic and forgets it, durably. A topic that is made later
// under the same name is another one. To delete what is not there is no error.
func (n *Network) Delete(ctx context.Context, id ID) error {
	t, ok := n.Lookup(id)
	if !ok {
		return nil
	}
	t.recordMu.Lock() // nothing is stored of it from here on
	defer t.recordMu.Unlock()
	if err := t.write(ctx, record{}); err != nil {
		return fmt.Errorf("delete topic %q: %w", id.Name, err)
	}
	n.remove(t)
	t.end()
	return nil
}

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
