package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"seagate/internal/quota"
	"seagate/internal/secret"
	"seagate/storage"
)

// A Client describes a client, without its secret.
type Client struct {
	ID          string
	UID         string
	Description string
	PublicKey   string // PEM, as it was registered, of the newest key that does not end; "" if there is none
	Keys        []Key  // all of them, the oldest first
	KeysURL     string // of the JWK set that the keys come from; "" for none
	Tokens      *TokenRules
	Revoked     map[string]time.Time // ids of tokens that are revoked, and when each expires
	Rights      *Rights              // nil for all
	OldUntil    time.Time            // until when the secret before the last rotation is valid; zero if it is not
	CreatedAt   time.Time
}

func (c *client) view() Client {
	v := Client{ID: c.id, UID: c.record.UID, Description: c.record.Description, Rights: c.record.Rights, CreatedAt: c.record.CreatedAt}
	if c.record.Old.isCurrent() {
		v.OldUntil = c.record.Old.Until
	}
	for _, k := range c.keys {
		v.Keys = append(v.Keys, k.view())
		if k.record.Until.IsZero() {
			v.PublicKey = k.record.PEM
		}
	}
	if c.record.JWKS != nil {
		v.KeysURL = c.record.JWKS.URL
	}
	v.Tokens, v.Revoked = c.record.Tokens, c.record.Revoked.current()
	return v
}

// The methods below act in the jail with the given uid: the jail of the principal that asks.
// The caller has checked what the principal may do. All fail with ErrJailNotFound if the jail
// does not exist.

// CreateClient creates a client with the rights, nil for all, and returns its secret, which is not
// kept. It fails with ErrClientExists, ErrTooManyClients, ErrInvalidName, ErrInvalidDescription or
// ErrInvalidRights.
func (d *Directory) CreateClient(ctx context.Context, jailUID, id, description string, rights *Rights) (Client, secret.Text, error) {
	if err := cmp.Or(checkID(id), checkDescription(description), checkRights(rights)); err != nil {
		return Client{}, secret.Text{}, err
	}
	text, stored, err := d.generateSecret()
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	var c *client
	err = d.change(ctx, func() error {
		j, err := d.jail(jailUID)
		if err != nil {
			return err
		}
		switch {
		case j.clients[id] != nil:
			return ErrClientExists
		case len(j.clients) >= d.maxClients(j):
			return ErrTooManyClients
		}
		if err := d.mayGive(rights); err != nil {
			return err
		}
		record := newClientRecord(stored, description)
		record.Rights = rights.clone()
		c, err = d.save(ctx, j, id, record, storage.IfAbsent())
		if errors.Is(err, storage.ErrConflict) { // an earlier attempt was stored, although it failed
			return ErrClientExists
		}
		return err
	})
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	return c.view(), text, nil
}

func newClientRecord(stored secretRecord, description string) clientRecord {
	return clientRecord{
		UID:         uuid.NewString(),
		Description: description,
		CreatedAt:   time.Now().UTC(),
		Secret:      stored,
	}
}

// SetRights replaces the rights of a client; nil is all. Additional rights take effect at once. If
// the client loses a right, its secret and keys stay valid, but what is open with them is revoked.
// It fails with ErrClientNotFound, ErrInvalidRights or ErrLastClient.
func (d *Directory) SetRights(ctx context.Context, jailUID, id string, rights *Rights) (Client, error) {
	if err := checkRights(rights); err != nil {
		return Client{}, err
	}
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		if err := d.mayGive(rights); err != nil {
			return err
		}
		if rights != nil && d.isLastRoot(jailUID, id) {
			return ErrLastClient
		}
		r.Rights = rights.clone()
		return nil
	})
}

// isLastRoot reports whether the root jail has no other client with all rights. Only a change calls
// it.
func (d *Directory) isLastRoot(jailUID, id string) bool {
	j := d.uids[jailUID]
	if j == nil || !j.isRoot() {
		return false
	}
	for other, c := range j.clients {
		if other != id && c.record.Rights == nil {
			return false
		}
	}
	return true
}

// DeleteClient deletes a client and revokes its credentials. It returns the client as it was.
// It fails with ErrClientNotFound or ErrLastClient.
func (d *Directory) DeleteClient(ctx context.Context, jailUID, id string) (Client, error) {
	var c *client
	err := d.change(ctx, func() (err error) {
		if c, err = d.client(jailUID, id); err != nil {
			return err
		}
		if err := d.mayGive(c.record.Rights); err != nil {
			return err
		}
		if d.isLastRoot(jailUID, id) {
			return ErrLastClient
		}
		// Always, because the record must be deleted even if it has changed since we
		// read it.
		if err := d.records.Delete(ctx, clientTable, clientKey(jailUID, id), storage.Always()); err != nil {
			return fmt.Errorf("deleting client %q: %w", id, err)
		}
		d.adoptClient(c.jail, id, nil)
		return nil
	})
	if err != nil {
		return Client{}, err
	}
	return c.view(), nil
}

// RotateSecret gives the client a new secret, which is not kept, and revokes the old one. It
// fails with ErrClientNotFound.
func (d *Directory) RotateSecret(ctx context.Context, jailUID, id string) (Client, secret.Text, error) {
	return d.RotateSecretKeeping(ctx, jailUID, id, 0)
}

// MaxKeep is the longest time for which a rotation keeps the old secret.
const MaxKeep = 30 * 24 * time.Hour

