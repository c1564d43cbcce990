package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"seagate/internal/secret"
	"seagate/storage"
)

// A Client is what may be shown of one.
type Client struct {
	ID          string
	UID         string
	Description string
	PublicKey   string // PEM, as it was registered; empty: none
	CreatedAt   time.Time
}

func (c *client) view() Client {
	v := Client{ID: c.id, UID: c.record.UID, Description: c.record.Description, CreatedAt: c.record.CreatedAt}
	if c.record.Key != nil {
		v.PublicKey = c.record.Key.PEM
	}
	return v
}

// The methods below take the uid of the jail that they act in, which is that
// of the acting principal. That it may act is for the caller to have checked.
// All fail with ErrJailNotFound if the jail is gone.

// CreateClient creates a client and returns its secret, which is not kept. It
// fails with ErrClientExists, ErrTooManyClients, ErrInvalidName or
// ErrInvalidDescription.
func (d *Directory) CreateClient(ctx context.Context, jailUID, id, description string) (Client, secret.Text, error) {
	if err := cmp.Or(CheckID(id), checkDescription(description)); err != nil {
		return Client{}, secret.Text{}, err
	}
	var view Client
	var s secret.Text
	err := d.change(ctx, func() (err error) {
		view, s, err = d.createClient(ctx, jailUID, id, description)
		return err
	})
	return view, s, err
}

func (d *Directory) createClient(ctx context.Context, jailUID, id, description string) (Client, secret.Text, error) {
	j, err := d.jailOf(jailUID)
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	s, err := d.freshSecret()
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	record, err := newClientRecord(s.Reveal(), description)
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	if err := d.roomForClient(j, id); err != nil {
		return Client{}, secret.Text{}, err
	}
	c, err := d.save(ctx, j, id, record, storage.IfAbsent())
	if errors.Is(err, storage.ErrConflict) { // an earlier attempt did get there
		if err := d.reread(ctx, j, id); err != nil {
			return Client{}, secret.Text{}, err
		}
		return Client{}, secret.Text{}, ErrClientExists
	}
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	return c.view(), s, nil
}

func (d *Directory) roomForClient(j *jail, id string) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	switch {
	case j.clients[id] != nil:
		return ErrClientExists
	case len(j.clients) >= d.opts.MaxClientsPerJail:
		return ErrTooManyClients
	}
	return nil
}

func newClientRecord(secret, description string) (clientRecord, error) {
	digested, err := digestSecret(secret)
	return clientRecord{
		UID:         uuid.NewString(),
		Description: description,
		CreatedAt:   time.Now().UTC(),
		Secret:      digested,
	}, err
}

// freshSecret generates a secret with a selector that no other has: one that
// is taken, at odds of 1 in 2^64 for each secret there is, would shut out the
// client that has it.
func (d *Directory) freshSecret() (secret.Text, error) {
	for range writeAttempts {
		s := NewSecret()
		raw, _ := parseGenerated(s.Reveal())
		if _, taken := d.selectors.Load(raw.selector()); !taken {
			return s, nil
		}
	}
	return secret.Text{}, errors.New("generating a secret: the system's random numbers repeat")
}

// DeleteClient deletes a client and ends its credentials. It fails with
// ErrClientNotFound or ErrLastClient.
func (d *Directory) DeleteClient(ctx context.Context, jailUID, id string) error {
	return d.change(ctx, func() error {
		c, err := d.find(jailUID, id)
		if err != nil {
			return err
		}
		if d.lastOfRoot(c) {
			return ErrLastClient
		}
		return d.deleteClient(ctx, c)
	})
}

func (d *Directory) lastOfRoot(c *client) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return c.jail.root() && len(c.jail.clients) == 1
}

func (d *Directory) deleteClient(ctx context.Context, c *client) error {
	// Whatever is stored by now, it is to go.
	err := d.records.Delete(ctx, clientTable, clientKey(c.jail.record.UID, c.id), storage.Always())
	if err != nil {
		return fmt.Errorf("deleting client %q: %w", c.id, err)
	}
	d.adopt(c.jail, c.id, nil)
	return nil
}

// RotateSecret gives the client a new secret, which is not kept, and ends the
// old one. It fails with ErrClientNotFound.
func (d *Directory) RotateSecret(ctx context.Context, jailUID, id string) (Client, secret.Text, error) {
	var s secret.Text
	view, err := d.rewrite(ctx, jailUID, id, func(r *clientRecord) (err error) {
		if s, err = d.freshSecret(); err != nil {
			return err
		}
		r.Secret, err = digestSecret(s.Reveal())
		return err
	})
	if err != nil {
		return Client{}, secret.Text{}, err
	}
	return view, s, nil
}

