package streams

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"seagate/storage"
)

// topicsTable holds, under <space>/<name>, what outlives the process of each
// topic that has any of it.
const topicsTable = "topics"

// record is what is stored of a topic.
type record struct {
	Header jsontext.Value `json:"header,omitzero"`
	Paused bool           `json:"paused,omitzero"`
}

func (id ID) recordKey() string { return id.Space + "/" + id.Name }

// load makes the topics that have a record.
func (n *Network) load(ctx context.Context) error {
	for stored, err := range n.records.List(ctx, topicsTable, "") {
		if err != nil {
			return fmt.Errorf("load topics: %w", err)
		}
		space, name, _ := strings.Cut(stored.Key, "/")
		t := newTopic(n, ID{space, name})
		var r record
		if err := json.Unmarshal(stored.Value, &r); err != nil {
			return fmt.Errorf("load topic %q: %w", stored.Key, err)
		}
		t.header, t.paused = r.Header, r.Paused
		if n.spaces[space] == nil {
			n.spaces[space] = map[string]*Topic{}
		}
		n.spaces[space][name] = t
	}
	return nil
}

// Header returns the header, or nil if there is none. It is shared: not to be
// changed.
func (t *Topic) Header() []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.header
}

// SetHeader replaces the header, a JSON value, durably. Who joins from then on
// gets it; who listens already does not. nil clears it.
func (t *Topic) SetHeader(ctx context.Context, header []byte) error {
	return t.store(ctx, func(r *record) { r.Header = header })
}

// SetPaused pauses or resumes the topic, durably. While it is paused Send
// refuses.
func (t *Topic) SetPaused(ctx context.Context, paused bool) error {
	return t.store(ctx, func(r *record) { r.Paused = paused })
}

// store changes the record, first in storage and then for everyone to see.
func (t *Topic) store(ctx context.Context, change func(*record)) error {
	t.recordMu.Lock()
	defer t.recordMu.Unlock()
	t.mu.RLock()
	r, deleted := record{Header: t.header, Paused: t.paused}, t.deleted
	t.mu.RUnlock()
	if deleted {
		return ErrDeleted
	}
	change(&r)
	if err := t.write(ctx, r); err != nil {
		return fmt.Errorf("store topic %q: %w", t.id.Name, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.header = r.Header
	t.changeLocked(func() { t.paused = r.Paused })
	t.moved()
	return nil
}

func (t *Topic) write(ctx context.Context, r record) error {
	if r.Header == nil && !r.Paused {
		return t.net.records.Delete(ctx, topicsTable, t.id.recordKey(), storage.Always())
	}
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = t.net.records.Put(ctx, topicsTable, t.id.recordKey(), value, storage.Always())
	return err
}