// RotateSecretKeeping is RotateSecret, except that the old secret, and what is open with it, is
// revoked after the time keep, at most MaxKeep. There is at most one old secret: if an earlier
// rotation has kept one, that is revoked at once.
func (d *Directory) RotateSecretKeeping(ctx context.Context, jailUID, id string, keep time.Duration) (Client, secret.Text, error) {
	text, stored, err := d.generateSecret()
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	view, err := d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		r.Old = nil
		if keep = min(keep, MaxKeep); keep > 0 {
			r.Old = &oldSecret{r.Secret, time.Now().Add(keep).UTC()}
		}
		r.Secret = stored
		return nil
	})
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	return view, text, nil
}

// SetTokenRules replaces the rules that the client's tokens must keep to, nil for none. If they change,
// what is open with its tokens ends; whoever has a token that keeps to the rules may connect again. It
// fails with ErrClientNotFound or ErrInvalidTokenRules.
func (d *Directory) SetTokenRules(ctx context.Context, jailUID, id string, rules *TokenRules) (Client, error) {
	if err := rules.check(); err != nil {
		return Client{}, err
	}
	if rules != nil && *rules == (TokenRules{}) {
		rules = nil
	}
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) error {
		r.Tokens = nil
		if rules != nil {
			set := *rules
			r.Tokens = &set
		}
		return nil
	})
}

// Client returns a client, or ErrClientNotFound.
func (d *Directory) Client(jailUID, id string) (Client, error) {
	c, err := d.client(jailUID, id)
	if err != nil {
		return Client{}, err
	}
	return c.view(), nil
}

// Names returns the ids of the jail and the client with these uids, "" for what does not exist.
func (d *Directory) Names(jailUID, clientUID string) (jailID, clientID string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	j := d.uids[jailUID]
	if j == nil {
		return "", ""
	}
	for id, c := range j.clients {
		if c.record.UID == clientUID {
			return j.id, id
		}
	}
	return j.id, ""
}

// ClientIDs returns the ids of the jail's clients by their uids.
func (d *Directory) ClientIDs(jailUID string) map[string]string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids := map[string]string{}
	if j := d.uids[jailUID]; j != nil {
		for id, c := range j.clients {
			ids[c.record.UID] = id
		}
	}
	return ids
}

// Clients returns up to limit clients whose ids come after the given one, in the byte order of
// the ids, and whether there are more.
func (d *Directory) Clients(jailUID, after string, limit int) (clients []Client, more bool, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	j := d.uids[jailUID]
	if j == nil {
		return nil, false, ErrJailNotFound
	}
	ids, more := page(j.clients, after, limit)
	for _, id := range ids {
		clients = append(clients, j.clients[id].view())
	}
	return clients, more, nil
}

// writeAttempts bounds how often a conflicting write is repeated. One conflict is possible if
// an earlier write was stored although it failed. More conflicts mean that something else
// writes to the tables.
const writeAttempts = 3

// rewrite edits a client's record.
func (d *Directory) rewrite(ctx context.Context, jailUID, id string, edit func(*clientRecord) error) (Client, error) {
	var c *client
	err := d.change(ctx, func() (err error) {
		c, err = d.update(ctx, jailUID, id, func(last *client, r *clientRecord) error {
			if err := d.mayGive(last.record.Rights); err != nil {
				return err
			}
			d.displacing = nil
			return edit(r)
		})
		if err != nil {
			return err
		}
		return d.displace(ctx)
	})
	if err != nil {
		return Client{}, err
	}
	return c.view(), nil
}

// update edits the record of a client, whose present state is last. After a conflict it edits what
// is stored instead. It fails with ErrJailNotFound, ErrClientNotFound or the error of edit. Only a
// change calls it.
func (d *Directory) update(ctx context.Context, jailUID, id string, edit func(last *client, r *clientRecord) error) (*client, error) {
	for attempt := 1; ; attempt++ {
		last, err := d.client(jailUID, id)
		if err != nil {
			return nil, err
		}
		record := last.record.withoutEnded()
		if err := edit(last, &record); err != nil {
			return nil, err
		}
		c, err := d.save(ctx, last.jail, id, record, storage.IfRevision(last.revision))
		if !errors.Is(err, storage.ErrConflict) || attempt == writeAttempts {
			return c, err
		}
	}
}

// save writes a client's record and adopts it. After a storage.ErrConflict it has adopted what
// is stored instead. After another error it has adopted nothing, so the old credentials stay in
// force and the client can ask again.
func (d *Directory) save(ctx context.Context, j *jail, id string, r clientRecord, cond storage.Condition) (*client, error) {
	next, err := d.putClient(ctx, j, id, r, cond)
	if errors.Is(err, storage.ErrConflict) {
		if err := d.reloadClient(ctx, j, id); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	d.adoptClient(j, id, next)
	return next, nil
}

// putClient writes a client's record, if the quota of the jail allows it, and returns the client to
// adopt.
func (d *Directory) putClient(ctx context.Context, j *jail, id string, r clientRecord, cond storage.Condition) (*client, error) {
	key := clientKey(j.record.UID, id)
	value, err := encode(clientTable, key, r)
	if err != nil {
		return nil, err
	}
	var reserved quota.Record // until the client is adopted, which charges for it
	account := d.quotas.Account(j.record.UID)
	before := int64(0)
	if last := j.clients[id]; last != nil {
		before, _ = last.cost()
	}
	if err := reserved.GrowAll(account, max(0, quota.RecordBytes(key, len(value))-before), 0); err != nil {
		return nil, fmt.Errorf("storing client %q: %w", id, err)
	}
	defer reserved.Set(account, 0, 0)
	revision, err := d.putEncoded(ctx, clientTable, key, value, cond)
	if err != nil {
		return nil, err
	}
	next, err := j.newClient(id, r, revision)
	if err != nil {
		return nil, err
	}
	next.stored = len(value)
	return next, nil
}
