package auth

import (
	"crypto/rsa"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seagate/internal/quota"
)

// A registry holds all jails and clients in memory. Only the change that runs writes to it, and
// it holds mu while it writes. So a change reads without mu, and everybody else reads with it.
type registry struct {
	quotas *quota.Book // counts what is stored of jails and clients

	mu    sync.RWMutex     // guards what follows, jail.clients and jail.record.Quotas
	jails map[string]*jail // by id
	uids  map[string]*jail // by uid

	// Authentication reads what follows without mu.
	generated sync.Map     // selector → *secretCredential, for generated secrets
	namesakes sync.Map     // client id → *namesakes
	chosen    atomic.Int32 // number of secrets that the operator chose

	ended []*credential // revoked by the change that runs; owned by it
}

// A jail is immutable except for clients and record.Quotas, which registry.mu guards.
type jail struct {
	id      string
	record  jailRecord
	clients map[string]*client // by id
	charged quota.Record       // its own record; only a change uses it
}

func newJail(id string, record jailRecord) *jail {
	return &jail{id: id, record: record, clients: map[string]*client{}}
}

func (j *jail) isRoot() bool { return j.id == RootJailID }

// A client is immutable. A change of a client makes another one, which keeps the credentials
// that did not change.
type client struct {
	id       string
	jail     *jail
	record   clientRecord
	revision uint64 // of the record
	stored   int    // bytes of the value of the record
	charged  quota.Record
	rights   *rights
	secret   *secretCredential
	old      *secretCredential // the secret before, while it is valid; otherwise nil
	keys     []heldKey         // that are valid
	revoked  *tokenIDs
	ending   *time.Timer // runs when the first of them ends; nil if none does
}

// A heldKey is a public key of a client, and what its record says.
type heldKey struct {
	*keyCredential
	record keyRecord
}

// secretCredential is a client's secret.
type secretCredential struct {
	credential
	record secretRecord

	// verified is an HMAC of a chosen secret, once this process has verified it. It is nil for a
	// generated secret.
	verified atomic.Pointer[digest]
}

// keyCredential is a client's public key, which verifies its tokens.
type keyCredential struct {
	credential
	public *rsa.PublicKey
	kid    string      // as keyRecord.KID
	inert  bool        // as keyRecord.Inert
	rules  *TokenRules // of the client; nil for none
	proven atomic.Bool // as keyRecord.Proven
}

// newClient makes a client of the jail from its record. It keeps the credentials of the client
// that has the id now, where the record has the same ones, unless the record has fewer rights.
func (j *jail) newClient(id string, record clientRecord, revision uint64) (*client, error) {
	c := &client{id: id, jail: j, record: record, revision: revision, rights: &rights{}}
	last := j.clients[id]
	if last == nil || last.record.UID != record.UID {
		last = &client{}
	}
	known := last.secrets()
	if last.rights == nil || !record.Rights.Includes(last.record.Rights) {
		last = &client{rights: c.rights, revoked: &tokenIDs{}}
	}
	c.rights, c.revoked = last.rights, last.revoked
	c.secret = c.newSecret(record.Secret, known)
	if record.Old.isCurrent() {
		c.old = c.newSecret(record.Old.Secret, known)
	}
	for _, r := range record.Keys {
		if !r.isCurrent() {
			continue
		}
		key, err := c.newKey(r, last.keys)
		if err != nil {
			return nil, err
		}
		c.keys = append(c.keys, heldKey{key, r})
	}
	return c, nil
}

// newKey returns the key of the record: the known one, if tokens are checked in the same way.
func (c *client) newKey(r keyRecord, known []heldKey) (*keyCredential, error) {
	public, err := parsePublicKey(r.PEM)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if k.kid == r.KID && k.inert == r.Inert && k.public.Equal(public) && k.rules.equal(c.record.Tokens) {
			return k.keyCredential, nil
		}
	}
	key := &keyCredential{public: public, kid: r.KID, inert: r.Inert, rules: c.record.Tokens}
	key.init(c, MethodToken)
	key.tokenIDs = c.revoked
	return key, nil
}

