package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"seagate/groups"
	"seagate/internal/quota"
	"seagate/internal/sorted"
	"seagate/internal/turns"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// schemasTable holds one record per defined stream, under <jail>/<stream>.
const schemasTable = "schemas"

var (
	// ErrNotFound reports that there is no such stream.
	ErrNotFound = errors.New("catalog: no such stream")
	// ErrTooManyStreams reports that the jail has defined as many streams as it may.
	ErrTooManyStreams = errors.New("catalog: the jail has too many streams")
	// ErrBadName reports that a jail's name is empty or has a slash, that a
	// stream's name is empty, or that a definition names another stream.
	ErrBadName = errors.New("catalog: bad name of a jail or stream")
)

// Options of a Catalog.
type Options struct {
	Streams  int // the most that may be defined in one jail, without Parts.Quotas
	Services int // the most services that may be defined in one jail
	Rules    schema.Rules
	Limits   schema.Limits
}

// Parts are what a Catalog is built on. It closes none of them.
type Parts struct {
	Records storage.Records
	Network *streams.Network
	Groups  *groups.Registry
	Quotas  *quota.Book // may be nil
}

// A Catalog is the streams of all jails. Safe for concurrent use.
type Catalog struct {
	Parts
	Services *Services

	opts  Options
	table *table

	streams sync.Map            // streams.ID to *Stream
	turns   turns.Each[*Stream] // held by whoever writes a stream's record or deletes the stream
	made    func(streams.ID)

	transientEnded func(streams.ID)

	mu    sync.Mutex // guards jails, and is held where streams is changed
	jails map[string]*jail
}

// A jail holds the names of a jail's streams for List and for the bound on
// them.
type jail struct {
	names   sorted.Names
	defined int // streams that have a schema, or are getting their first
}

// New loads the catalog from storage. It fails if it cannot read a record:
// without its history a stream could be defined again from any version.
func New(ctx context.Context, parts Parts, opts Options) (*Catalog, error) {
	c := &Catalog{Parts: parts, opts: opts, jails: map[string]*jail{}, made: func(streams.ID) {}, transientEnded: func(streams.ID) {}}
	c.table = &table{parts.Records, schemasTable, opts, parts.Quotas, c.reserve, c.count}
	if err := c.table.load(ctx, func(id streams.ID) *record { return &c.add(id).record }); err != nil {
		return nil, err
	}
	var err error
	if c.Services, err = newServices(ctx, parts.Records, parts.Quotas, opts); err != nil {
		return nil, err
	}
	for _, space := range c.Network.Spaces() {
		for _, name := range c.Network.Names(space) {
			c.add(streams.ID{Space: space, Name: name})
		}
	}
	return c, nil
}

// OnMade lets f be called after a stream has got its first definition or a transient
// topic, and sometimes without such a reason. f must not block. OnMade must be called once
// at most, before the catalog is used.
func (c *Catalog) OnMade(f func(streams.ID)) { c.made = f }

// OnTransientEnded lets f be called after a transient topic was deleted, whoever deleted it,
// while the turn of its stream is held. So f must not block, and must not write to the
// stream. OnTransientEnded must be called once at most, before the catalog is used.
func (c *Catalog) OnTransientEnded(f func(streams.ID)) { c.transientEnded = f }

// Lookup returns the stream, or nil if there is none. It takes no lock and
// allocates nothing but the key.
func (c *Catalog) Lookup(id streams.ID) *Stream {
	if s, ok := c.streams.Load(id); ok {
		return s.(*Stream)
	}
	return nil
}

// Open returns the stream with its topic, and makes what is missing, without a
// schema. Its errors are those of Stream.Topic.
func (c *Catalog) Open(id streams.ID) (*Stream, error) {
	for {
		s := c.add(id)
		_, err := s.Topic()
		if err != nil {
			s.tryRemoveUnused()
		}
		if err != streams.ErrDeleted || !s.isRemoved() {
			return s, err
		}
	}
}

