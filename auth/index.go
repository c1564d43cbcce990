package auth

import (
	"crypto/rsa"
	"slices"
)

// A jail as it stands in memory. Its clients are guarded by Directory.mu; the
// rest never changes.
type jail struct {
	id      string
	record  jailRecord
	clients map[string]*client
}

func (j *jail) root() bool { return j.id == RootJailID }

// A client as it stands in memory. It never changes: a change makes another,
// which takes over the credentials that it left alone.
type client struct {
	id       string
	jail     *jail
	record   clientRecord
	revision uint64
	secret   *clientSecret
	key      *signingKey // nil: none
}

// newClient makes what the record says out of what was known before, which
// may be nil.
func newClient(j *jail, id string, r clientRecord, revision uint64, before *client) (*client, error) {
	c := &client{id: id, jail: j, record: r, revision: revision}
	if before != nil && before.record.UID != r.UID {
		before = nil
	}
	c.takeSecret(before)
	if r.Key == nil {
		return c, nil
	}
	public, err := parsePublicKey(r.Key.PEM)
	if err != nil {
		return nil, err
	}
	c.takeKey(before, public)
	return c, nil
}

func (c *client) takeSecret(before *client) {
	if before != nil && before.secret.record.equal(c.record.Secret) {
		c.secret = before.secret
		return
	}
	c.secret = &clientSecret{record: c.record.Secret, principal: c.principal(MethodBasic)}
}

func (c *client) takeKey(before *client, public *rsa.PublicKey) {
	if before != nil && before.key != nil && before.key.same(public, c.record.Key.Inert) {
		c.key = before.key
		return
	}
	c.key = &signingKey{public: public, inert: c.record.Key.Inert, principal: c.principal(MethodToken)}
}

// principal makes one with a grant of its own.
func (c *client) principal(m Method) *Principal {
	return &Principal{
		JailID:    c.jail.id,
		JailUID:   c.jail.record.UID,
		ClientID:  c.id,
		ClientUID: c.record.UID,
		Method:    m,
		Root:      c.jail.root(),
		grant:     &grant{},
	}
}

// adopt makes next what is known under the id, nil for nothing, and notes what
// that ends. Called by the change under way.
func (d *Directory) adopt(j *jail, id string, next *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := j.clients[id]
	if d.replaceLocked(j, id, last, next) {
		d.ended = append(d.ended, Revocation{JailUID: j.record.UID, ClientUID: last.record.UID})
	}
}

// replaceLocked puts next in the place of last, either of which may be nil. It
// says whether credentials ended by that.
func (d *Directory) replaceLocked(j *jail, id string, last, next *client) (ended bool) {
	if last == nil {
		last = &client{}
		d.names[id]++
	}
	j.clients[id] = next
	if next == nil {
		next = &client{}
		delete(j.clients, id)
		if d.names[id]--; d.names[id] == 0 {
			delete(d.names, id)
		}
	}
	secretEnded := d.replaceSecretLocked(last.secret, next.secret)
	keyEnded := d.replaceKeyLocked(last.key, next.key)
	return secretEnded || keyEnded
}

func (d *Directory) replaceSecretLocked(last, next *clientSecret) (ended bool) {
	if last == next {
		return false
	}
	if last != nil {
		last.grant().ended.Store(true)
		d.dropSecretLocked(last)
	}
	if next != nil {
		d.addSecretLocked(next)
	}
	return last != nil
}

func (d *Directory) dropSecretLocked(s *clientSecret) {
	if s.record.chosen() {
		d.chosen.Delete(s.principal.ClientID)
		d.chosenCount.Add(-1)
		return
	}
	d.selectors.Delete(selector(s.record.Selector))
}

func (d *Directory) addSecretLocked(s *clientSecret) {
	if s.record.chosen() {
		d.chosen.Store(s.principal.ClientID, s)
		d.chosenCount.Add(1)
		return
	}
	d.selectors.Store(selector(s.record.Selector), s)
}

func (d *Directory) replaceKeyLocked(last, next *signingKey) (ended bool) {
	if last == next {
		return false
	}
	if last != nil {
		last.grant().ended.Store(true)
		d.storeKeysLocked(last.principal.ClientID, func(k *signingKey) bool { return k != last }, nil)
	}
	if next != nil && !next.inert {
		d.storeKeysLocked(next.principal.ClientID, func(*signingKey) bool { return true }, next)
	}
	return last != nil
}

// storeKeysLocked stores anew those keys of the id that are to be kept, and
// one more unless it is nil. Readers have the old slice in hand.
func (d *Directory) storeKeysLocked(id string, keep func(*signingKey) bool, more *signingKey) {
	var keys []*signingKey
	for _, k := range d.signers(id, "") {
		if keep(k) {
			keys = append(keys, k)
		}
	}
	if more != nil {
		keys = append(keys, more)
	}
	if len(keys) == 0 {
		d.keys.Delete(id)
		return
	}
	d.keys.Store(id, slices.Clip(keys))
}

// adoptJail makes next, with its clients, what is known under the jail's id,
// nil for nothing, and notes what that ends. Called by the change under way.
func (d *Directory) adoptJail(id string, next *jail) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := d.jails[id]; last != nil {
		d.forgetJailLocked(last)
	}
	if next == nil {
		return
	}
	d.jails[id] = next
	d.uids[next.record.UID] = next
	for clientID, c := range next.clients {
		d.replaceLocked(next, clientID, nil, c)
	}
}

func (d *Directory) forgetJailLocked(j *jail) {
	delete(d.jails, j.id)
	delete(d.uids, j.record.UID)
	for clientID, c := range j.clients {
		d.replaceLocked(j, clientID, c, nil)
	}
	d.ended = append(d.ended, Revocation{JailUID: j.record.UID})
}