// SetPublicKey registers the key that the client's tokens are signed with, an
// RSA public key in PEM, or clears it if the text is empty. Tokens of another
// key than before end; the same key again changes nothing. It fails with
// ErrClientNotFound, ErrInvalidKey or ErrTooManyKeys.
func (d *Directory) SetPublicKey(ctx context.Context, jailUID, id, pem string) (Client, error) {
	if pem != "" {
		if _, err := parsePublicKey(pem); err != nil {
			return Client{}, err
		}
	}
	return d.rewrite(ctx, jailUID, id, func(r *clientRecord) (err error) {
		r.Key, err = d.keyFor(id, r.UID, pem)
		return err
	})
}

// keyFor says how the key is to be registered, given those that other clients
// of the id hold in their jails.
func (d *Directory) keyFor(id, clientUID, pem string) (*keyRecord, error) {
	if pem == "" {
		return nil, nil
	}
	public, err := parsePublicKey(pem)
	if err != nil {
		return nil, err
	}
	record, others := &keyRecord{PEM: pem}, 0
	for _, k := range d.signers(id, "") {
		if k.principal.ClientUID == clientUID {
			continue
		}
		others++
		record.Inert = record.Inert || k.public.Equal(public)
	}
	if others >= MaxKeysPerID && !record.Inert {
		return nil, ErrTooManyKeys
	}
	return record, nil
}

// Client returns one client, or ErrClientNotFound.
func (d *Directory) Client(jailUID, id string) (Client, error) {
	c, err := d.find(jailUID, id)
	if err != nil {
		return Client{}, err
	}
	return c.view(), nil
}

// ClientUID returns what the things of a client are kept under, or
// ErrClientNotFound.
func (d *Directory) ClientUID(jailUID, id string) (string, error) {
	c, err := d.find(jailUID, id)
	if err != nil {
		return "", err
	}
	return c.record.UID, nil
}

// Names returns the ids behind the UIDs of a jail and of one of its clients,
// "" for what is not there any more.
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

// ClientIDs returns the ids of the jail's clients by their UIDs.
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

// Clients returns up to limit clients whose ids come after the given one, in
// the byte order of the ids, and whether there are more.
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

func (d *Directory) jailOf(uid string) (*jail, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if j := d.uids[uid]; j != nil {
		return j, nil
	}
	return nil, ErrJailNotFound
}

func (d *Directory) find(jailUID, id string) (*client, error) {
	j, err := d.jailOf(jailUID)
	if err != nil {
		return nil, err
	}
	if c := d.lookup(j, id); c != nil {
		return c, nil
	}
	return nil, ErrClientNotFound
}

func (d *Directory) lookup(j *jail, id string) *client {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return j.clients[id]
}

// writeAttempts is how often a write is tried over what it conflicts with. One
// conflict is what an earlier write leaves that failed and happened all the
// same; another would mean that somebody else writes to the tables.
const writeAttempts = 3

// rewrite replaces a client's record by what edit makes of it.
func (d *Directory) rewrite(ctx context.Context, jailUID, id string, edit func(*clientRecord) error) (Client, error) {
	var c *client
	err := d.change(ctx, func() (err error) {
		for range writeAttempts {
			c, err = d.rewriteOnce(ctx, jailUID, id, edit)
			if !errors.Is(err, storage.ErrConflict) {
				return err
			}
		}
		return err
	})
	if err != nil {
		return Client{}, err
	}
	return c.view(), nil
}

func (d *Directory) rewriteOnce(ctx context.Context, jailUID, id string, edit func(*clientRecord) error) (*client, error) {
	last, err := d.find(jailUID, id)
	if err != nil {
		return nil, err
	}
	record := last.record
	if err := edit(&record); err != nil {
		return nil, err
	}
	next, err := d.save(ctx, last.jail, id, record, storage.IfRevision(last.revision))
	if errors.Is(err, storage.ErrConflict) {
		return nil, errors.Join(err, d.reread(ctx, last.jail, id))
	}
	return next, err
}

// save writes a client's record and adopts it. After an error nothing is
// adopted: the old credentials stay in force, so that the client can ask again.
func (d *Directory) save(ctx context.Context, j *jail, id string, r clientRecord, cond storage.Condition) (*client, error) {
	revision, err := d.put(ctx, clientTable, clientKey(j.record.UID, id), r, cond)
	if err != nil {
		return nil, err
	}
	c, err := newClient(j, id, r, revision, d.lookup(j, id))
	if err != nil {
		return nil, err
	}
	d.adopt(j, id, c)
	return c, nil
}
