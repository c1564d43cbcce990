package groups

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"seagate/storage"
	"seagate/streams"
)

// A Stat is a group at one moment.
type Stat struct {
	Key      Key
	Members  int
	Explicit int // those of the members that acknowledge explicitly

	// Position is the number of the first message that the group is not done
	// with, or that of the next one. Lag is how many messages it is not done
	// with, those included that it was handed, or lost and has not noticed;
	// LagTime the age of the oldest of them that is still there, 0 if there
	// is none.
	Position uint64
	Lag      uint64
	LagTime  time.Duration

	InFlight     int // messages handed out and not acknowledged
	Redelivered  uint64
	DeadLettered uint64
	Lost         uint64 // messages that retention removed before the group was done with them
	CreatedAt    time.Time
	LastActive   time.Time // when it last had members
}

// statLocked returns what can be said without reading messages, of a topic
// with these bounds.
func (g *group) statLocked(b storage.Bounds) Stat {
	s := Stat{
		Key:          g.key,
		Members:      len(g.members),
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
	return s
}

// lagLocked returns the position and how far it is behind. A group without
// members finds out when it is joined that its log is another one.
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

// inFlightLocked is how many messages members have been handed.
func (g *group) inFlightLocked() (n int) {
	for _, ms := range g.members {
		n += ms.inFlight.live
	}
	return n
}

func (r *Registry) bounds(id streams.ID) (*streams.Topic, storage.Bounds) {
	topic, ok := r.lookup(id)
	if !ok {
		return nil, storage.Bounds{}
	}
	return topic, topic.Bounds()
}

// stat returns a Stat with everything. It returns ErrNotFound if there is no
// such group any more.
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

// timeOf returns the time of a message, or of the first that is there.
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

// Get returns a group as it is now, or ErrNotFound. It may read a message.
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

// MaxPage is the most groups that List returns at a time.
const MaxPage = 1000

// List returns the groups of a topic in the order of their names: those behind
// after, or from the first on if it is nil. It returns at most limit of them,
// and never more than MaxPage; with a limit that is not positive, MaxPage. more
// says whether there are others. It may read a message of each.
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

// least keeps the n least of many items, in order.
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

// An Overview is all groups at one moment, for whoever watches them.
type Overview struct {
	Groups   int
	Members  int
	InFlight int // messages handed out and not acknowledged

	// Since the registry was opened.
	Redelivered, DeadLettered, Lost uint64

	// Worst are those of the groups that lag with the highest lag, the highest
	// first, without their LagTime.
	Worst []Stat
}

// Overview returns the totals, and the n groups with the highest lag. It reads
// no messages, and takes some hundred nanoseconds for each group.
func (r *Registry) Overview(n int) Overview {
	o := Overview{Redelivered: r.redelivered.Load(), DeadLettered: r.deadLettered.Load(), Lost: r.lost.Load()}
	worst := least[lagging]{n: max(n, 0), compare: func(a, b lagging) int {
		return cmp.Or(cmp.Compare(b.lag, a.lag), compareNames(a.group, b.group))
	}}
	var of streams.ID // whose bounds are b; those of a topic come together
	var b storage.Bounds
	for _, g := range r.all(nil) {
		if g.key.Topic != of {
			of = g.key.Topic
			_, b = r.bounds(of)
		}
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

// lagging is a group with its lag.
type lagging struct {
	group  *group
	lag    uint64
	bounds storage.Bounds
}

// count adds a group, if it is there, to the totals and returns its lag.
func (o *Overview) count(g *group, b storage.Bounds) (lag uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.existsLocked() {
		return 0
	}
	o.Groups++
	o.Members += len(g.members)
	o.InFlight += g.inFlightLocked()
	_, lag = g.lagLocked(b)
	return lag
}
