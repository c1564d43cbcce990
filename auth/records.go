package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"seagate/storage"
)

// The stored records, as JSON:
//
//	table "jails",   key <jail id>               jailRecord
//	table "clients", key <jail uid>/<client id>  clientRecord
//
// A write changes one record. A jail's record is therefore written after that of its first
// client, and deleted before those of its clients. A crash in between leaves clients of a jail
// that does not exist, which Open removes.
const (
	jailTable   = "jails"
	clientTable = "clients"
)

type jailRecord struct {
	UID       string    `json:"uid"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`

	// Quotas are the jail's own limits by the names of the resources. A jail
	// without any has none, so that earlier releases can read its record.
	Quotas map[string]int64 `json:"quotas,omitempty"`
}

type clientRecord struct {
	UID         string       `json:"uid"`
	Description string       `json:"description"`
	CreatedAt   time.Time    `json:"createdAt"`
	Secret      secretRecord `json:"secret"`
	Keys        []keyRecord  `json:"keys,omitempty"`
	JWKS        *jwksRecord  `json:"jwks,omitempty"`    // where Keys come from, if it is a URL
	Tokens      *TokenRules  `json:"tokens,omitempty"`  // what its tokens must be; nil for no rules
	Revoked     revokedIDs   `json:"revoked,omitempty"` // of single tokens
	Rights      *Rights      `json:"rights,omitempty"`  // nil for all
	Old         *oldSecret   `json:"old,omitempty"`     // the secret before Secret, if it was kept

	// Key is the only key of a client in a record of an earlier release. It is read into Keys.
	Key *keyRecord `json:"key,omitempty"`
}

// An oldSecret is a secret that was rotated, and is valid until a time.
type oldSecret struct {
	Secret secretRecord `json:"secret"`
	Until  time.Time    `json:"until"`
}

// withoutEnded returns the record without what has ended.
func (r clientRecord) withoutEnded() clientRecord {
	if !r.Old.isCurrent() {
		r.Old = nil
	}
	r.Keys = slices.DeleteFunc(slices.Clone(r.Keys), func(k keyRecord) bool { return !k.isCurrent() })
	r.Revoked = r.Revoked.current()
	return r
}

func (o *oldSecret) isCurrent() bool { return o != nil && time.Now().Before(o.Until) }

// Limits of texts.
const (
	MaxID          = 255  // bytes of a jail's or client's id
	MaxDescription = 1024 // bytes of a client's description or a jail's name
)

// checkID returns an error that wraps ErrInvalidName unless id is safe as a jail's or client's
// id: 1 to MaxID bytes of UTF-8 without control characters, without the slash, which separates
// the parts of a record's key, and without the colon, which ends the client id in HTTP Basic (RFC
// 7617 §2). Package protocol restricts ids further.
func checkID(id string) error {
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

// put encodes a record and writes it under the condition. It returns the new revision.
func (d *Directory) put(ctx context.Context, table, key string, record any, cond storage.Condition) (uint64, error) {
	value, err := encode(table, key, record)
	if err != nil {
		return 0, err
	}
	return d.putEncoded(ctx, table, key, value, cond)
}

func encode(table, key string, record any) ([]byte, error) {
	value, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encoding record %q of table %q: %w", key, table, err)
	}
	return value, nil
}

func (d *Directory) putEncoded(ctx context.Context, table, key string, value []byte, cond storage.Condition) (uint64, error) {
	revision, err := d.records.Put(ctx, table, key, value, cond)
	if err != nil {
		return 0, fmt.Errorf("writing record %q of table %q: %w", key, table, err)
	}
	return revision, nil
}

// get returns a record, or nil if there is none.
func (d *Directory) get(ctx context.Context, table, key string) (*storage.Record, error) {
	r, err := d.records.Get(ctx, table, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading record %q of table %q: %w", key, table, err)
	}
	return &r, nil
}

// decode refuses unknown members: a newer version wrote them, and the next write would lose
// them.
func decode(table string, r storage.Record, into any) error {
	if err := json.Unmarshal(r.Value, into, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("record %q of table %q: %w", r.Key, table, err)
	}
	return nil
}

func decodeClient(j *jail, r storage.Record) (*client, error) {
	var record clientRecord
	if err := decode(clientTable, r, &record); err != nil {
		return nil, err
	}
	_, id, _ := strings.Cut(r.Key, "/")
	if record.Key != nil {
		record.Keys, record.Key = append(record.Keys, *record.Key), nil
	}
	err := record.Secret.check()
	if err == nil && record.Old != nil {
		err = record.Old.Secret.check()
	}
	var c *client
	if err == nil {
		c, err = j.newClient(id, record, r.Revision)
	}
	if err != nil {
		return nil, fmt.Errorf("record %q of table %q: %w", r.Key, clientTable, err)
	}
	c.stored = len(r.Value)
	return c, nil
}

// decodeJail returns the jail with all its clients, which it reads.
func (d *Directory) decodeJail(ctx context.Context, r storage.Record) (*jail, error) {
	var record jailRecord
	if err := decode(jailTable, r, &record); err != nil {
		return nil, err
	}
	if err := record.checkQuotas(); err != nil {
		return nil, fmt.Errorf("record %q of table %q: %w", r.Key, jailTable, err)
	}
	j := newJail(r.Key, record)
	for r, err := range d.records.List(ctx, clientTable, clientKey(record.UID, "")) {
		if err != nil {
			return nil, fmt.Errorf("reading table %q: %w", clientTable, err)
		}
		c, err := decodeClient(j, r)
		if err != nil {
			return nil, err
		}
		j.clients[c.id] = c
	}
	return j, nil
}

func (d *Directory) load(ctx context.Context) error {
	// The time of an old secret may be over before everything is loaded: see endLater.
	if err := d.changing.Take(ctx, ""); err != nil {
		return err
	}
	defer d.changing.Give()
	for r, err := range d.records.List(ctx, jailTable, "") {
		if err != nil {
			return fmt.Errorf("reading table %q: %w", jailTable, err)
		}
		j, err := d.decodeJail(ctx, r)
		if err != nil {
			return err
		}
		d.setJail(j.id, j)
		for _, c := range j.clients {
			d.endLater(c)
		}
	}
	return d.removeOrphans(ctx)
}

// removeOrphans deletes the records of clients whose jail does not exist.
func (d *Directory) removeOrphans(ctx context.Context) error {
	var orphans []string
	for r, err := range d.records.List(ctx, clientTable, "") {
		if err != nil {
			return fmt.Errorf("reading table %q: %w", clientTable, err)
		}
		if jailUID, _, _ := strings.Cut(r.Key, "/"); d.uids[jailUID] == nil {
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

// reloadClient adopts the stored client. Only a change calls it, after a conflict.
func (d *Directory) reloadClient(ctx context.Context, j *jail, id string) error {
	r, err := d.get(ctx, clientTable, clientKey(j.record.UID, id))
	if err != nil {
		return err
	}
	var c *client
	if r != nil {
		if c, err = decodeClient(j, *r); err != nil {
			return err
		}
	}
	d.adoptClient(j, id, c)
	return nil
}

// reloadJail adopts the stored jail. Only a change calls it, after a conflict.
func (d *Directory) reloadJail(ctx context.Context, id string) error {
	r, err := d.get(ctx, jailTable, id)
	if err != nil {
		return err
	}
	var j *jail
	if r != nil {
		if j, err = d.decodeJail(ctx, *r); err != nil {
			return err
		}
	}
	d.adoptJail(id, j)
	return nil
}
