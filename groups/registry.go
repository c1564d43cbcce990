package groups

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"seagate/storage"
	"seagate/streams"
)

// A Registry is all groups, with and without members. Safe for concurrent use.
type Registry struct {
	opts    Options
	records storage.Records
	topics  func(streams.ID) (*streams.Topic, bool)
	began   time.Time

	// Since the registry was opened.
	redelivered, deadLettered, lost atomic.Uint64

	mu      sync.Mutex // guards what follows
	byTopic map[streams.ID]map[place]*group
	clients map[client]map[*group]struct{} // the groups of each
	count   int                            // groups

	changed changed
	alarms  alarms
	errands errands
	letters letters

	stop    context.CancelFunc // ends the goroutines
	running sync.WaitGroup

	writing  context.Context // of what is written meanwhile: never cut short, but for cut
	cut      context.CancelFunc
	closed   atomic.Bool // set before any group is let go
	closing  sync.Once
	closeErr error
}

// A place is a group among those of its topic.
type place struct{ client, group string }

// A client is one of its space.
type client struct{ space, client string }

func (k Key) place() place   { return place{k.Client, k.Group} }
func (k Key) client() client { return client{k.Topic.Space, k.Client} }

// Open returns the registry of all groups that have a record. topics finds the
// topic of a group, if there is one; it is called without locks and must not
// block. It has to know all topics already, and nobody may send to them yet:
// of a log that came back shorter than a group remembers it, the group then
// forgets what is no longer there.
func Open(ctx context.Context, records storage.Records, topics func(streams.ID) (*streams.Topic, bool), opts Options) (*Registry, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	r := &Registry{
		opts:    opts.withDefaults(),
		records: records,
		topics:  topics,
		began:   time.Now(),
		byTopic: map[streams.ID]map[place]*group{},
		clients: map[client]map[*group]struct{}{},
		alarms:  alarms{index: map[*group]*alarm{}, wake: make(chan struct{}, 1)},
		errands: errands{wake: make(chan struct{}, 1)},
	}
	if err := r.loadAll(ctx); err != nil {
		return nil, err
	}
	r.writing, r.cut = context.WithCancel(context.Background())
	life, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.running.Go(func() { r.keep(life) })
	r.running.Go(func() { r.ringAlarms(life) })
	r.running.Go(func() { r.errands.run(life) })
	return r, nil
}

func (r *Registry) loadAll(ctx context.Context) error {
	ids := map[streams.ID]streams.ID{} // so that all groups of a topic share its name
	logs := map[string]string{}
	for stored, err := range r.records.List(ctx, groupsTable, "") {
		if err != nil {
			return fmt.Errorf("load groups: %w", err)
		}
		g, err := r.fromRecord(stored)
		if err != nil {
			return err
		}
		if id, ok := ids[g.key.Topic]; ok {
			g.key.Topic = id
		} else {
			ids[g.key.Topic] = g.key.Topic
		}
		if log, ok := logs[g.log]; ok {
			g.log = log
		} else {
			logs[g.log] = g.log
		}
		if topic, ok := r.topics(g.key.Topic); ok {
			g.cutLocked(topic.Bounds())
		}
		g.shrinkLocked()
		r.addLocked(g)
	}
	return nil
}

// cutLocked forgets what the log does not have.
func (g *group) cutLocked(b storage.Bounds) {
	if g.log != b.ID {
		return // another one: see resumption
	}
	if n := len(g.done); g.position > b.Next || n > 0 && g.done[n-1].last >= b.Next {
		g.cut(b.Next)
		g.cutLosses(b.Next)
		g.markLocked()
	}
}

func (r *Registry) addLocked(g *group) {
	groups := r.byTopic[g.key.Topic]
	if groups == nil {
		groups = map[place]*group{}
		r.byTopic[g.key.Topic] = groups
	}
	groups[g.key.place()] = g
	if r.clients[g.key.client()] == nil {
		r.clients[g.key.client()] = map[*group]struct{}{}
	}
	r.clients[g.key.client()][g] = struct{}{}
	r.count++
}

// forget takes a group out, if it is in.
func (r *Registry) forget(g *group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	groups := r.byTopic[g.key.Topic]
	if groups[g.key.place()] != g {
		return
	}
	delete(groups, g.key.place())
	if len(groups) == 0 {
		delete(r.byTopic, g.key.Topic)
	}
	delete(r.clients[g.key.client()], g)
	if len(r.clients[g.key.client()]) == 0 {
		delete(r.clients, g.key.client())
	}
	r.count--
}

func (r *Registry) lookup(key Key) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byTopic[key.Topic][key.place()]
}

// groupFor returns the group, and makes it if need be. It then is unstored, and
// its recordMu is held.
func (r *Registry) groupFor(key Key) (g *group, made bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed.Load():
		return nil, false, ErrClosed
	case r.byTopic[key.Topic][key.place()] != nil:
		return r.byTopic[key.Topic][key.place()], false, nil
	case len(r.clients[key.client()]) >= r.opts.PerClient:
		return nil, false, ErrTooManyGroups
	}
	now := time.Now().UTC()
	g = &group{registry: r, key: key, complete: true, unstored: true, createdAt: now, lastActive: now}
	g.recordMu.Lock() // nobody else has it yet
	r.addLocked(g)
	return g, true, nil
}

// all returns the groups of the topics that the filter lets pass, of all if it
// is nil.
func (r *Registry) all(wanted func(streams.ID) bool) []*group {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*group
	if wanted == nil {
		all = make([]*group, 0, r.count)
	}
	for id, groups := range r.byTopic {
		if wanted != nil && !wanted(id) {
			continue
		}
		for _, g := range groups {
			all = append(all, g)
		}
	}
	return all
}

// now is the time since the registry was opened, and never 0.
func (r *Registry) now() time.Duration { return time.Since(r.began) + 1 }

// Close ends all memberships, whose members are not told, waits for the
// goroutines, and writes what changed. It returns what could not be written
// before ctx ended. Join and Move return ErrClosed after it. It is safe to call
// twice.
func (r *Registry) Close(ctx context.Context) error {
	r.closing.Do(func() { r.closeErr = r.close(ctx) })
	return r.closeErr
}

func (r *Registry) close(ctx context.Context) error {
	defer context.AfterFunc(ctx, r.cut)()
	r.closed.Store(true)
	for _, g := range r.all(nil) {
		g.dismiss(nil)
	}
	r.errands.close()
	r.stop()
	r.running.Wait()
	r.letters.wait(ctx)
	return r.checkpoint(r.writing)
}
