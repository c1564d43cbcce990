package jwks

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"seagate/auth"
	"seagate/internal/origin"
	"seagate/internal/panics"
)

// Options are what a Refresher may fetch, and when. All times must be set.
type Options struct {
	Directory *auth.Directory
	Log       *slog.Logger
	Fetched   func(ok bool) // is told of each fetch; nil for nobody

	Hosts           origin.Set     // that may be asked; the zero Set is none
	PrivateNetworks []netip.Prefix // whose addresses may be asked besides public ones
	Dir             string         // of files; "" for none
	RootCAs         *x509.CertPool // nil for those of the system

	Interval time.Duration // between two fetches of a set
	Cooldown time.Duration // the least time between two fetches of a set
	Timeout  time.Duration // of a fetch
}

// concurrent bounds how many sets are fetched at a time, so that slow hosts do not hold up the others.
const concurrent = 8

// A Refresher fetches the sets of all clients that have one. It is safe for concurrent use.
type Refresher struct {
	options Options
	client  *http.Client
	wake    chan struct{} // has room for one
	stop    context.CancelFunc
	running sync.WaitGroup
	slots   chan struct{} // has room for concurrent

	mu   sync.Mutex // guards what follows
	sets map[string]*set
}

// A set is a JWK set at a URL.
type set struct {
	fetching bool
	next     time.Time // of the next fetch
	begun    time.Time // of the last fetch
	state    State
	keys     []auth.NewKey   // that were fetched last; nil if none were
	tried    map[string]bool // the uids of the clients that had the set at the last fetch
}

// A State is how the fetching of a set goes.
type State struct {
	FetchedAt time.Time // of the last set that was usable; zero if there was none since the start
	Error     string    // of the last fetch; "" if it succeeded
	Failures  int       // in a row
	NextAt    time.Time
}

// New returns a Refresher that fetches until Close.
func New(o Options) *Refresher {
	ctx, stop := context.WithCancel(context.Background())
	r := &Refresher{
		options: o, client: newClient(o), wake: make(chan struct{}, 1), stop: stop,
		slots: make(chan struct{}, concurrent), sets: map[string]*set{},
	}
	o.Directory.OnMissingKey(r.missing)
	r.running.Go(func() { r.run(ctx) })
	return r
}

// Close stops fetching, and waits.
func (r *Refresher) Close() {
	r.stop()
	r.running.Wait()
}

// Look fetches the sets of clients that are new, soon.
func (r *Refresher) Look() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// State returns the state of the set at the URL.
func (r *Refresher) State(url string) State {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sets[url]
	if s == nil {
		return State{}
	}
	state := s.state
	state.NextAt = s.next
	return state
}

// missing fetches the set of a client, a token of which names a key that is not there. Strangers can
// make such tokens, so that is at most once in each Cooldown.
func (r *Refresher) missing(source auth.JWKSource) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sets[source.URL]
	now := time.Now()
	if s == nil || s.fetching || now.Sub(s.begun) < r.options.Cooldown || !now.Before(s.next) {
		return
	}
	s.next = now
	r.Look()
}

func (r *Refresher) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
		}
		timer.Reset(r.roundContained(ctx))
	}
}

// roundContained is round, which comes again later after a panic.
func (r *Refresher) roundContained(ctx context.Context) (wait time.Duration) {
	defer panics.Contain("jwks", func() { wait = r.options.Cooldown })
	return r.round(ctx)
}

// round begins the fetches that are due, and returns the time until the next one is.
func (r *Refresher) round(ctx context.Context) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	sources := map[string][]auth.JWKSource{}
	for _, s := range r.options.Directory.JWKSources() {
		sources[s.URL] = append(sources[s.URL], s)
	}
	for url, s := range r.sets {
		if sources[url] == nil && !s.fetching {
			delete(r.sets, url)
		}
	}
	wait := r.options.Interval
	for url, of := range sources {
		s := r.sets[url]
		if s == nil {
			s = &set{next: now}
			r.sets[url] = s
		}
		if s.lacks(of) {
			s.next = now
		}
		if !s.fetching && !now.Before(s.next) {
			s.fetching = true
			r.running.Go(func() { r.refresh(ctx, url) })
		}
		if !s.fetching {
			wait = min(wait, s.next.Sub(now))
		}
	}
	return max(wait, time.Millisecond)
}

