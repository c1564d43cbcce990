package groups

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"seagate/storage"
	"seagate/streams"
)

// A Stat is a snapshot of a group.
type Stat struct {
	Key      Key
	Members  int
	Explicit int // how many of the members are explicit

	// Abandoned: nobody is expected to come back; see Options.AbandonedTimeout.
	Abandoned bool

	// Position is the number of the first message that the group is not done
	// with; it may be the number of the next message. Lag is how many messages
	// the group is not done with. That includes messages in flight, and those that
	// retention removed without the group having noticed yet. LagTime is the age
	// of the oldest of them that still exists, or 0 if there is none.
	Position uint64
	Lag      uint64
	LagTime  time.Duration
	Trend    Trend

	InFlight     int // messages handed out and not acknowledged
	Redelivered  uint64
	DeadLettered uint64
	Lost         uint64 // messages that retention removed before the group was done with them
	CreatedAt    time.Time
	LastActive   time.Time // when it last had members
}

// statLocked returns everything except LagTime, which needs a message to be read. b
// is the bounds of the topic.
func (g *group) statLocked(b storage.Bounds) Stat {
	s := Stat{
		Key:          g.key,
		Members:      len(g.members),
		Abandoned:    g.isAbandonedLocked(),
		Redelivered:  g.redelivered,
		DeadLettered: g.deadLettered,
		Lost:         g.lost,
		CreatedAt:    g.createdAt,
		LastActive:   g.lastActive,
	}
	s.InFlight = g.inFlightLocked()
	for _, ms := range g.members {
		if ms.inFlight.explicit {
			s.Explicit++
		}
	}
	if s.Members > 0 {
		s.LastActive = time.Now().UTC()
	}
	s.Position, s.Lag = g.lagLocked(b)
	s.Trend = g.trendLocked()
	return s
}

// lagLocked returns Stat.Position and Stat.Lag. A group without members whose log was
// recreated notices it only at the next Join, so lagLocked already counts from 1.
func (g *group) lagLocked(b storage.Bounds) (position, lag uint64) {
	position, above := g.progress.Position(), g.progress.DoneAbove()
	if b.ID == "" { // there is no topic
		return position, 0
	}
	if g.in == nil && g.log != b.ID {
		position, above = 1, 0
	}
	position = min(position, b.Next)
	if lag = b.Next - position; lag < above {
		return position, 0
	}
	return position, lag - above
}

// inFlightLocked returns how many messages the members have in flight.
func (g *group) inFlightLocked() (n int) {
	for _, ms := range g.members {
		n += ms.inFlight.live
	}
	return n
}

func (r *Registry) bounds(id streams.ID) (*streams.Topic, storage.Bounds) {
	topic, ok := r.network.Lookup(id)
	if !ok {
		return nil, storage.Bounds{}
	}
	return topic, topic.Bounds()
}

// stat returns a complete Stat. It returns ErrNotFound if the group no longer
// exists.
func (g *group) stat(ctx context.Context, topic *streams.Topic, b storage.Bounds) (Stat, error) {
	g.mu.Lock()
	s, exists := g.statLocked(b), g.existsLocked()
	g.mu.Unlock()
	if !exists {
		return Stat{}, ErrNotFound
	}
	if s.Lag == 0 {
		return s, nil
	}
	oldest, err := timeOf(ctx, topic, s.Position, b)
	if err != nil {
		return Stat{}, err
	}
	if !oldest.IsZero() {
		s.LagTime = max(0, time.Since(oldest))
	}
	return s, nil
}

// timeOf returns the time of a message, or of the first that exists if it was
// trimmed. It returns the zero time if there is none.
func timeOf(ctx context.Context, topic *streams.Topic, seq uint64, b storage.Bounds) (time.Time, error) {
	if seq <= b.First {
		return b.FirstTime, nil
	}
	run, err := topic.Read(ctx, seq, 1, 1)
	switch {
	case errors.Is(err, storage.ErrTrimmed):
		return topic.Bounds().FirstTime, nil
	case errors.Is(err, streams.ErrDeleted):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	case len(run) == 0:
		return time.Time{}, nil
	}
	return run[0].Time, nil
}

// Get returns a snapshot of a group, or ErrNotFound. It may read a message from the
// store.
func (t *Topic) Get(ctx context.Context, name Name) (Stat, error) {
	g := t.find(name)
	if g == nil {
		return Stat{}, ErrNotFound
	}
	topic, b := t.registry.bounds(t.id)
	return g.stat(ctx, topic, b)
}

