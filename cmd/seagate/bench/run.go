package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"seagate/client"
)

// A Run is one measurement. Make it with New.
type Run struct {
	options Options
	target  Target
	url     *url.URL
	client  *client.Client
	name    string // prefix of what the run makes

	began    time.Time // what the times in messages count from
	sockets  []*socket // of subscribers
	readers  sync.WaitGroup
	matching []int // how many deliveries a message means: by stream, then by key
	tokens   []client.Credentials

	unprepared int64 // memory of the gateway before streams were made; 0 if it is unknown

	sent        atomic.Int64 // messages that a publisher has taken from Options.Messages
	published   atomic.Int64
	refused     atomic.Int64
	expected    atomic.Int64 // deliveries of what is published
	delivered   atomic.Int64
	delivering  atomic.Int64 // when the newest delivery came, since began
	publishing  Histogram
	deliveries  Histogram
	stopped     atomic.Bool // publishers end
	finished    atomic.Bool // connections that end are no failures
	failOnce    sync.Once
	failed      chan struct{}
	failure     error // set before failed is closed
	firstRefuse atomic.Pointer[error]
}

// New returns a run. The error names every option that is wrong.
func New(target Target, o Options) (*Run, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c, err := client.New(target.URL, target.Credentials, client.Options{TLS: target.TLS, Silence: target.Silence})
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(strings.TrimSuffix(strings.TrimRight(target.URL, "/"), "/api/v1"))
	if err != nil {
		return nil, err
	}
	return &Run{
		options: o, target: target, url: base, client: c,
		name:   "bench-" + strings.ToLower(rand.Text()[:8]),
		began:  time.Now(),
		failed: make(chan struct{}),
	}, nil
}

// Run makes what the load needs, puts the load on the gateway, and removes what it made. If
// ctx ends, the load ends early and the report is of what was done.
func (r *Run) Run(ctx context.Context) (*Report, error) {
	defer r.client.CloseIdleConnections()
	r.unprepared = process(r.options.PID).memory()
	made, err := r.prepare(ctx)
	defer r.remove(made)
	if err != nil {
		return nil, err
	}
	defer r.disconnect()
	return r.load(ctx)
}

// since returns the time since the beginning of the run.
func (r *Run) since() time.Duration { return time.Since(r.began) }

func (r *Run) fail(err error) {
	if r.finished.Load() {
		return
	}
	r.failOnce.Do(func() {
		r.failure = err
		r.stopped.Store(true)
		close(r.failed)
	})
}

// refuse counts a request that was refused, and keeps the first reason.
func (r *Run) refuse(err error) {
	r.refused.Add(1)
	r.firstRefuse.CompareAndSwap(nil, &err)
}

// load runs the phases of a run: connections, messages, and the wait for deliveries.
func (r *Run) load(ctx context.Context) (*Report, error) {
	m := newMeter(r)
	if !r.options.Replay {
		if err := r.connectAll(ctx); err != nil {
			return nil, err
		}
		r.settle(ctx)
	}
	m.connected()
	if err := r.publish(ctx); err != nil {
		return nil, err
	}
	m.published()
	if r.options.Replay {
		if err := r.connectAll(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.await(ctx); err != nil {
		return nil, err
	}
	report := m.report()
	r.finished.Store(true)
	return report, nil
}

const (
	// settling is how long the run waits after it has opened many connections. A gateway frees
	// memory of idle connections, and that work would count as work for the first messages.
	settling = time.Second
	many     = 1000
)

func (r *Run) settle(ctx context.Context) {
	if r.options.Subscribers < many {
		return
	}
	select {
	case <-time.After(settling):
	case <-ctx.Done():
	}
}

// publish runs the publishers until the messages or the time are used up. Without publishers
// it waits, so that what idle connections cost can be seen.
func (r *Run) publish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.Duration)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { r.stopped.Store(true) })
	defer stop()
	if r.options.Publishers == 0 {
		select {
		case <-ctx.Done():
		case <-r.failed:
		}
		return r.failedWith()
	}
	publishers, err := r.makePublishers(ctx)
	if err != nil {
		return err
	}
	m := r.since()
	var working sync.WaitGroup
	for i, p := range publishers {
		working.Go(func() {
			defer p.close()
			if err := p.run(i, m); err != nil {
				r.fail(err)
			}
		})
	}
	working.Wait()
	return r.failedWith()
}

// failedWith returns what fail was called with first, or nil.
func (r *Run) failedWith() error {
	select {
	case <-r.failed:
		return r.failure
	default:
		return nil
	}
}

// await waits until everything is delivered, or nothing has come for as long as the patience
// says.
func (r *Run) await(ctx context.Context) error {
	last, since := int64(-1), time.Now()
	for now := time.Now(); ; now = time.Now() {
		n := r.delivered.Load()
		switch {
		case n >= r.expected.Load():
			return nil
		case n != last:
			last, since = n, now
		case now.Sub(since) > r.options.Patience:
			return nil // the report says how many are missing
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-r.failed:
			return r.failure
		case <-ctx.Done():
			return nil
		}
	}
}

// Progress is what was done so far.
type Progress struct {
	Published, Delivered int64
	Delivery, Publish    *Latency
}

// Progress returns what was done so far. Any goroutine may call it.
func (r *Run) Progress() Progress {
	return Progress{r.published.Load(), r.delivered.Load(), r.deliveries.Latency(), r.publishing.Latency()}
}

func (r *Run) disconnect() {
	r.finished.Store(true)
	for _, s := range r.sockets {
		s.Close()
	}
	r.readers.Wait()
}

// concurrently calls do for the numbers below n, several at a time. It returns the first error.
func concurrently(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	const atOnce = 64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(n, atOnce) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	working.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}

// meant returns how many deliveries a message of a stream with a key means.
func (r *Run) meant(stream, key int) int {
	return r.matching[stream*max(r.options.Filters, 1)+key]
}

// publishedOne counts a message that was acknowledged, and the deliveries that it means.
func (r *Run) publishedOne(took time.Duration, deliveries int) {
	r.published.Add(1)
	r.publishing.Add(took)
	r.expected.Add(int64(deliveries))
}

// streamName returns the name of a stream that the run makes.
func (r *Run) streamName(i int) string { return fmt.Sprintf("%s-%d", r.name, i) }
