package gateway

import (
	"cmp"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"seagate/auth"
	"seagate/catalog"
	"seagate/internal/monotonic"
	"seagate/protocol"
	"seagate/streams"
)

// A JobPolicy is how job streams are kept. A job stream is one that nobody defined, and
// that a transport for jobs makes when a client first uses it. Job streams are in memory
// only, and take any JSON value.
type JobPolicy struct {
	Streams     int           // of one jail, at most
	Bytes       int64         // of the messages of one stream; the oldest are dropped
	IdleTimeout time.Duration // after this time without use or readers, a stream is deleted
}

// jobs is the existing job streams. They are spread over several locks, and none is held
// during a call of the catalog. So a busy jail, or one at its bound, does not delay others.
type jobs struct {
	policy JobPolicy
	seed   maphash.Seed
	shards [64]jobShard
}

type jobShard struct {
	mu    sync.Mutex // guards what follows
	jails map[string]map[string]*jobEntry
}

// A jobEntry keeps the room of a job stream, or of one that is being made.
type jobEntry struct {
	job    *job // nil: it is being made
	making int  // calls of jobs.open that make it
}

type job struct {
	topic *streams.Topic
	used  atomic.Int64  // when it was last used or read, as far as is known, in terms of monotonic.Now
	next  atomic.Uint64 // the number of the next message at that time
}

func newJobs(p JobPolicy) *jobs { return &jobs{policy: p, seed: maphash.MakeSeed()} }

func (t *jobs) shard(jail string) *jobShard {
	return &t.shards[maphash.String(t.seed, jail)%uint64(len(t.shards))]
}

// OpenJob makes a job stream of that name if there is no stream of the name, so that the
// operations that follow find it. An existing stream stays as it is. OpenJob needs the
// right to publish, so a client that may only read makes no streams. Making a stream, or
// being refused one, counts as a message against the client's rate.
func (g *Gateway) OpenJob(p *auth.Principal, stream string) error {
	if err := g.authorize(p, auth.Publish, stream); err != nil {
		return err
	}
	id := streamID(p, stream)
	s := g.Catalog.Lookup(id)
	switch {
	case s.Schema() != nil:
		return nil
	case s.IsTransient():
		g.jobs.touch(id)
		return nil
	case s != nil && s.IsOpen():
		return nil
	}
	if err := cmp.Or(protocol.CheckStreamName(stream), checkWritable(stream)); err != nil {
		return err
	}
	if err := g.spend(p, 1); err != nil {
		return err
	}
	made := false
	err := change(p, func() (err error) {
		made, err = g.jobs.open(g.Catalog, id)
		return err
	})
	if err == nil && made {
		g.Metrics.JobStreamsMade.Inc()
		g.Log.Debug("job stream made", "jail", p.JailID, "client", p.ClientID, "stream", stream)
	}
	return attempted("open the stream", err)
}

// open makes a job stream, unless there is a stream of that name already.
func (t *jobs) open(c *catalog.Catalog, id streams.ID) (made bool, err error) {
	if err := t.reserve(id); err != nil {
		return false, err
	}
	defer func() { made = t.settle(c, id, 1) && err == nil }()
	if s := c.Lookup(id); s.Schema() != nil || s != nil && s.IsOpen() {
		return false, nil
	}
	noAge, noCount := time.Duration(0), uint64(0)
	_, err = c.OpenTransient(id, streams.Overrides{Age: &noAge, Messages: &noCount, Bytes: &t.policy.Bytes})
	return false, err
}

// reserve takes room for a job stream that is about to be made. The caller must call settle.
func (t *jobs) reserve(id streams.ID) error {
	sh := t.shard(id.Space)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.jails[id.Space][id.Name]
	if e == nil && len(sh.jails[id.Space]) >= t.policy.Streams {
		return protocol.Errorf(protocol.CodeTooManyStreams,
			"the jail has %d job streams, as many as it may have: delete those that are done", t.policy.Streams)
	}
	if e == nil {
		if sh.jails == nil {
			sh.jails = map[string]map[string]*jobEntry{}
		}
		if sh.jails[id.Space] == nil {
			sh.jails[id.Space] = map[string]*jobEntry{}
		}
		e = &jobEntry{}
		sh.jails[id.Space][id.Name] = e
	}
	e.making++
	return nil
}

