package auth

import (
	"crypto/rsa"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A registry holds all jails and clients in memory. Only the change that runs writes to it, and
// it holds mu while it writes. So a change reads without mu, and everybody else reads with it.
type registry struct {
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
	rights   *rights
	secret   *secretCredential
	old      *secretCredential // the secret before, while it is valid; otherwise nil
	key      *keyCredential    // nil if the client has no public key
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
	inert  bool // as keyRecord.Inert
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
		last = &client{rights: c.rights}
	}
	c.rights = last.rights
	c.secret = c.newSecret(record.Secret, known)
	if record.Old.isCurrent() {
		c.old = c.newSecret(record.Old.Secret, known)
	}
	if record.Key == nil {
		return c, nil
	}
	public, err := parsePublicKey(record.Key.PEM)
	if err != nil {
		return nil, err
	}
	c.key = last.key
	if c.key == nil || c.key.inert != record.Key.Inert || !c.key.public.Equal(public) {
		c.key = &keyCredential{public: public, inert: record.Key.Inert}
		c.key.init(c, MethodToken)
	}
	return c, nil
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
	clients int
	chosen  []*secretCredential // of the root client, and imported ones: see MaxChosenPerID
	keys    []*keyCredential
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
	}
	if next != nil {
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
	if last.key != next.key {
		revoked = r.removeKeyLocked(&known, last.key) || revoked
		known.addKey(next.key)
	}
	if known.clients == 0 {
		r.namesakes.Delete(id)
	} else {
		r.namesakes.Store(id, &known)
	}
	return revoked
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

// addKey makes a new slice, because readers may hold the old one.
func (n *namesakes) addKey(k *keyCredential) {
	if k != nil {
		n.keys = append(slices.Clip(n.keys), k)
	}
}

func (r *registry) removeKeyLocked(known *namesakes, k *keyCredential) (revoked bool) {
	if k == nil {
		return false
	}
	r.revokeLocked(&k.credential)
	known.keys = slices.DeleteFunc(slices.Clone(known.keys), func(other *keyCredential) bool { return other == k })
	return true
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
