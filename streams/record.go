package streams

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/storage"
)

// topicsTable has a record under <space>/<name> for each topic with a header, a
// hold or overrides.
const topicsTable = "topics"

// record is what is stored of a topic apart from its messages.
type record struct {
	Header     jsontext.Value `json:"header,omitzero"`
	HeaderSeq  uint64         `json:"headerSeq,omitzero"` // see setHeader
	HeaderLog  string         `json:"headerLog,omitzero"`
	Held       bool           `json:"paused,omitzero"`
	Durability *Durability    `json:"durability,omitzero"`
	Age        *int64         `json:"age,omitzero"` // seconds
	Bytes      *int64         `json:"bytes,omitzero"`
	Messages   *uint64        `json:"messages,omitzero"`
}

func (r *record) isEmpty() bool {
	return r.Header == nil && r.HeaderSeq == 0 && !r.Held && r.overrides() == Overrides{}
}

func (r *record) setOverrides(o Overrides) {
	r.Durability, r.Bytes, r.Messages, r.Age = o.Durability, o.Bytes, o.Messages, nil
	if o.Age != nil {
		seconds := int64(*o.Age / time.Second)
		r.Age = &seconds
	}
}

func (r *record) overrides() Overrides {
	o := Overrides{Durability: r.Durability, Bytes: r.Bytes, Messages: r.Messages}
	if r.Age != nil {
		age := time.Duration(*r.Age) * time.Second
		o.Age = &age
	}
	return o
}

func (id ID) recordKey() string { return id.Space + "/" + id.Name }

// load makes the topics that have a record or a log on disk.
func (n *Network) load(ctx context.Context) error {
	records := map[string]record{}
	for stored, err := range n.stores.Records.List(ctx, topicsTable, "") {
		if err != nil {
			return fmt.Errorf("load topics: %w", err)
		}
		var r record
		if err := json.Unmarshal(stored.Value, &r); err != nil {
			return fmt.Errorf("load topic %q: %w", stored.Key, err)
		}
		records[stored.Key] = r
	}
	for key, err := range n.stores.Disk.Logs(ctx) {
		if err != nil {
			return fmt.Errorf("load topics: %w", err)
		}
		if err := n.loadTopic(key, records[key], true); err != nil {
			return err
		}
		delete(records, key)
	}
	for key, r := range records {
		if err := n.loadTopic(key, r, false); err != nil {
			return err
		}
	}
	return nil
}

func (n *Network) loadTopic(key string, r record, onDisk bool) error {
	space, name, _ := strings.Cut(key, "/")
	d := r.overrides().over(n.opts.Policy).Durability
	if onDisk { // its messages are there, whatever the policy says now
		d = OnDisk
	}
	t, err := newTopic(n, ID{space, name}, d)
	if err != nil {
		return err
	}
	t.set, t.held, t.overrides = r.header(), r.Held, r.overrides()
	t.told = t.stateLocked()
	t.settleLocked()
	n.addLocked(t)
	return nil
}

// Hold is the administrator's pause: it begins or ends a hold, durably. While
// the topic is held, Send returns ErrHeld, and State.Paused is true whatever the
// providers say.
func (t *Topic) Hold(ctx context.Context, held bool) error {
	return t.store(ctx, func(r *record) { r.Held = held })
}

// store changes the record in storage, and then in memory, where it takes
// effect.
func (t *Topic) store(ctx context.Context, change func(*record)) error {
	t.recordMu.Lock()
	defer t.recordMu.Unlock()
	r, err := t.record()
	if err != nil {
		return err
	}
	change(&r)
	if err := t.write(ctx, r); err != nil {
		return fmt.Errorf("store topic %q: %w", t.id.Name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set, t.overrides = r.header(), r.overrides()
	if err := t.setDurabilityLocked(t.overrides.over(t.net.opts.Policy).Durability); err != nil {
		return err
	}
	t.settleLocked()
	t.changeLocked(func() { t.held = r.Held })
	t.wakeShards()
	return nil
}

// record returns the record as it is stored, or ErrDeleted.
func (t *Topic) record() (record, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.deleted {
		return record{}, ErrDeleted
	}
	r := record{Held: t.held}
	r.setHeader(t.set)
	r.setOverrides(t.overrides)
	return r, nil
}

// write stores the record, or removes it if it is empty. That of a transient topic is
// stored nowhere.
func (t *Topic) write(ctx context.Context, r record) error {
	if t.transient {
		return ctx.Err()
	}
	if r.isEmpty() {
		return t.net.stores.Records.Delete(ctx, topicsTable, t.id.recordKey(), storage.Always())
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = t.net.stores.Records.Put(ctx, topicsTable, t.id.recordKey(), value, storage.Always())
	return err
}