// settle brings the entry of a stream, if it has one, up to date with the catalog. It is
// called after reserve, with reserved 1, and after a deletion. It reports whether the
// stream is a new job stream.
func (t *jobs) settle(c *catalog.Catalog, id streams.ID, reserved int) (made bool) {
	sh := t.shard(id.Space)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.jails[id.Space][id.Name]
	if e == nil {
		return false
	}
	e.making -= reserved
	topic, ok := c.Network.Lookup(id)
	switch {
	case ok && topic.IsTransient():
		if made = e.job == nil || e.job.topic != topic; made {
			e.job = &job{topic: topic}
			e.job.use(1)
		}
	case e.making > 0:
		e.job = nil
	default:
		delete(sh.jails[id.Space], id.Name)
		if len(sh.jails[id.Space]) == 0 {
			delete(sh.jails, id.Space)
		}
	}
	return made
}

func (t *jobs) touch(id streams.ID) {
	sh := t.shard(id.Space)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e := sh.jails[id.Space][id.Name]; e != nil && e.job != nil {
		e.job.used.Store(int64(monotonic.Now()))
	}
}

// all returns the job streams.
func (t *jobs) all() (all []*job) {
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for _, jail := range sh.jails {
			for _, e := range jail {
				if e.job != nil {
					all = append(all, e.job)
				}
			}
		}
		sh.mu.Unlock()
	}
	return all
}

// count returns how many job streams there are.
func (t *jobs) count() (n int) {
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for _, jail := range sh.jails {
			n += len(jail)
		}
		sh.mu.Unlock()
	}
	return n
}

func (j *job) use(next uint64) {
	j.used.Store(int64(monotonic.Now()))
	j.next.Store(next)
}

// idle reports whether the job stream has no readers, and was not used for the timeout. It
// notes the use that info shows.
func (j *job) idle(info streams.Info, timeout time.Duration) bool {
	wanted := info.Readers > 0 || info.Providers > 0 || info.Interest.Groups > 0
	if wanted || info.Next != j.next.Load() {
		j.use(info.Next)
	}
	return monotonic.Now()-time.Duration(j.used.Load()) >= timeout
}

// JobStreams returns how many job streams there are.
func (g *Gateway) JobStreams() int { return g.jobs.count() }

// EndIdleJobs deletes the job streams that have no readers, and were not used for
// JobPolicy.IdleTimeout. The transport that makes job streams calls it regularly.
func (g *Gateway) EndIdleJobs(ctx context.Context) {
	for _, j := range g.jobs.all() {
		idle := func(info streams.Info) bool { return j.idle(info, g.jobs.policy.IdleTimeout) }
		if !idle(j.topic.Info()) {
			continue
		}
		stream := j.topic.ID().Name
		deleted, err := g.Catalog.DeleteTransient(ctx, j.topic, idle) // it may be used or defined meanwhile
		if err != nil {
			g.Log.Error("an idle job stream could not be deleted", "stream", stream, "error", err)
		}
		if deleted {
			g.Metrics.JobStreamsIdle.Inc()
			g.Log.Debug("idle job stream deleted", "stream", stream)
		}
	}
}

// EndStream ends a stream for those who listen to it. If it is a job stream, EndStream
// deletes it, which ends all of its subscriptions, and returns true. Otherwise EndStream
// removes only the header, since the log belongs to the stream's administrator; the
// caller ends its listeners when they have had the messages before next. A stream that
// does not exist is no error.
func (g *Gateway) EndStream(ctx context.Context, p *auth.Principal, stream string) (deleted bool, next uint64, err error) {
	if err := g.authorize(p, auth.AdministerStreams, stream); err != nil {
		return false, 0, err
	}
	if err := checkWritable(stream); err != nil {
		return false, 0, err
	}
	err = change(p, func() (err error) {
		deleted, err = g.endJob(ctx, streamID(p, stream))
		return err
	})
	if err != nil || deleted {
		if deleted {
			g.Log.Debug("job stream deleted", "jail", p.JailID, "client", p.ClientID, "stream", stream)
		}
		return deleted, 0, attempted("delete the stream", err)
	}
	s := g.Catalog.Lookup(streamID(p, stream)) // it may have been defined meanwhile
	if s == nil || s.IsTransient() {
		return false, 0, nil
	}
	topic, ok := s.Existing()
	if !ok {
		return false, 0, nil
	}
	if topic.Header() != nil {
		err = g.ClearHeader(ctx, p, stream)
	}
	return false, topic.Bounds().Next, err
}

// endJob deletes a stream if it is a job stream.
func (g *Gateway) endJob(ctx context.Context, id streams.ID) (deleted bool, err error) {
	s := g.Catalog.Lookup(id)
	if s == nil {
		return false, nil
	}
	topic, ok := s.Existing()
	if !ok || !topic.IsTransient() {
		return false, nil
	}
	return g.Catalog.DeleteTransient(ctx, topic, nil)
}
