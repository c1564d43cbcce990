package auth

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/auth/fdsl"
	"seagate/storage"
)

// Options of a Directory. The zero value is the default of each.
type Options struct {
	MaxJails          int // default 10,000
	MaxClientsPerJail int // default 10,000

	// Failures a minute, at once or spread, before ErrTooManyAttempts.
	// Default 300 each; negative: no limit. Behind a proxy all peers share
	// its address, unless the caller of Basic and Token knows better.
	AddressAttempts int
	ClientAttempts  int

	FilterLimits fdsl.Limits // of filters in tokens; default fdsl.DefaultLimits
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.MaxJails, 10_000)
	def(&o.MaxClientsPerJail, 10_000)
	def(&o.AddressAttempts, 300)
	def(&o.ClientAttempts, 300)
	if o.FilterLimits == (fdsl.Limits{}) {
		o.FilterLimits = fdsl.DefaultLimits()
	}
	return o
}

// A Directory holds all jails and clients, in memory and in storage. It must
// be the only one to write to its tables. Safe for concurrent use.
type Directory struct {
	opts    Options
	records storage.Records

	writing chan struct{} // holds one value: the change under way
	ended   []Revocation  // of the change under way, to be announced

	mu        sync.RWMutex // guards what follows; never held during storage
	jails     map[string]*jail
	uids      map[string]*jail
	names     map[string]int // clients with an id, over all jails
	listeners []func(Revocation)

	// What Basic and Token read without the lock; written under mu.
	selectors   sync.Map // selector to *clientSecret: the generated ones
	chosen      sync.Map // client id to *clientSecret: the operator's words, in the root jail alone
	chosenCount atomic.Int32
	keys        sync.Map // client id to []*signingKey, never changed in place

	addresses   *attempts
	clients     *attempts
	slow        gate
	macKey      [sha256.Size]byte
	decoyDigest [sha256.Size]byte
	decoySecret secretRecord
	decoyKey    *rsa.PublicKey

	counters counters
}

type counters struct {
	basicAccepted, tokensAccepted, refused, limited, slowChecks atomic.Uint64
}

// Stats counts since Open, save for Jails and Clients, which are there now.
type Stats struct {
	BasicAccepted  uint64
	TokensAccepted uint64
	Refused        uint64 // ErrInvalidCredentials
	Limited        uint64 // ErrTooManyAttempts
	SlowChecks     uint64 // operator secrets stretched, at some 30 ms each
	Jails, Clients int
}

// Open loads the directory from records and removes what a crash left behind.
func Open(ctx context.Context, records storage.Records, opts Options) (*Directory, error) {
	opts = opts.withDefaults()
	d := &Directory{
		opts:      opts,
		records:   records,
		writing:   make(chan struct{}, 1),
		jails:     map[string]*jail{},
		uids:      map[string]*jail{},
		names:     map[string]int{},
		addresses: newAttempts(opts.AddressAttempts),
		clients:   newAttempts(opts.ClientAttempts),
		slow:      newGate(),
		decoyKey:  newDecoyKey(),
	}
	rand.Read(d.macKey[:])
	rand.Read(d.decoyDigest[:])
	d.decoySecret = secretRecord{Salt: d.decoyDigest[:saltBytes], Iterations: stretchIterations, Digest: d.decoyDigest[:]}
	if err := d.load(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Stats returns the counters.
func (d *Directory) Stats() Stats {
	s := Stats{
		BasicAccepted:  d.counters.basicAccepted.Load(),
		TokensAccepted: d.counters.tokensAccepted.Load(),
		Refused:        d.counters.refused.Load(),
		Limited:        d.counters.limited.Load(),
		SlowChecks:     d.counters.slowChecks.Load(),
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	s.Jails = len(d.jails)
	for _, j := range d.jails {
		s.Clients += len(j.clients)
	}
	return s
}

// A Revocation says that credentials have ended.
type Revocation struct {
	JailUID   string
	ClientUID string // empty: of all clients of the jail
}

// Covers says whether what is open on behalf of p must be closed.
func (r Revocation) Covers(p *Principal) bool {
	return p.JailUID == r.JailUID && (r.ClientUID == "" || p.ClientUID == r.ClientUID) && !p.grant.inForce()
}

// OnRevoke has f called after every durable change that ended credentials: of
// a secret that was rotated, a key that was replaced or cleared, a client or
// jail that was deleted. By then Current is false for those it covers. The
// method that made the change returns after f does.
func (d *Directory) OnRevoke(f func(Revocation)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listeners = append(d.listeners, f)
}

// change runs do while no other change is under way, then announces what it
// ended. It gives up if the one under way takes longer than ctx.
func (d *Directory) change(ctx context.Context, do func() error) error {
	ended, err := d.changeAlone(ctx, do)
	d.mu.RLock()
	listeners := slices.Clone(d.listeners)
	d.mu.RUnlock()
	for _, r := range ended {
		for _, f := range listeners {
			f(r)
		}
	}
	return err
}

func (d *Directory) changeAlone(ctx context.Context, do func() error) (ended []Revocation, err error) {
	select {
	case d.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-d.writing }()
	err = do()
	ended, d.ended = d.ended, nil
	return ended, err
}

// page returns up to limit keys of m after the given one, in order, and
// whether there are more.
func page[V any](m map[string]V, after string, limit int) (keys []string, more bool) {
	keys = slices.Collect(maps.Keys(m))
	keys = slices.DeleteFunc(keys, func(k string) bool { return k <= after })
	slices.Sort(keys)
	if limit = max(limit, 0); len(keys) > limit {
		return keys[:limit], true
	}
	return keys, false
}