// newSecret returns the secret of the record: the known one, if the client still has the same rights.
func (c *client) newSecret(record secretRecord, known []*secretCredential) *secretCredential {
	s := &secretCredential{record: record}
	for _, k := range known {
		if !k.record.equal(record) {
			continue
		}
		if k.rights == c.rights {
			return k
		}
		s.verified.Store(k.verified.Load())
	}
	s.init(c, MethodBasic)
	return s
}

// secrets returns the secret, and the old one if there is one.
func (c *client) secrets() (all []*secretCredential) {
	for _, s := range []*secretCredential{c.secret, c.old} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// adoptLocked makes what the record says hold for the credentials that the client shares with the one
// before.
func (c *client) adoptLocked() {
	if c.rights != nil {
		c.rights.Store(c.record.Rights)
	}
	if c.old != nil {
		c.old.ends.Store(c.record.Old.Until.UnixNano())
	}
	for _, k := range c.keys {
		k.ends.Store(unixNano(k.record.Until))
		k.proven.Store(k.record.Proven)
	}
	if c.revoked != nil {
		c.revoked.Store(c.record.Revoked.table())
	}
}

// unixNano returns 0 for the zero time.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// holds reports whether the key is one of the client's.
func (c *client) holds(key *keyCredential) bool {
	return slices.ContainsFunc(c.keys, func(k heldKey) bool { return k.keyCredential == key })
}

func (c *credential) init(of *client, m Method) {
	c.rights, c.inFlight = of.rights, newInFlight()
	c.principal = Principal{
		JailID:     of.jail.id,
		JailUID:    of.jail.record.UID,
		ClientID:   of.id,
		ClientUID:  of.record.UID,
		Method:     m,
		Root:       of.jail.isRoot(),
		credential: c,
	}
}

// namesakes are the clients that share an id, over all jails. A value is immutable.
type namesakes struct {
	jail    string // of which all of them are; "" for any
	clients int
	chosen  []*secretCredential // of the root client, and imported ones: see MaxChosenPerID
	keys    []*keyCredential
	sources []JWKSource // of those whose keys come from URLs
}

var noNamesakes = &namesakes{}

// withID returns the clients with an id. It needs no lock.
func (r *registry) withID(id string) *namesakes {
	if v, ok := r.namesakes.Load(id); ok {
		return v.(*namesakes)
	}
	return noNamesakes
}

// setClient makes next the client with the id, or deletes the client if next is nil. It reports
// whether that revoked a credential.
func (r *registry) setClient(j *jail, id string, next *client) (revoked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := j.clients[id]
	if next == nil {
		delete(j.clients, id)
	} else {
		j.clients[id] = next
	}
	return r.replaceLocked(id, last, next)
}

// setJail makes next the jail with the id, with its clients, or deletes the jail if next is nil.
// It returns the jail that had the id, whose credentials are revoked, or nil.
func (r *registry) setJail(id string, next *jail) (last *jail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last = r.jails[id]; last != nil {
		delete(r.jails, id)
		delete(r.uids, last.record.UID)
		for clientID, c := range last.clients {
			r.replaceLocked(clientID, c, nil)
		}
		last.charged.Set(r.quotas.Account(last.record.UID), 0, 0)
	}
	if next != nil {
		next.charge(r.quotas)
		r.jails[id] = next
		r.uids[next.record.UID] = next
		for clientID, c := range next.clients {
			r.replaceLocked(clientID, nil, c)
		}
	}
	return last
}

// replaceLocked replaces what authentication finds of last by what it finds of next. Both are nil
// for no client. It reports whether that revoked a credential.
func (r *registry) replaceLocked(id string, last, next *client) (revoked bool) {
	r.chargeLocked(last, next)
	known := *r.withID(id)
	if last == nil {
		last = &client{}
		known.clients++
	}
	if next == nil {
		next = &client{}
		known.clients--
	}
	next.adoptLocked()
	for _, s := range last.secrets() {
		if !slices.Contains(next.secrets(), s) {
			revoked = r.removeSecretLocked(&known, s) || revoked
		}
	}
	for _, s := range next.secrets() {
		if !slices.Contains(last.secrets(), s) {
			r.addSecretLocked(&known, s)
		}
	}
	for _, k := range last.keys {
		if !next.holds(k.keyCredential) {
			r.removeKeyLocked(&known, k.keyCredential)
			revoked = true
		}
	}
	for _, k := range next.keys {
		if !last.holds(k.keyCredential) {
			known.keys = append(slices.Clip(known.keys), k.keyCredential) // readers may hold the old slice
		}
	}
	known.replaceSource(last, next)
	if known.clients == 0 {
		r.namesakes.Delete(id)
	} else {
		r.namesakes.Store(id, &known)
	}
	return revoked
}

// chargeLocked makes next cost its jail what last has, and no longer last.
func (r *registry) chargeLocked(last, next *client) {
	if last != nil {
		last.charged.Set(r.quotas.Account(last.jail.record.UID), 0, 0)
	}
	if next != nil {
		stored, memory := next.cost()
		next.charged.Set(r.quotas.Account(next.jail.record.UID), stored, memory)
	}
}

// clientMemory is what a client takes in memory beside its record, in bytes: its credentials, and
// where they are found.
const clientMemory = 1 << 10

// cost returns what a client costs its jail.
func (c *client) cost() (stored, memory int64) {
	stored = quota.RecordBytes(clientKey(c.jail.record.UID, c.id), c.stored)
	return stored, stored + clientMemory
}

// charge makes a jail cost what its own record does, which the operator has written.
func (j *jail) charge(quotas *quota.Book) {
	stored := quota.RecordBytes(j.id, len(j.record.Name))
	j.charged.Set(quotas.Account(j.record.UID), stored, stored)
}

// replaceSource makes a new slice, because readers may hold the old one.
func (n *namesakes) replaceSource(last, next *client) {
	if last.record.JWKS != nil {
		n.sources = slices.DeleteFunc(slices.Clone(n.sources), func(s JWKSource) bool { return s.ClientUID == last.record.UID })
	}
	if next.record.JWKS != nil {
		n.sources = append(slices.Clip(n.sources), next.source())
	}
}

func (r *registry) addSecretLocked(known *namesakes, s *secretCredential) {
	switch {
	case s == nil:
	case s.record.chosen():
		known.chosen = append(slices.Clip(known.chosen), s) // readers may hold the old slice
		r.chosen.Add(1)
	default:
		r.generated.Store(selector(s.record.Selector), s)
	}
}

func (r *registry) removeSecretLocked(known *namesakes, s *secretCredential) (revoked bool) {
	if s == nil {
		return false
	}
	r.revokeLocked(&s.credential)
	if s.record.chosen() {
		known.chosen = slices.DeleteFunc(slices.Clone(known.chosen), func(other *secretCredential) bool { return other == s })
		r.chosen.Add(-1)
	} else {
		r.generated.Delete(selector(s.record.Selector))
	}
	return true
}

func (r *registry) removeKeyLocked(known *namesakes, k *keyCredential) {
	r.revokeLocked(&k.credential)
	known.keys = slices.DeleteFunc(slices.Clone(known.keys), func(other *keyCredential) bool { return other == k })
}

func (r *registry) revokeLocked(c *credential) {
	c.revoked.Store(true)
	r.ended = append(r.ended, c)
}

// jail returns the jail with the uid, or ErrJailNotFound.
func (r *registry) jail(uid string) (*jail, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if j := r.uids[uid]; j != nil {
		return j, nil
	}
	return nil, ErrJailNotFound
}

// client returns the client with the id in the jail with the uid, or ErrJailNotFound or
// ErrClientNotFound.
func (r *registry) client(jailUID, id string) (*client, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	j := r.uids[jailUID]
	if j == nil {
		return nil, ErrJailNotFound
	}
	if c := j.clients[id]; c != nil {
		return c, nil
	}
	return nil, ErrClientNotFound
}

// page returns up to limit keys of m that come after the given one, in order, and whether there
// are more.
func page[V any](m map[string]V, after string, limit int) (keys []string, more bool) {
	keys = slices.Collect(maps.Keys(m))
	keys = slices.DeleteFunc(keys, func(k string) bool { return k <= after })
	slices.Sort(keys)
	if limit = max(limit, 0); len(keys) > limit {
		return keys[:limit], true
	}
	return keys, false
}
