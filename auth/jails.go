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

// RootJailID is the id of the operator's own jail.
const RootJailID = "root"

// A Jail is what may be shown of one.
type Jail struct {
	ID        string
	UID       string // of this incarnation: what everything of the jail is kept under
	Name      string
	CreatedAt time.Time
}

func (j *jail) view() Jail {
	return Jail{ID: j.id, UID: j.record.UID, Name: j.record.Name, CreatedAt: j.record.CreatedAt}
}

// EnsureRoot creates the root jail with its first client, unless the root jail
// has clients already: then the secret changes nothing, but is checked, and
// if it is the client's own, is recognized without work from then on. The
// secret is one of NewSecret, or MinSecret to MaxSecret in the operator's own
// words; anything else is ErrWeakSecret.
func (d *Directory) EnsureRoot(ctx context.Context, clientID, secret string) (created bool, err error) {
	if err := CheckID(clientID); err != nil {
		return false, err
	}
	if _, generated := parseGenerated(secret); !generated {
		if err := checkChosen(secret); err != nil {
			return false, err
		}
	}
	err = d.change(ctx, func() error {
		if d.hasRoot() {
			return nil
		}
		created = true
		return d.createRoot(ctx, clientID, secret)
	})
	if err != nil {
		return false, fmt.Errorf("creating the root client %q: %w", clientID, err)
	}
	d.recognize(clientID, secret)
	return created, nil
}

// CreateRoot is EnsureRoot with a generated secret, which is zero if nothing
// was created. Who cannot afford to lose it to a crash stores NewSecret first
// and hands it to EnsureRoot.
func (d *Directory) CreateRoot(ctx context.Context, clientID string) (s secret.Text, created bool, err error) {
	s = NewSecret()
	if created, err = d.EnsureRoot(ctx, clientID, s.Reveal()); !created {
		return secret.Text{}, false, err
	}
	return s, true, nil
}

func (d *Directory) hasRoot() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	root := d.jails[RootJailID]
	return root != nil && len(root.clients) > 0
}

func (d *Directory) createRoot(ctx context.Context, clientID, secret string) error {
	first, err := newClientRecord(secret, "root client")
	if err != nil {
		return err
	}
	d.mu.RLock()
	root := d.jails[RootJailID]
	d.mu.RUnlock()
	if root != nil {
		_, err := d.save(ctx, root, clientID, first, storage.Always())
		return err
	}
	_, err = d.createJail(ctx, RootJailID, "root", clientID, first)
	return err
}

// recognize spends one check of an operator's own secret at start, so that the
// first request with it passes whatever the limits are by then.
func (d *Directory) recognize(clientID, text string) {
	if v, ok := d.chosen.Load(clientID); ok {
		d.stretched(v.(*clientSecret), text, d.macOf(text))
	}
}

// CreateJail creates a jail with a first client, and returns that client's
// secret, which is not kept. It fails with ErrJailExists, ErrTooManyJails,
// ErrInvalidName or ErrInvalidDescription.
func (d *Directory) CreateJail(ctx context.Context, id, name, firstClientID string) (Jail, secret.Text, error) {
	if err := cmp.Or(CheckID(id), checkDescription(name), CheckID(firstClientID)); err != nil {
		return Jail{}, secret.Text{}, err
	}
	s, err := d.freshSecret()
	if err != nil {
		return Jail{}, secret.Text{}, err
	}
	first, err := newClientRecord(s.Reveal(), "")
	if err != nil {
		return Jail{}, secret.Text{}, err
	}
	var view Jail
	err = d.change(ctx, func() error {
		if err := d.roomForJail(id); err != nil {
			return err
		}
		j, err := d.createJail(ctx, id, name, firstClientID, first)
		if err == nil {
			view = j.view()
		}
		return err
	})
	if err != nil {
		return Jail{}, secret.Text{}, err
	}
	return view, s, nil
}

func (d *Directory) roomForJail(id string) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	switch {
	case d.jails[id] != nil || id == RootJailID:
		return ErrJailExists
	case len(d.jails) >= d.opts.MaxJails:
		return ErrTooManyJails
	}
	return nil
}

// createJail writes the client first: without the jail's record it is nobody's.
func (d *Directory) createJail(ctx context.Context, id, name, clientID string, first clientRecord) (*jail, error) {
	j := &jail{
		id:      id,
		record:  jailRecord{UID: uuid.NewString(), Name: name, CreatedAt: time.Now().UTC()},
		clients: map[string]*client{},
	}
	revision, err := d.put(ctx, clientTable, clientKey(j.record.UID, clientID), first, storage.IfAbsent())
	if err != nil {
		return nil, err
	}
	c, err := newClient(j, clientID, first, revision, nil)
	if err != nil {
		return nil, err
	}
	j.clients[clientID] = c
	_, err = d.put(ctx, jailTable, id, j.record, storage.IfAbsent())
	if errors.Is(err, storage.ErrConflict) { // an earlier attempt did get there
		if err := d.rereadJail(ctx, id); err != nil {
			return nil, err
		}
		return nil, ErrJailExists
	}
	if err != nil {
		return nil, err
	}
	d.adoptJail(id, j)
	return j, nil
}

// sweepTime bounds how long DeleteJail works on the records of clients.
const sweepTime = 2 * time.Second

// DeleteJail deletes a jail and its clients, and ends all their credentials.
// It returns the jail as it was, for its uid: what others keep under that is
// theirs to delete. It fails with ErrJailNotFound or ErrRootJail.
func (d *Directory) DeleteJail(ctx context.Context, id string) (Jail, error) {
	if id == RootJailID {
		return Jail{}, ErrRootJail
	}
	var j *jail
	var orphans []string
	err := d.change(ctx, func() (err error) {
		j, orphans, err = d.deleteJail(ctx, id)
		return err
	})
	if err != nil {
		return Jail{}, err
	}
	d.sweep(ctx, orphans)
	return j.view(), nil
}

// deleteJail deletes the jail's record: from then on its clients are nobody's.
func (d *Directory) deleteJail(ctx context.Context, id string) (*jail, []string, error) {
	d.mu.RLock()
	j := d.jails[id]
	var orphans []string
	if j != nil {
		for clientID := range j.clients {
			orphans = append(orphans, clientKey(j.record.UID, clientID))
		}
	}
	d.mu.RUnlock()
	if j == nil {
		return nil, nil, ErrJailNotFound
	}
	if err := d.records.Delete(ctx, jailTable, id, storage.Always()); err != nil {
		return nil, nil, fmt.Errorf("deleting jail %q: %w", id, err)
	}
	d.adoptJail(id, nil)
	return j, orphans, nil
}

// sweep removes the records of clients whose jail is gone. What it does not
// get to, Open does.
func (d *Directory) sweep(ctx context.Context, keys []string) {
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	for _, key := range keys {
		if d.records.Delete(ctx, clientTable, key, storage.Always()) != nil {
			return
		}
	}
}

// Jails returns up to limit jails whose ids come after the given one, in the
// byte order of the ids, and whether there are more.
func (d *Directory) Jails(after string, limit int) (jails []Jail, more bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids, more := page(d.jails, after, limit)
	for _, id := range ids {
		jails = append(jails, d.jails[id].view())
	}
	return jails, more
}

// HasJail says whether a jail of this incarnation is there.
func (d *Directory) HasJail(uid string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, there := d.uids[uid]
	return there
}
