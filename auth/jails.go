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

// RootJailID is the id of the operator's own jail.
const RootJailID = "root"

// A Jail describes a jail.
type Jail struct {
	ID        string
	UID       string // what belongs to the jail is kept under its uid
	Name      string
	CreatedAt time.Time
	Clients   int       // how many it has
	Quotas    quota.Own // limits that are set for this jail only
}

// view describes the jail. registry.mu is held, or a change runs.
func (j *jail) view() Jail {
	return Jail{
		ID: j.id, UID: j.record.UID, Name: j.record.Name, CreatedAt: j.record.CreatedAt,
		Clients: len(j.clients), Quotas: j.record.quotas(),
	}
}

// EnsureRoot creates the root jail with its first client, unless the root jail has a client. In
// that case it only verifies text, so that the client's first request need not wait for it. text
// is a generated secret (NewSecret), or one of MinSecret characters to MaxSecret bytes that the
// operator chose; otherwise EnsureRoot fails with ErrWeakSecret.
func (d *Directory) EnsureRoot(ctx context.Context, clientID, text string) (created bool, err error) {
	if err := checkRoot(clientID, text); err != nil {
		return false, err
	}
	err = d.change(ctx, func() error {
		root := d.jails[RootJailID]
		if root != nil && len(root.clients) > 0 {
			return nil
		}
		created = true
		return d.createRoot(ctx, root, clientID, text)
	})
	if err != nil {
		return false, fmt.Errorf("creating the root client %q: %w", clientID, err)
	}
	if list := d.withID(clientID).chosen; len(list) > 0 {
		d.verify(list, text, d.macOf(text))
	}
	return created, nil
}

func checkRoot(clientID, text string) error {
	if err := checkID(clientID); err != nil {
		return err
	}
	if _, generated := parseGenerated(text); generated {
		return nil
	}
	return checkChosen(text)
}

// IsRoot reports whether a client of the root jail has this id and this secret, the one that
// EnsureRoot was called with. It counts no failure.
func (d *Directory) IsRoot(clientID, text string) bool {
	if raw, generated := parseGenerated(text); generated {
		s := d.findGenerated(clientID, raw)
		return s != nil && s.principal.Root
	}
	s := verifiedAs(d.withID(clientID).chosen, d.macOf(text))
	return s != nil && s.principal.Root
}

