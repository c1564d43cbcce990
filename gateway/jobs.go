package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/auth"
	"seagate/catalog"
	"seagate/protocol"
	"seagate/streams"
)

// A JobPolicy is how job streams are kept: streams that nobody defined, made by the mere
// use of a transport that is for jobs. They are in memory alone and take any JSON value.
type JobPolicy struct {
	Streams     int           // of one jail, at most
	Bytes       int64         // of the messages of one stream; the oldest are dropped
	IdleTimeout time.Duration // a stream ends that nobody has used or read for this long
}

// jobs is the job streams that there are, by jail and name.
type jobs struct {
	policy JobPolicy

	mu    sync.Mutex // guards what follows, and is held where a job stream is made
	jails map[string]map[string]*job
}

type job struct {
	topic *streams.Topic
	used  time.Time // when it was last used or read, as far as is known
	next  uint64    // the number of the next message at that time
}

// OpenJob makes the stream a job stream if nobody has defined it or used it, so that the
// operations that follow find it. Streams that are there stay what they are. It needs the
// right to publish: whoever only reads makes no streams.
func (g *Gateway) OpenJob(p *auth.Principal, stream string) error {
	if err := g.authorize(p, auth.Publish); err != nil {
		return err
	}
	id := streamID(p, stream)
	s := g.Catalog.Lookup(id)
	switch {
	case s.Schema() != nil:
		return nil
	case s.IsTransient():
		g.jobs.touch(id, time.Now())
		return nil
	case s != nil && s.IsOpen():
		return nil
	}
	if err := protocol.CheckStreamName(stream); err != nil {
		return err
	}
	made, err := g.jobs.open(g.Catalog, id)
	if err == nil && made {
		g.Metrics.JobStreamsMade.Inc()
		g.Log.Debug("job stream made", "jail", p.JailID, "client", p.ClientID, "stream", stream)
	}
	return attempted("open the stream", err)
}

// open makes a job stream, unless there is a stream of that name already.
func (t *jobs) open(c *catalog.Catalog, id streams.ID) (made bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := c.Lookup(id); s.Schema() != nil || s != nil && s.IsOpen() {
		return false, nil
	}
	if len(t.jails[id.Space]) >= t.policy.Streams {
		t.forgetEndedLocked(c, id.Space)
	}
	if len(t.jails[id.Space]) >= t.policy.Streams {
		return false, protocol.Errorf(protocol.CodeTooManyStreams,
			"the jail has %d job streams, as many as it may have: delete those that are done", t.policy.Streams)
	}
	noAge, noCount := time.Duration(0), uint64(0)
	s, err := c.OpenTransient(id, streams.Overrides{Age: &noAge, Messages: &noCount, Bytes: &t.policy.Bytes})
	if err != nil {
		return false, err
	}
	topic, ok := s.Existing()
	if !ok || !topic.IsTransient() { // somebody else was faster
		return false, nil
	}
	if t.jails == nil {
		t.jails = map[string]map[string]*job{}
	}
	if t.jails[id.Space] == nil {
		t.jails[id.Space] = map[string]*job{}
	}
	t.jails[id.Space][id.Name] = &job{topic: topic, used: time.Now(), next: 1}
	return true, nil
}

func (t *jobs) touch(id streams.ID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if j := t.jails[id.Space][id.Name]; j != nil {
		j.used = now
	}
}

// forgetEndedLocked forgets the job streams of a jail that were deleted, by whomever.
func (t *jobs) forgetEndedLocked(c *catalog.Catalog, jail string) {
	maps.DeleteFunc(t.jails[jail], func(name string, j *job) bool {
		topic, ok := c.Network.Lookup(streams.ID{Space: jail, Name: name})
		return !ok || topic != j.topic
	})
	if len(t.jails[jail]) == 0 {
		delete(t.jails, jail)
	}
}

// idle returns the job streams that nobody has used for the idle timeout.
func (t *jobs) idle(c *catalog.Catalog, now time.Time) (ids []streams.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, jail := range slices.Collect(maps.Keys(t.jails)) {
		t.forgetEndedLocked(c, jail)
		for name, j := range t.jails[jail] {
			info := j.topic.Info()
			if info.Readers > 0 || info.Next != j.next {
				j.used, j.next = now, info.Next
			}
			if now.Sub(j.used) >= t.policy.IdleTimeout {
				ids = append(ids, streams.ID{Space: jail, Name: name})
			}
		}
	}
	return ids
}

// JobStreams returns how many job streams there are.
func (g *Gateway) JobStreams() (n int) {
	g.jobs.mu.Lock()
	defer g.jobs.mu.Unlock()
	for _, jail := range slices.Collect(maps.Keys(g.jobs.jails)) {
		g.jobs.forgetEndedLocked(g.Catalog, jail)
		n += len(g.jobs.jails[jail])
	}
	return n
}

// EndIdleJobs deletes the job streams that nobody has used for JobPolicy.IdleTimeout. The
// transport that makes them calls it again and again.
func (g *Gateway) EndIdleJobs(ctx context.Context) {
	for _, id := range g.jobs.idle(g.Catalog, time.Now()) {
		if err := g.Catalog.Delete(ctx, id); err != nil && !errors.Is(err, catalog.ErrNotFound) {
			g.Log.Error("an idle job stream could not be deleted", "stream", id.Name, "error", err)
			continue
		}
		g.Metrics.JobStreamsIdle.Inc()
		g.Log.Debug("idle job stream deleted", "stream", id.Name)
	}
}

// EndStream ends a stream for those who listen to it. A job stream is deleted, so that
// all of its subscriptions end, and EndStream returns true. Of any other stream only the
// header is removed, since its log belongs to its administrator; the caller lets its
// listeners go when they have had the messages before next. A stream that does not exist
// is no error.
func (g *Gateway) EndStream(ctx context.Context, p *auth.Principal, stream string) (deleted bool, next uint64, err error) {
	if err := g.authorize(p, auth.AdministerStreams); err != nil {
		return false, 0, err
	}
	s := g.Catalog.Lookup(streamID(p, stream))
	if s.IsTransient() {
		if err := g.Catalog.Delete(ctx, s.ID()); err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return false, 0, attempted("delete the stream", err)
		}
		g.Log.Debug("job stream deleted", "jail", p.JailID, "client", p.ClientID, "stream", stream)
		return true, 0, nil
	}
	if s == nil {
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
