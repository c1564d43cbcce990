package groups

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/groups/progress"
	"seagate/internal/quota"
	"seagate/storage"
	"seagate/streams"
)

// groupsTable holds one record per group, under <space>/<topic>/<client>/<group>.
const groupsTable = "groups"

// record is the stored form of a group. Each run of Tried is {first, last,
// deliveries, failures}, of messages that were handed out and are not done. Spans
// are {first, last}. All numbers are sequence numbers, both ends included.
type record struct {
	Log          string      `json:"log"` // ID of the log that the sequence numbers refer to
	Position     uint64      `json:"position"`
	Began        uint64      `json:"began,omitzero"` // the first message that the group was to have
	Done         [][2]uint64 `json:"done,omitzero"`  // spans above the position
	Tried        [][4]uint64 `json:"tried,omitzero"`
	HasMembers   bool        `json:"hasMembers,omitzero"`
	ReturnedTo   bool        `json:"returnedTo,omitzero"`
	SingleUse    bool        `json:"singleUse,omitzero"`
	CreatedAt    time.Time   `json:"createdAt"`
	LastActive   time.Time   `json:"lastActive"`
	Redelivered  uint64      `json:"redelivered,omitzero"`
	DeadLettered uint64      `json:"deadLettered,omitzero"`
	Lost         uint64      `json:"lost,omitzero"`
	Untold       [][2]uint64 `json:"untold,omitzero"` // gaps that nobody has acknowledged
}

func (k Key) recordKey() string {
	return k.Topic.Space + "/" + k.Topic.Name + "/" + k.Client + "/" + k.Group
}

func parseKey(recordKey string) (Key, error) {
	parts := strings.SplitN(recordKey, "/", 4)
	if len(parts) < 4 {
		return Key{}, fmt.Errorf("groups: %q is not a key <space>/<topic>/<client>/<group>", recordKey)
	}
	return Key{streams.ID{Space: parts[0], Name: parts[1]}, parts[2], parts[3]}, nil
}

func parseRecord(value []byte) (record, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return record{}, err
	}
	return r, r.check()
}

// check returns an error for a record that no group can have written.
func (r record) check() error {
	if r.Position == 0 {
		return errors.New("position is 0, must be at least 1")
	}
	for _, s := range r.Done {
		if s[0] > s[1] || s[0] < r.Position || s[1] == math.MaxUint64 {
			return fmt.Errorf("invalid done span %d to %d at position %d", s[0], s[1], r.Position)
		}
	}
	for _, s := range r.Untold {
		if s[0] == 0 || s[0] > s[1] {
			return fmt.Errorf("invalid gap %d to %d", s[0], s[1])
		}
	}
	tried := uint64(0)
	for _, t := range r.Tried {
		if t[0] > t[1] || t[0] < r.Position || t[2] > math.MaxUint32 || t[3] > math.MaxUint32 {
			return fmt.Errorf("invalid run of attempts %d to %d at position %d", t[0], t[1], r.Position)
		}
		if n := t[1] - t[0]; n >= MaxWindow || tried+n+1 > MaxWindow {
			return fmt.Errorf("attempts of more than %d messages", MaxWindow)
		} else {
			tried += n + 1
		}
	}
	return nil
}

func (r record) progress() progress.Progress {
	p := progress.At(r.Position)
	for _, s := range r.Done {
		p.Add(s[0], s[1])
	}
	for _, t := range r.Tried {
		for seq := t[0]; seq <= t[1]; seq++ {
			p.SetAttempts(seq, progress.Attempts{Deliveries: uint32(t[2]), Failures: uint32(t[3])})
		}
	}
	return p
}

// recordLocked returns the record of the group's present state. A message in flight
// counts as one more delivery, because after a crash it is delivered again.
func (g *group) recordLocked() record {
	r := record{
		Log:          g.log,
		Position:     g.progress.Position(),
		Began:        g.began,
		Tried:        runs(g.triedLocked()),
		HasMembers:   len(g.members) > 0,
		ReturnedTo:   g.rejoined,
		SingleUse:    g.singleUse,
		CreatedAt:    g.createdAt,
		LastActive:   g.lastActive,
		Redelivered:  g.redelivered,
		DeadLettered: g.deadLettered,
		Lost:         g.lost,
	}
	if r.HasMembers {
		r.LastActive = time.Now().UTC()
	}
	for _, s := range g.progress.Spans() {
		r.Done = append(r.Done, [2]uint64{s.First, s.Last})
	}
	for _, l := range g.losses {
		r.Untold = append(r.Untold, [2]uint64{l.First, l.Last})
	}
	return r
}

// triedLocked returns the attempts of all messages that are not done, sorted by
// sequence number.
func (g *group) triedLocked() []tried {
	attempts, n := g.progress.AllAttempts()
	all := make([]tried, 0, n)
	for seq, a := range attempts {
		all = append(all, tried{seq, a.Deliveries, a.Failures})
	}
	for _, ms := range g.members {
		ms.inFlight.all(func(h *handOut) {
			seq := h.message.Seq
			all = append(all, tried{seq, h.attempt + 1, g.progress.Attempts(seq).Failures})
		})
	}
	// A message that is in flight again is there twice; the higher count remains.
	slices.SortFunc(all, tried.compare)
	return slices.CompactFunc(all, func(a, b tried) bool { return a.seq == b.seq })
}