// ResetRoot gives a client of the root jail the secret text, and creates the client if it does
// not exist, and all rights. The old secret is revoked. text must be as for EnsureRoot.
func (d *Directory) ResetRoot(ctx context.Context, clientID, text string) (created bool, err error) {
	if err := checkRoot(clientID, text); err != nil {
		return false, err
	}
	err = d.change(ctx, func() error {
		root := d.jails[RootJailID]
		if root == nil || root.clients[clientID] == nil {
			created = true
			return d.createRoot(ctx, root, clientID, text)
		}
		stored, err := d.digestSecret(text)
		if err != nil {
			return err
		}
		last := root.clients[clientID]
		record := last.record
		record.Secret, record.Old, record.Rights = stored, nil, nil
		_, err = d.save(ctx, root, clientID, record, storage.IfRevision(last.revision))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("setting the secret of the root client %q: %w", clientID, err)
	}
	return created, nil
}

// createRoot creates the first client of the root jail, and the jail if root is nil.
func (d *Directory) createRoot(ctx context.Context, root *jail, clientID, text string) error {
	stored, err := d.digestSecret(text)
	if err != nil {
		return err
	}
	first := newClientRecord(stored, "root client")
	if root == nil {
		_, err = d.createJail(ctx, RootJailID, "root", clientID, first)
	} else {
		_, err = d.save(ctx, root, clientID, first, storage.Always())
	}
	return err
}

// CreateJail creates a jail with a first client and returns that client's secret, which is not
// kept. It fails with ErrJailExists, ErrTooManyJails, ErrInvalidName or ErrInvalidDescription.
func (d *Directory) CreateJail(ctx context.Context, id, name, firstClientID string) (Jail, secret.Text, error) {
	if err := cmp.Or(checkID(id), checkDescription(name), checkID(firstClientID)); err != nil {
		return Jail{}, secret.Text{}, err
	}
	text, stored, err := d.generateSecret()
	if err != nil {
		return Jail{}, secret.Text{}, err
	}
	var made Jail
	err = d.change(ctx, func() error {
		switch {
		case d.jails[id] != nil || id == RootJailID:
			return ErrJailExists
		case len(d.jails) >= d.opts.MaxJails:
			return ErrTooManyJails
		}
		j, err := d.createJail(ctx, id, name, firstClientID, newClientRecord(stored, ""))
		if err == nil {
			made = j.view()
		}
		return err
	})
	if err != nil {
		return Jail{}, secret.Text{}, err
	}
	return made, text, nil
}

// createJail writes the client first. A client whose jail has no record does not exist.
func (d *Directory) createJail(ctx context.Context, id, name, clientID string, first clientRecord) (*jail, error) {
	j := newJail(id, jailRecord{UID: uuid.NewString(), Name: name, CreatedAt: time.Now().UTC()})
	made, err := d.putClient(ctx, j, clientID, first, storage.IfAbsent())
	if err != nil {
		return nil, err
	}
	j.clients[clientID] = made
	_, err = d.put(ctx, jailTable, id, j.record, storage.IfAbsent())
	if errors.Is(err, storage.ErrConflict) { // an earlier attempt was stored, although it failed
		return nil, cmp.Or(d.reloadJail(ctx, id), ErrJailExists)
	}
	if err != nil {
		return nil, err
	}
	d.adoptJail(id, j)
	return j, nil
}

// DeleteJail deletes a jail and its clients, and revokes their credentials. It returns the jail
// as it was: the caller deletes what is kept under its uid. It fails with ErrJailNotFound or
// ErrRootJail.
func (d *Directory) DeleteJail(ctx context.Context, id string) (Jail, error) {
	if id == RootJailID {
		return Jail{}, ErrRootJail
	}
	var j *jail
	err := d.change(ctx, func() error {
		if j = d.jails[id]; j == nil {
			return ErrJailNotFound
		}
		// Clients whose jail has no record do not exist.
		if err := d.records.Delete(ctx, jailTable, id, storage.Always()); err != nil {
			return fmt.Errorf("deleting jail %q: %w", id, err)
		}
		d.adoptJail(id, nil)
		return nil
	})
	if err != nil {
		return Jail{}, err
	}
	d.removeClients(ctx, j)
	return j.view(), nil
}

// removeTime bounds how long DeleteJail deletes the records of clients.
const removeTime = 2 * time.Second

// removeClients deletes the records of a deleted jail's clients. Open deletes those that are left
// when removeTime is over.
func (d *Directory) removeClients(ctx context.Context, j *jail) {
	ctx, cancel := context.WithTimeout(ctx, removeTime)
	defer cancel()
	for id := range j.clients { // no lock: nothing changes the clients of a deleted jail
		if d.records.Delete(ctx, clientTable, clientKey(j.record.UID, id), storage.Always()) != nil {
			return
		}
	}
}

// Jails returns up to limit jails whose ids come after the given one, in the byte order of the
// ids, and whether there are more.
func (d *Directory) Jails(after string, limit int) (jails []Jail, more bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids, more := page(d.jails, after, limit)
	for _, id := range ids {
		jails = append(jails, d.jails[id].view())
	}
	return jails, more
}

// JailUID returns the uid of the jail with the id, or "" if there is none.
func (d *Directory) JailUID(id string) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if j := d.jails[id]; j != nil {
		return j.record.UID
	}
	return ""
}

// HasJail reports whether the jail with the uid exists.
func (d *Directory) HasJail(uid string) bool {
	_, err := d.jail(uid)
	return err == nil
}