// OpenTransient is Open for a stream that the process takes with it when it ends: see
// streams.Network.Transient. If the stream has a topic already, it stays as it is.
func (c *Catalog) OpenTransient(id streams.ID, o streams.Overrides) (*Stream, error) {
	for {
		s := c.add(id)
		err := s.openTransient(o)
		if err != nil {
			s.tryRemoveUnused()
		} else {
			c.made(id)
		}
		if err != streams.ErrDeleted || !s.isRemoved() {
			return s, err
		}
	}
}

// add returns the stream. If there is none, it adds one to the catalog.
func (c *Catalog) add(id streams.ID) *Stream {
	if s := c.Lookup(id); s != nil {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.Lookup(id); s != nil {
		return s
	}
	s := &Stream{catalog: c, record: record{table: c.table, id: id}}
	c.streams.Store(id, s)
	j := c.jails[id.Space]
	if j == nil {
		j = &jail{}
		c.jails[id.Space] = j
	}
	j.names.Add(id.Name)
	return s
}

// remove removes a stream from the maps.
func (c *Catalog) remove(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Lookup(s.ID()) != s {
		return
	}
	c.streams.Delete(s.ID())
	j := c.jails[s.ID().Space]
	j.names.Remove(s.ID().Name)
	if len(j.names) == 0 {
		delete(c.jails, s.ID().Space)
	}
}

// isOwn reports whether the stream is the gateway's own, such as that of the audit: no client can
// define it, since its name begins with what no name of theirs has. It is not counted among the
// streams of its jail. What it stores is charged as that of any other.
func isOwn(id streams.ID) bool { return strings.HasPrefix(id.Name, "$") }

// reserve counts a stream before it gets its first schema, so that concurrent
// definitions cannot exceed the bound together.
func (c *Catalog) reserve(id streams.ID) error {
	if isOwn(id) {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.roomLocked(id.Space); err != nil {
		return err
	}
	c.countLocked(id, 1)
	return nil
}

// count changes the number of a jail's defined streams.
func (c *Catalog) count(id streams.ID, by int) {
	if isOwn(id) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.countLocked(id, by)
}

func (c *Catalog) countLocked(id streams.ID, by int) {
	c.jails[id.Space].defined += by
	c.Quotas.Account(id.Space).Add(quota.Streams, int64(by))
}

// maxStreams returns how many streams the jail may define.
func (c *Catalog) maxStreams(space string) int {
	switch limit := c.Quotas.Limit(space, quota.Streams); {
	case c.Quotas == nil:
		return c.opts.Streams
	case limit == 0:
		return math.MaxInt
	default:
		return int(limit)
	}
}

func (c *Catalog) checkRoom(space string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roomLocked(space)
}

func (c *Catalog) roomLocked(space string) error {
	if j, most := c.jails[space], c.maxStreams(space); j != nil && j.defined >= most {
		return fmt.Errorf("%w: at most %d are allowed", ErrTooManyStreams, most)
	}
	return nil
}

// List returns streams of a jail in the byte order of their names, from the
// first name higher than after, at most limit. Streams without a schema are
// included only if undefined is true, or if they are transient.
func (c *Catalog) List(space, after string, limit int, undefined bool) (list []*Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	j := c.jails[space]
	if j == nil {
		return nil
	}
	for _, name := range j.names.After(after) {
		if len(list) >= limit {
			break
		}
		s := c.Lookup(streams.ID{Space: space, Name: name})
		if s.Schema() != nil || undefined && s.IsOpen() || s.IsTransient() {
			list = append(list, s)
		}
	}
	return list
}

// Jails returns the jails that have streams or definitions of services, in no order.
func (c *Catalog) Jails() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	jails := maps.Clone(c.jails)
	for _, space := range c.Services.jailNames() {
		jails[space] = nil
	}
	return slices.Collect(maps.Keys(jails))
}

func recordKey(id streams.ID) string { return id.Space + "/" + id.Name }

func checkID(id streams.ID) error {
	if id.Name == "" {
		return fmt.Errorf("%w: the stream has none", ErrBadName)
	}
	return checkJail(id.Space)
}

// checkJail keeps a jail from reaching into the records of another.
func checkJail(space string) error {
	if space == "" || strings.Contains(space, "/") {
		return fmt.Errorf("%w: jail %q", ErrBadName, space)
	}
	return nil
}