func (n Name) compare(other Name) int {
	return cmp.Or(cmp.Compare(n.Client, other.Client), cmp.Compare(n.Group, other.Group))
}

func compareNames(a, b *group) int { return a.key.Name().compare(b.key.Name()) }

// MaxPage is the largest number of groups that one call of List returns.
const MaxPage = 1000

// List returns the groups of a topic sorted by name: those whose name is greater
// than after, or all if after is nil. It returns at most limit groups, and at most
// MaxPage; a limit of 0 or less means MaxPage. more reports whether other groups
// follow. List may read one message per group from the store.
func (t *Topic) List(ctx context.Context, after *Name, limit int) (page []Stat, more bool, err error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	found := least[*group]{n: limit + 1, compare: compareNames}
	current := t.lockCurrent()
	for name, g := range current.groups {
		if after == nil || name.compare(*after) > 0 {
			found.add(g)
		}
	}
	current.mu.Unlock()
	topic, b := t.registry.bounds(t.id)
	for i, g := range found.items {
		if i == limit {
			return page, true, nil
		}
		switch s, err := g.stat(ctx, topic, b); {
		case err == nil:
			page = append(page, s)
		case err != ErrNotFound:
			return nil, false, err
		}
	}
	return page, false, nil
}

// least keeps the n lowest of the items that were added, sorted.
type least[T any] struct {
	n       int
	compare func(a, b T) int
	items   []T
}

func (l *least[T]) add(item T) {
	if len(l.items) == l.n {
		if l.n == 0 || l.compare(item, l.items[l.n-1]) >= 0 {
			return
		}
		l.items = l.items[:l.n-1]
	}
	i, _ := slices.BinarySearchFunc(l.items, item, l.compare)
	l.items = slices.Insert(l.items, i, item)
}

// An Overview is a summary of all groups, for metrics.
type Overview struct {
	Groups    int
	Abandoned int // of the groups; see Options.AbandonedTimeout
	Members   int
	InFlight  int   // messages handed out and not acknowledged
	Held      int64 // bytes of them, and of those that wait to be handed out again

	// Totals since the registry was opened.
	Redelivered, DeadLettered, Lost uint64

	// Worst is the groups with the highest lag, highest first. Groups without lag and
	// abandoned groups are left out. LagTime is not set.
	Worst []Stat
}

// Overview returns the totals, and the n groups with the highest lag. It reads no
// messages, and takes some hundred nanoseconds per group.
func (r *Registry) Overview(n int) Overview {
	o := Overview{Redelivered: r.redelivered.Load(), DeadLettered: r.deadLettered.Load(), Lost: r.lost.Load()}
	worst := least[lagging]{n: max(n, 0), compare: func(a, b lagging) int {
		return cmp.Or(cmp.Compare(b.lag, a.lag), compareNames(a.group, b.group))
	}}
	for g, b := range r.withBounds() {
		if lag := o.count(g, b); lag > 0 {
			worst.add(lagging{g, lag, b})
		}
	}
	for _, l := range worst.items {
		l.group.mu.Lock()
		o.Worst = append(o.Worst, l.group.statLocked(l.bounds))
		l.group.mu.Unlock()
	}
	return o
}

// withBounds yields all groups with the bounds of the logs of their topics.
func (r *Registry) withBounds() iter.Seq2[*group, storage.Bounds] {
	return func(yield func(*group, storage.Bounds) bool) {
		var of streams.ID // the topic of b: the groups of a topic are next to each other
		var b storage.Bounds
		for _, g := range r.all(nil) {
			if g.key.Topic != of {
				of = g.key.Topic
				_, b = r.bounds(of)
			}
			if !yield(g, b) {
				return
			}
		}
	}
}

// lagging is a group with its lag.
type lagging struct {
	group  *group
	lag    uint64
	bounds storage.Bounds
}

// count adds a group to the totals, if it exists, and returns its lag. That of an
// abandoned group is 0: nobody reads the messages that it counts.
func (o *Overview) count(g *group, b storage.Bounds) (lag uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.existsLocked() {
		return 0
	}
	o.Groups++
	o.Members += len(g.members)
	o.InFlight += g.inFlightLocked()
	o.Held += g.heldLocked()
	if g.isAbandonedLocked() {
		o.Abandoned++
		return 0
	}
	_, lag = g.lagLocked(b)
	return lag
}
