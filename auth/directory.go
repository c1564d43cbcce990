package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"seagate/auth/fdsl"
	"seagate/internal/panics"
	"seagate/internal/quota"
	"seagate/internal/turns"
	"seagate/storage"
)

// Options are the limits of a Directory. All must be set, apart from RefusalTime; there are no
// defaults.
type Options struct {
	MaxJails          int
	MaxClientsPerJail int

	// Failures per minute, at once or spread, before ErrTooManyAttempts, from 1 to 1e9.
	AddressAttempts int
	ClientAttempts  int

	// RefusalTime is how long a refusal takes at least. If it is longer than checking any
	// credentials takes, the time does not tell which ids and keys exist. 0 adds nothing.
	RefusalTime time.Duration

	FilterLimits fdsl.Limits // of the filters in tokens

	// MaxRevokedTokens bounds how many single tokens of one client are revoked
	// at a time.
	MaxRevokedTokens int

	// Tokens are rules for the tokens of all clients, in addition to the client's own
	// rules.
	Tokens TokenRules

	// Quotas counts and bounds what is stored of the clients of each jail. It may be nil.
	Quotas *quota.Book
}

// check refuses zeros: zero attempts would be a division by zero, and any other zero would
// refuse everything.
func (o Options) check() error {
	const maxAttempts = 1e9
	for _, attempts := range []int{o.AddressAttempts, o.ClientAttempts} {
		if attempts < 1 || attempts > maxAttempts {
			return fmt.Errorf("auth: options: %d failures per minute; 1 to %d are allowed", attempts, int(maxAttempts))
		}
	}
	f := o.FilterLimits
	if min(o.MaxJails, o.MaxClientsPerJail, o.MaxRevokedTokens, f.Bytes, f.Depth, f.Nodes) < 1 {
		return fmt.Errorf("auth: options: a limit is not set: %+v", o)
	}
	return nil
}

// suspectFailures is how many failures of an address are remembered. One is forgotten each minute.
const suspectFailures = 60

type digest [sha256.Size]byte

// A Directory holds all jails and clients, in storage and in memory. It must be the only one
// that writes to its tables. It is safe for concurrent use.
type Directory struct {
	*directory
	by     *Principal // who makes the changes; nil for the process itself
	action Action     // that it takes
}

// By returns the directory for changes that p makes. Each change first checks, while no other
// change runs, that p is in force and may take the action, and fails otherwise. So once a
// revocation of p has been answered, p changes nothing. p can neither give a client rights that it
// does not have itself, nor change a client that has such rights: that is a *ForbiddenError.
func (d *Directory) By(p *Principal, action Action) *Directory {
	return &Directory{d.directory, p, action}
}

// allowed returns why the principal that makes a change may not make it. Only a change calls it.
func (d *Directory) allowed() error {
	if d.by == nil {
		return nil
	}
	return cmp.Or(d.by.InForce(), d.by.May(d.action, ""))
}

// mayGive returns nil if the principal that makes the change has all of the rights itself. Otherwise
// whoever manages clients could take every right.
func (d *Directory) mayGive(rights *Rights) error {
	if d.by == nil || d.by.Rights().Includes(rights) {
		return nil
	}
	return &ForbiddenError{d.action, fmt.Sprintf("client %s has not all rights of that client (%s); it has %s",
		d.by.ClientID, rights, d.by.Rights())}
}