// tried is the attempts of one message.
type tried struct {
	seq                  uint64
	deliveries, failures uint32
}

func (t tried) compare(other tried) int {
	switch {
	case t.seq < other.seq:
		return -1
	case t.seq > other.seq:
		return 1
	}
	return int(other.deliveries) - int(t.deliveries)
}

// runs joins consecutive messages with the same counts.
func runs(all []tried) (runs [][4]uint64) {
	for _, t := range all {
		n := len(runs) - 1
		if n >= 0 && runs[n][1]+1 == t.seq && runs[n][2] == uint64(t.deliveries) && runs[n][3] == uint64(t.failures) {
			runs[n][1] = t.seq
			continue
		}
		runs = append(runs, [4]uint64{t.seq, t.seq, uint64(t.deliveries), uint64(t.failures)})
	}
	return runs
}

// put writes a record, and returns the size of its value. It returns a *quota.Exceeded if the space
// may not store so much. g.recordMu is held.
func (g *group) put(ctx context.Context, r record) (size int, err error) {
	value, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	if err := g.charge(len(value)); err != nil {
		return 0, fmt.Errorf("store group %q: %w", g.key.Group, err)
	}
	if _, err := g.registry.records.Put(ctx, groupsTable, g.key.recordKey(), value, storage.Always()); err != nil {
		return 0, fmt.Errorf("store group %q: %w", g.key.Group, err)
	}
	return len(value), nil
}

func (g *group) account() *quota.Account {
	return g.registry.opts.Quotas.Account(g.key.Topic.Space)
}

// charge makes the group cost what a record with a value of so many bytes does, on disk and in
// memory. At the end of the registry it refuses nothing, so that what was acknowledged is not
// delivered again. g.recordMu is held, or nobody else knows the group.
func (g *group) charge(value int) error {
	stored, memory := g.cost(value)
	if g.registry.closed.Load() {
		g.charged.Set(g.account(), stored, memory)
		return nil
	}
	return g.charged.Grow(g.account(), stored, memory)
}

// cost returns what a group with a record of that size costs while all of its progress is in memory.
func (g *group) cost(value int) (stored, memory int64) {
	key := g.key.recordKey()
	return quota.RecordBytes(key, value), quota.RecordBytes(key, 0) + int64(value)
}

// settle charges a group for its stored record, and for its progress in memory, which is only a
// summary if partial.
func (g *group) settle(value int, partial bool) {
	stored, memory := g.cost(value)
	if partial {
		_, memory = g.cost(0)
	}
	g.charged.Set(g.account(), stored, memory)
}

// load reads the whole progress from the record, if the group holds only a
// summary. A group with members holds all of it. g.recordMu is held.
func (g *group) load(ctx context.Context) error {
	g.mu.Lock()
	partial, whole, log := g.partial, progress.At(g.progress.Position()), g.log
	g.mu.Unlock()
	if !partial {
		return nil
	}
	stored, err := g.registry.records.Get(ctx, groupsTable, g.key.recordKey())
	switch {
	case errors.Is(err, storage.ErrNotFound): // a deletion that reported an error took effect
	case err != nil:
		return fmt.Errorf("load group %q: %w", g.key.Group, err)
	default:
		r, err := parseRecord(stored.Value)
		if err != nil {
			return fmt.Errorf("load group %q: %w", stored.Key, err)
		}
		whole, log = r.progress(), r.Log
	}
	g.settle(len(stored.Value), false)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.progress, g.log, g.partial = whole, log, false
	return nil
}

// shrinkLocked saves memory: it keeps only what List and Overview need of a group
// without members, if its record has the rest.
func (g *group) shrinkLocked() {
	if g.state != resting || len(g.deadLettering) > 0 || g.dirty || g.partial {
		return
	}
	summary, whole := g.progress.Summary()
	g.progress, g.partial = summary, !whole
}

// fromRecord returns the group that a record describes.
func (r *Registry) fromRecord(stored storage.Record) (*group, error) {
	key, err := parseKey(stored.Key)
	if err != nil {
		return nil, err
	}
	rec, err := parseRecord(stored.Value)
	if err != nil {
		return nil, fmt.Errorf("load group %q: %w", stored.Key, err)
	}
	g := &group{
		registry:     r,
		key:          key,
		state:        resting,
		progress:     rec.progress(),
		log:          rec.Log,
		began:        rec.Began,
		createdAt:    rec.CreatedAt,
		lastActive:   rec.LastActive,
		rejoined:     rec.ReturnedTo,
		singleUse:    rec.SingleUse,
		redelivered:  rec.Redelivered,
		deadLettered: rec.DeadLettered,
		lost:         rec.Lost,
	}
	for _, s := range rec.Untold {
		g.loseLocked(progress.Span{First: s[0], Last: s[1]})
	}
	if rec.HasMembers { // until a crash, whose time is unknown
		g.lastActive = time.Now().UTC()
		g.markLocked()
	}
	return g, nil
}
