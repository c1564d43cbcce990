package groups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seagate/internal/quota"
	"seagate/storage"
	"seagate/streams"
)

// A Registry holds all groups, with and without members. Safe for concurrent
// use.
type Registry struct {
	opts    Options
	records storage.Records
	network Network
	began   time.Time
	tick    atomic.Int64 // now, as of the last checkpoint: asking a clock for each message would cost more

	// Totals since the registry was opened.
	redelivered, deadLettered, lost atomic.Uint64

	mu      sync.Mutex // guards what follows; taken before Topic.mu
	topics  map[streams.ID]*Topic
	clients map[client]map[*group]struct{} // groups by client
	count   int                            // number of groups
	spaces  map[string]*space

	changes     changes
	deadLetters *deadLetters

	stop    context.CancelFunc // ends the keeper
	running sync.WaitGroup

	writing   context.Context // context of all writes; a caller's context must not cut them short
	cutWrites context.CancelFunc
	closed    atomic.Bool // set before any group loses its members
	closing   sync.Once
	closeErr  error
}

// A client identifies a client within its space, or the bearers of its tokens.
type client struct {
	space, client string
	bearers       bool
}

// A Network is what a registry needs of a streams.Network. Its methods must not
// block and must not call the registry.
type Network interface {
	// Lookup finds the topic of a group, if there is one.
	Lookup(id streams.ID) (*streams.Topic, bool)

	// AddGroup and RemoveGroup count the groups of a topic, with and without
	// members, so that its providers know that it is requested.
	AddGroup(id streams.ID)
	RemoveGroup(id streams.ID)
}

// Open loads all groups that have a record. The network must know all topics
// already, and nobody may send to them before Open returns: if a log is shorter
// than a group had read, Open removes the missing messages from the group's
// progress. Otherwise new messages with the same numbers would count as done.
// The caller must call Close.
func Open(ctx context.Context, records storage.Records, network Network, opts Options) (*Registry, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	r := &Registry{
		opts:    opts,
		records: records,
		network: network,
		began:   time.Now(),
		topics:  map[streams.ID]*Topic{},
		clients: map[client]map[*group]struct{}{},
		spaces:  map[string]*space{},

		deadLetters: newDeadLetters(),
	}
	if err := r.loadAll(ctx); err != nil {
		return nil, err
	}
	r.writing, r.cutWrites = context.WithCancel(context.Background())
	life, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.running.Go(func() { r.keep(life) })
	return r, nil
}

func (r *Registry) loadAll(ctx context.Context) error {
	logs := map[string]string{} // saves memory: all groups of a log share one string
	for stored, err := range r.records.List(ctx, groupsTable, "") {
		if err != nil {
			return fmt.Errorf("load groups: %w", err)
		}
		g, err := r.fromRecord(stored)
		if err != nil {
			return err
		}
		if log, ok := logs[g.log]; ok {
			g.log = log
		} else {
			logs[g.log] = g.log
		}
		if topic, ok := r.network.Lookup(g.key.Topic); ok {
			g.cutLocked(topic.Bounds())
		}
		g.shrinkLocked()
		r.addLocked(g)
		g.account().Add(quota.Groups, 1)
		g.settle(len(stored.Value), g.partial)
	}
	return nil
}

func (r *Registry) addLocked(g *group) {
	t := r.topicLocked(g.key.Topic)
	t.mu.Lock()
	g.key.Topic = t.id // saves memory: all groups of a topic share its strings
	g.space = r.spaceLocked(t.id.Space)
	t.groups[g.key.Name()] = g
	t.mu.Unlock()
	of := r.clients[g.key.client()]
	if of == nil {
		of = map[*group]struct{}{}
		r.clients[g.key.client()] = of
	}
	of[g] = struct{}{}
	r.count++
	r.network.AddGroup(g.key.Topic)
}

// forget removes a group from the registry, if it is there.
func (r *Registry) forget(g *group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	client := g.key.client()
	if _, ok := r.clients[client][g]; !ok {
		return
	}
	delete(r.clients[client], g)
	if len(r.clients[client]) == 0 {
		delete(r.clients, client)
	}
	r.count--
	r.opts.Quotas.Account(g.key.Topic.Space).Add(quota.Groups, -1)
	r.network.RemoveGroup(g.key.Topic)
	t := r.topics[g.key.Topic]
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.groups, g.key.Name())
}

// all returns the groups of the topics that wanted accepts. The groups of a topic
// are next to each other. A nil wanted accepts every topic.
func (r *Registry) all(wanted func(streams.ID) bool) []*group {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*group
	if wanted == nil {
		all = make([]*group, 0, r.count)
	}
	for id, t := range r.topics {
		if wanted == nil || wanted(id) {
			all = t.appendGroups(all)
		}
	}
	return all
}

func (r *Registry) groupsOf(c client) []*group {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*group, 0, len(r.clients[c]))
	for g := range r.clients[c] {
		all = append(all, g)
	}
	return all
}

// now returns the time since the registry was opened, by the monotonic clock. It is
// never 0, which means "none" in group.timerAt.
func (r *Registry) now() time.Duration { return time.Since(r.began) + 1 }

// DeleteSpace calls Topic.DeleteAll for all topics of a space.
func (r *Registry) DeleteSpace(space string) error {
	err := r.deleteTopics(func(id streams.ID) bool { return id.Space == space })
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.spaces, space)
	return err
}

// deleteTopics deletes all groups of topics that were deleted.
func (r *Registry) deleteTopics(wanted func(streams.ID) bool) error {
	err := r.each(r.all(wanted), (*group).remove)
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, t := range r.topics {
		if wanted(id) && t.dropIfEmpty() {
			delete(r.topics, id)
		}
	}
	return err
}

// DeleteClient deletes all groups of a client, durably; their members are told.
func (r *Registry) DeleteClient(space, id string) error {
	groups := append(r.groupsOf(client{space, id, false}), r.groupsOf(client{space, id, true})...)
	return r.each(groups, func(g *group) error {
		if err := g.delete(); err != ErrNotFound {
			return err
		}
		return nil
	})
}

// DeleteClients calls DeleteClient for all clients that gone accepts. gone is called
// without locks.
func (r *Registry) DeleteClients(gone func(space, id string) bool) error {
	var errs []error
	for _, c := range r.allClients() {
		if gone(c.space, c.client) {
			errs = append(errs, r.DeleteClient(c.space, c.client))
		}
	}
	return errors.Join(errs...)
}

func (r *Registry) allClients() []client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.clients))
}

// Close ends all memberships without calling Member.End, waits for the goroutines
// and for up to 5 seconds for the outcomes of dead letters, and writes all changed
// groups. It returns an error if not all could be written before ctx ended. After
// Close, Join and Move return ErrClosed. It is safe to call twice.
func (r *Registry) Close(ctx context.Context) error {
	r.closing.Do(func() { r.closeErr = r.close(ctx) })
	return r.closeErr
}

func (r *Registry) close(ctx context.Context) error {
	defer context.AfterFunc(ctx, r.cutWrites)()
	r.closed.Store(true)
	for _, g := range r.all(nil) {
		g.dismiss(nil)
	}
	r.stop()
	r.deadLetters.close()
	r.running.Wait()
	r.deadLetters.wait(ctx)
	return r.checkpoint(r.writing)
}