type directory struct {
	opts    Options
	records storage.Records
	registry

	changing  turns.Turns  // held while a change runs; jails take turns
	revoked   []Revocation // by the change that runs, to be announced after it
	listeners []func(Revocation)
	missing   atomic.Pointer[func(JWKSource)]

	displacing  []*keyCredential // by the change that runs, once it is durable
	displaced   []Displacement   // by the change that runs, to be announced after it
	onDisplaced atomic.Pointer[func(Displacement)]

	addressFailures *attempts
	clientFailures  *attempts
	suspects        *attempts // failures of addresses, remembered for an hour
	tries           *attempts // of addresses to have a secret stretched, likewise; they refuse nobody
	limited         atomic.Uint64
	slow            gate

	// stretch is PBKDF2. Tests count its calls.
	stretch    func(text string, salt []byte, iterations int) (digest, error)
	iterations int // stretchIterations; tests that are not about stretching set fewer
	macKey     [sha256.Size]byte

	// Decoys are used for the comparison where there is no credential, so that the time does
	// not tell that there is none.
	decoyDigest digest
	decoySecret secretRecord
	decoyKey    *rsa.PublicKey
}

// Open loads the directory from records and removes what a crash left behind. It fails if a
// field of opts is not set.
func Open(ctx context.Context, records storage.Records, opts Options) (*Directory, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	d := &Directory{directory: &directory{
		opts:            opts,
		records:         records,
		registry:        registry{quotas: opts.Quotas, jails: map[string]*jail{}, uids: map[string]*jail{}},
		addressFailures: newAttempts(time.Minute/time.Duration(opts.AddressAttempts), opts.AddressAttempts),
		clientFailures:  newAttempts(time.Minute/time.Duration(opts.ClientAttempts), opts.ClientAttempts),
		suspects:        newAttempts(time.Minute, suspectFailures),
		tries:           newAttempts(10*time.Second, 6*suspectFailures),
		stretch:         stretch,
		iterations:      stretchIterations,
		decoyKey:        newDecoyKey(),
	}}
	rand.Read(d.macKey[:])
	rand.Read(d.decoyDigest[:])
	d.decoySecret = secretRecord{Salt: d.decoyDigest[:saltBytes], Iterations: d.iterations, Digest: d.decoyDigest[:]}
	if err := d.load(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Limited returns how many attempts failed with ErrTooManyAttempts since Open.
func (d *Directory) Limited() uint64 { return d.limited.Load() }

// HasClients reports whether any jail has a client.
func (d *Directory) HasClients() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, j := range d.jails {
		if len(j.clients) > 0 {
			return true
		}
	}
	return false
}

// A Revocation names the clients that had a credential revoked.
type Revocation struct {
	JailUID   string
	ClientUID string // "" for all clients of the jail
}

// Covers reports whether the revocation ended p's credential, so that what is open for p must be
// closed.
func (r Revocation) Covers(p *Principal) bool {
	return p.JailUID == r.JailUID && (r.ClientUID == "" || p.ClientUID == r.ClientUID) &&
		(p.credential == nil || p.credential.revoked.Load() || p.tokenRevoked())
}

// OnRevoke registers f, which every durable change that revokes credentials then calls: a
// rotated secret, a replaced or cleared key, a revoked token, a deleted client or jail. Principal.Current is false
// by then for the principals that the Revocation covers. The change's method returns after f
// does. f may make changes itself.
func (d *Directory) OnRevoke(f func(Revocation)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listeners = append(d.listeners, f)
}

// OnMissingKey registers f, which is called when a token names a key that its client does not have:
// once for each client of that id whose keys come from a URL. Strangers can cause calls at any
// rate. f must not block.
func (d *Directory) OnMissingKey(f func(JWKSource)) { d.missing.Store(&f) }

// OnDisplaced registers f, which is called for each Displacement once it is durable, before the
// change's method returns.
func (d *Directory) OnDisplaced(f func(Displacement)) { d.onDisplaced.Store(&f) }

func (d *Directory) missKey(of *namesakes) {
	f := d.missing.Load()
	if f == nil {
		return
	}
	for _, s := range of.sources {
		(*f)(s)
	}
}

// change calls do while no other change runs. Then it announces what do revoked, and waits for
// changes that are under way with a revoked credential. It gives up if ctx ends while it waits
// for its turn.
func (d *Directory) change(ctx context.Context, do func() error) error {
	did, err := d.changeAlone(ctx, do)
	d.mu.RLock()
	listeners := slices.Clone(d.listeners)
	d.mu.RUnlock()
	for _, r := range did.revoked {
		for _, f := range listeners {
			f(r)
		}
	}
	if f := d.onDisplaced.Load(); f != nil {
		for _, lost := range did.displaced {
			(*f)(lost)
		}
	}
	for _, c := range did.ended {
		if unsettled := c.inFlight.settle(ctx); unsettled != nil && err == nil {
			err = fmt.Errorf("waiting for what a revoked credential was making: %w", unsettled)
		}
	}
	return err
}

// A consequence is what a change has done to others. There may be one although the
// change failed in the end.
type consequence struct {
	revoked   []Revocation
	ended     []*credential
	displaced []Displacement
}

func (d *Directory) changeAlone(ctx context.Context, do func() error) (did consequence, err error) {
	jail := "" // the process itself
	if d.by != nil {
		jail = d.by.JailUID
	}
	if err := d.changing.Take(ctx, jail); err != nil {
		return did, err
	}
	defer d.changing.Give()
	if err := d.allowed(); err != nil {
		return did, err
	}
	err = do()
	did = consequence{d.revoked, d.ended, d.displaced}
	d.revoked, d.ended, d.displaced, d.displacing = nil, nil, nil, nil
	return did, err
}

// adoptClient makes next the client with the id, or deletes the client if next is nil, and notes
// what that revokes. Only a change calls it.
func (d *Directory) adoptClient(j *jail, id string, next *client) {
	last := j.clients[id]
	if last != nil && last.ending != nil {
		last.ending.Stop()
	}
	d.endLater(next)
	ended := d.setClient(j, id, next)
	if d.revokesTokens(last, next) || ended {
		d.revoked = append(d.revoked, Revocation{JailUID: j.record.UID, ClientUID: last.record.UID})
	}
}

// revokesTokens reports whether next revokes single tokens that last does not. If so, it notes that
// the change has to wait for what is being made with them. Only a change calls it.
func (d *Directory) revokesTokens(last, next *client) bool {
	if last == nil || next == nil || !next.record.Revoked.hasMoreThan(last.record.Revoked) {
		return false
	}
	for _, k := range next.keys {
		d.ended = append(d.ended, &k.credential)
	}
	return true
}

// endLater revokes the old secret of a client, and its keys, when their times are over. Nothing
// needs to be stored for that: after a restart their times are over too.
func (d *Directory) endLater(c *client) {
	if c == nil {
		return
	}
	first := c.nextEnd()
	if first.IsZero() {
		return
	}
	// Not By whoever made the change: its only credential may be this secret.
	d = &Directory{directory: d.directory}
	c.ending = time.AfterFunc(time.Until(first), func() {
		defer panics.Contain("timer")
		_ = d.change(context.Background(), func() error {
			if d.uids[c.jail.record.UID] != c.jail || c.jail.clients[c.id] != c {
				return nil
			}
			next, err := c.jail.newClient(c.id, c.record.withoutEnded(), c.revision)
			if err == nil {
				next.stored = c.stored
				d.adoptClient(c.jail, c.id, next)
			}
			return err
		})
	})
}

// nextEnd returns when the first of the client's credentials ends, or zero if none does.
func (c *client) nextEnd() (first time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if c.old != nil {
		sooner(c.record.Old.Until)
	}
	for _, k := range c.keys {
		sooner(k.record.Until)
	}
	return first
}

// adoptJail makes next the jail with the id, or deletes the jail if next is nil, and notes what
// that revokes. Only a change calls it.
func (d *Directory) adoptJail(id string, next *jail) {
	if next != nil {
		for _, c := range next.clients {
			d.endLater(c)
		}
	}
	if last := d.setJail(id, next); last != nil {
		d.revoked = append(d.revoked, Revocation{JailUID: last.record.UID})
	}
}
