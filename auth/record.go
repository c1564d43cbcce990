package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"seagate/storage"
)

// What is stored, as JSON:
//
//	table "jails",   key <jail id>               jailRecord
//	table "clients", key <jail uid>/<client id>  clientRecord
//
// A write is of one record, so whatever spans two is ordered: a jail's record
// comes after its first client and goes before its last. What a crash leaves
// between is a client of a jail that is not there, which Open removes.
const (
	jailTable   = "jails"
	clientTable = "clients"
)

type jailRecord struct {
	UID       string    `json:"uid"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

type clientRecord struct {
	UID         string       `json:"uid"`
	Description string       `json:"description"`
	CreatedAt   time.Time    `json:"createdAt"`
	Secret      secretRecord `json:"secret"`
	Key         *keyRecord   `json:"key,omitempty"`
}

// Bounds of what people may write.
const (
	MaxID          = 255  // bytes of a jail's or client's id
	MaxDescription = 1024 // bytes of a client's description or a jail's name
)

// CheckID returns an error that wraps ErrInvalidName unless id can be the id of
// a jail or client here: 1 to MaxID bytes of UTF-8 without control characters,
// the slash that ends a jail in a record's key, and the colon that ends the
// client id in HTTP Basic (RFC 7617 §2). What ids people may choose is for the
// protocol to say; this is what has to hold for the records to be safe.
func CheckID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidName)
	case len(id) > MaxID:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrInvalidName, MaxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalidName)
	}
	for _, r := range id {
		if r == '/' || r == ':' || unicode.IsControl(r) {
			return fmt.Errorf("%w: %q has a slash, a colon or a control character", ErrInvalidName, id)
		}
	}
	return nil
}

func checkDescription(text string) error {
	switch {
	case len(text) > MaxDescription:
		return fmt.Errorf("%w: it is longer than %d bytes", ErrInvalidDescription, MaxDescription)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: it is not UTF-8", ErrInvalidDescription)
	}
	return nil
}

func clientKey(jailUID, id string) string { return jailUID + "/" + id }

func splitClientKey(key string) (jailUID, id string) {
	jailUID, id, _ = strings.Cut(key, "/")
	return jailUID, id
}

// decode refuses members that it does not know: they are of a newer version,
// and would be lost at the next write.
func decode(table string, r storage.Record, into any) error {
	if err := json.Unmarshal(r.Value, into, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("record %q of table %q: %w", r.Key, table, err)
	}
	return nil
}

func decodeClient(j *jail, r storage.Record, before *client) (*client, error) {
	var record clientRecord
	if err := decode(clientTable, r, &record); err != nil {
		return nil, err
	}
	_, id := splitClientKey(r.Key)
	if err := record.Secret.check(); err != nil {
		return nil, fmt.Errorf("record %q of table %q: %w", r.Key, clientTable, err)
	}
	c, err := newClient(j, id, record, r.Revision, before)
	if err != nil {
		return nil, fmt.Errorf("record %q of table %q: %w", r.Key, clientTable, err)
	}
	return c, nil
}

// put encodes a record and writes it over what cond says.
func (d *Directory) put(ctx context.Context, table, key string, record any, cond storage.Condition) (uint64, error) {
	value, err := json.Marshal(record)
	if err != nil {
		return 0, fmt.Errorf("encoding record %q of table %q: %w", key, table, err)
	}
	revision, err := d.records.Put(ctx, table, key, value, cond)
	if err != nil {
		return 0, fmt.Errorf("writing record %q of table %q: %w", key, table, err)
	}
	return revision, nil
}

func (d *Directory) load(ctx context.Context) error {
	for r, err := range d.records.List(ctx, jailTable, "") {
		if err != nil {
			return fmt.Errorf("reading table %q: %w", jailTable, err)
		}
		j, err := d.decodeJail(ctx, r)
		if err != nil {
			return err
		}
		d.adoptJail(j.id, j)
	}
	return d.removeOrphans(ctx)
}

func (d *Directory) decodeJail(ctx context.Context, r storage.Record) (*jail, error) {
	j := &jail{id: r.Key, clients: map[string]*client{}}
	if err := decode(jailTable, r, &j.record); err != nil {
		return nil, err
	}
	for r, err := range d.records.List(ctx, clientTable, clientKey(j.record.UID, "")) {
		if err != nil {
			return nil, fmt.Errorf("reading table %q: %w", clientTable, err)
		}
		c, err := decodeClient(j, r, nil)
		if err != nil {
			return nil, err
		}
		j.clients[c.id] = c
	}
	return j, nil
}

func (d *Directory) removeOrphans(ctx context.Context) error {
	var orphans []string
	for r, err := range d.records.List(ctx, clientTable, "") {
		if err != nil {
			return fmt.Errorf("reading table %q: %w", clientTable, err)
		}
		if jailUID, _ := splitClientKey(r.Key); d.uids[jailUID] == nil {
			orphans = append(orphans, r.Key)
		}
	}
	for _, key := range orphans {
		if err := d.records.Delete(ctx, clientTable, key, storage.Always()); err != nil {
			return fmt.Errorf("removing record %q of table %q, whose jail is gone: %w", key, clientTable, err)
		}
	}
	return nil
}

// reread adopts what is stored of a client, after a conflict.
func (d *Directory) reread(ctx context.Context, j *jail, id string) error {
	key := clientKey(j.record.UID, id)
	r, err := d.records.Get(ctx, clientTable, key)
	if errors.Is(err, storage.ErrNotFound) {
		d.adopt(j, id, nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading record %q of table %q: %w", key, clientTable, err)
	}
	c, err := decodeClient(j, r, d.lookup(j, id))
	if err != nil {
		return err
	}
	d.adopt(j, id, c)
	return nil
}

// rereadJail adopts what is stored of a jail, after a conflict.
func (d *Directory) rereadJail(ctx context.Context, id string) error {
	r, err := d.records.Get(ctx, jailTable, id)
	if errors.Is(err, storage.ErrNotFound) {
		d.adoptJail(id, nil)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading record %q of table %q: %w", id, jailTable, err)
	}
	j, err := d.decodeJail(ctx, r)
	if err != nil {
		return err
	}
	d.adoptJail(id, j)
	return nil
}