// lacks reports whether one of the clients is new, and the keys that were fetched are not its own.
func (s *set) lacks(of []auth.JWKSource) bool {
	if s.keys == nil {
		return false // a failure has a time of its own
	}
	for _, source := range of {
		if !s.tried[source.ClientUID] {
			return true
		}
	}
	return false
}

// refresh fetches a set and lets its clients adopt the keys.
func (r *Refresher) refresh(ctx context.Context, url string) {
	tried := map[string]bool{}
	defer panics.Contain("jwks", func() { r.done(url, nil, tried, errPanic) })
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		r.done(url, nil, tried, ctx.Err())
		return
	}
	defer func() { <-r.slots }()
	sources := r.sourcesOf(url)
	for _, s := range sources {
		tried[s.ClientUID] = true
	}
	keys, err := r.recent(url), error(nil)
	if keys == nil {
		if keys, err = r.fetch(ctx, url); r.options.Fetched != nil && ctx.Err() == nil {
			r.options.Fetched(err == nil)
		}
	}
	if err == nil {
		err = r.adopt(ctx, sources, keys)
	}
	r.done(url, keys, tried, err)
}

var errPanic = errors.New("internal error")

func (r *Refresher) sourcesOf(url string) (of []auth.JWKSource) {
	for _, s := range r.options.Directory.JWKSources() {
		if s.URL == url {
			of = append(of, s)
		}
	}
	return of
}

// recent returns the keys of a set that was fetched less than a Cooldown ago, for clients that are
// new, or nil.
func (r *Refresher) recent(url string) []auth.NewKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sets[url]
	if now := time.Now(); s.state.Error == "" && now.Sub(s.begun) < r.options.Cooldown {
		return s.keys
	} else {
		s.begun = now
	}
	return nil
}

func (r *Refresher) adopt(ctx context.Context, sources []auth.JWKSource, keys []auth.NewKey) (err error) {
	for _, source := range sources {
		adopted, failed := r.options.Directory.AdoptKeys(ctx, source, keys)
		switch {
		case errors.Is(failed, auth.ErrClientNotFound), errors.Is(failed, auth.ErrJailNotFound): // deleted meanwhile
		case failed != nil:
			err = failed
		case adopted != auth.Adopted{}:
			r.options.Log.Warn("keys of a JWK set do not verify all tokens: a client of the same id in another jail has them, "+
				"so only tokens with jailId are verified; or too many clients of the id have keys",
				"jail", source.JailID, "client", source.ClientID, "inert", adopted.Inert, "refused", adopted.Refused)
		}
	}
	return err
}

// done notes the outcome of a fetch and plans the next one.
func (r *Refresher) done(url string, keys []auth.NewKey, tried map[string]bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.Look()
	s, now := r.sets[url], time.Now()
	s.fetching, s.tried = false, tried
	if err == nil {
		if s.state.Failures > 0 {
			r.options.Log.Info("a JWK set can be fetched again", "url", WithoutQuery(url))
		}
		s.keys = keys
		s.state = State{FetchedAt: now}
		s.next = now.Add(r.options.Interval)
		return
	}
	s.state.Failures++
	s.state.Error = err.Error()
	s.next = now.Add(r.options.backoff(s.state.Failures))
	if s.state.Failures == 1 {
		r.options.Log.Warn("a JWK set cannot be fetched; the keys that were fetched before stay valid", "url", WithoutQuery(url), "error", err, "cause", causeOf(err))
	}
}

// WithoutQuery leaves out what of the URL of a set may be a secret.
func WithoutQuery(url string) string {
	before, _, _ := strings.Cut(url, "?")
	return before
}

func causeOf(err error) string {
	f, ok := err.(*failure)
	if !ok || f.cause == nil {
		return ""
	}
	if e, ok := errors.AsType[*url.Error](f.cause); ok {
		return e.Err.Error() // without the URL
	}
	return f.cause.Error()
}
