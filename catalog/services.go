package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"seagate/internal/quota"
	"seagate/internal/sorted"
	"seagate/internal/turns"
	"seagate/schema"
	"seagate/storage"
	"seagate/streams"
)

// servicesTable holds one record per defined service, under <jail>/<service>.
const servicesTable = "services"

// ErrTooManyServices reports that the jail has Options.Services definitions of services.
var ErrTooManyServices = errors.New("catalog: the jail has too many definitions of services")

// Services are the definitions of services, of all jails. Safe for concurrent use.
//
// They are kept as those of streams are. Writers of one jail take turns.
type Services struct {
	table    *table
	services sync.Map           // streams.ID to *Service
	turns    turns.Each[string] // of the jails whose services are changed

	mu    sync.Mutex // guards jails, and is held where services is changed
	jails map[string]*serviceJail
}

type serviceJail struct {
	names sorted.Names // of its defined services
}

// A Service is the definitions of one service. Safe for concurrent use.
type Service struct {
	record record
	latest atomic.Pointer[schema.Service] // that was needed, perhaps of an older version
}

func newServices(ctx context.Context, records storage.Records, quotas *quota.Book, opts Options) (*Services, error) {
	s := &Services{jails: map[string]*serviceJail{}}
	s.table = &table{
		records: records,
		name:    servicesTable,
		opts:    opts,
		quotas:  quotas,
		reserve: func(id streams.ID) error { return s.checkRoom(id.Space) }, // the turn is its jail's
		count:   func(streams.ID, int) {},
	}
	loaded := func(id streams.ID) *record {
		one := s.get(id)
		s.services.Store(id, one)
		return &one.record
	}
	if err := s.table.load(ctx, loaded); err != nil {
		return nil, err
	}
	for _, one := range s.services.Range {
		s.settle(one.(*Service))
	}
	return s, nil
}

// Lookup returns a defined service, or nil. It takes no lock.
func (s *Services) Lookup(id streams.ID) *Service {
	if one, ok := s.services.Load(id); ok {
		return one.(*Service)
	}
	return nil
}

// Name returns the service's name.
func (s *Service) Name() string { return s.record.id.Name }

// History returns all definitions that the service has had, or nil if it is not defined
// or s is nil.
func (s *Service) History() *schema.History {
	if s == nil {
		return nil
	}
	return s.record.history()
}

// Current returns what the service's calls must match, or nil if the service is not
// defined or s is nil.
func (s *Service) Current() *schema.Service {
	current := s.History().Current()
	if current == nil {
		return nil
	}
	if latest := s.latest.Load(); latest != nil && latest.Definition == current.Definition {
		return latest
	}
	made := schema.NewService(current.Definition, s.record.table.opts.Rules)
	s.latest.Store(made)
	return made
}

// Plan returns what Define would return, and changes nothing. It does not look at the quotas of bytes.
func (s *Services) Plan(id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	if err := checkDefinition(id, def); err != nil {
		return schema.Outcome{}, err
	}
	return s.table.plan(s.Lookup(id).History(), def, func() error { return s.checkRoom(id.Space) })
}

// Define adds a definition of schema.ParseService to the service, durably. It is
// Catalog.Define otherwise, with ErrTooManyServices.
func (s *Services) Define(ctx context.Context, id streams.ID, def *schema.Definition) (schema.Outcome, error) {
	if err := checkDefinition(id, def); err != nil {
		return schema.Outcome{}, err
	}
	if history := s.Lookup(id).History(); history != nil { // see Catalog.Define
		if outcome, err := history.Outcome(def); err != nil || outcome.Change == schema.Unchanged {
			return outcome, err
		}
	}
	if err := schema.NewService(def, s.table.opts.Rules).Compile(); err != nil {
		return schema.Outcome{}, err
	}
	endTurn, err := s.turns.Take(ctx, id.Space)
	if err != nil {
		return schema.Outcome{}, err
	}
	defer endTurn()
	one := s.get(id)
	defer s.settle(one)
	return one.record.define(ctx, schema.NewSchema(def, s.table.opts.Rules))
}

// Delete deletes all definitions of a service, durably. It returns ErrNotFound if there
// are none.
func (s *Services) Delete(ctx context.Context, id streams.ID) error {
	if err := checkID(id); err != nil {
		return err
	}
	endTurn, err := s.turns.Take(ctx, id.Space)
	if err != nil {
		return err
	}
	defer endTurn()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteTime)
	defer cancel()
	one := s.get(id)
	defer s.settle(one)
	defined, err := one.record.delete(ctx)
	if err == nil && !defined {
		err = ErrNotFound
	}
	return err
}

// List returns defined services of a jail in the byte order of their names, from the first
// name higher than after, at most limit.
func (s *Services) List(space, after string, limit int) (list []*Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.jails[space]
	if j == nil {
		return nil
	}
	for _, name := range j.names.After(after) {
		if len(list) >= limit {
			break
		}
		list = append(list, s.Lookup(streams.ID{Space: space, Name: name}))
	}
	return list
}

func (s *Services) jailLocked(space string) *serviceJail {
	j := s.jails[space]
	if j == nil {
		j = &serviceJail{}
		s.jails[space] = j
	}
	return j
}

// get returns the service, or one that is not defined and that nobody finds before settle.
func (s *Services) get(id streams.ID) *Service {
	if one := s.Lookup(id); one != nil {
		return one
	}
	return &Service{record: record{table: s.table, id: id}}
}

// settle lets others find a service if it is defined, and only then. The caller has the
// turn of its jail.
func (s *Services) settle(one *Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := one.record.id
	j := s.jailLocked(id.Space)
	if one.History() != nil {
		s.services.Store(id, one)
		j.names.Add(id.Name)
	} else {
		s.services.Delete(id)
		j.names.Remove(id.Name)
	}
}

func (s *Services) checkRoom(space string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if j := s.jails[space]; j != nil && len(j.names) >= s.table.opts.Services {
		return fmt.Errorf("%w: at most %d are allowed", ErrTooManyServices, s.table.opts.Services)
	}
	return nil
}

// jailNames returns the jails that have definitions.
func (s *Services) jailNames() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for space, j := range s.jails {
		if len(j.names) > 0 {
			names = append(names, space)
		}
	}
	return names
}

// deleteJail deletes all definitions of a jail that nobody uses any more.
func (s *Services) deleteJail(ctx context.Context, space string) error {
	s.mu.Lock()
	names := slices.Clone(s.jailLocked(space).names)
	s.mu.Unlock()
	names, err := s.table.addStored(ctx, space, names)
	if err != nil {
		return err
	}
	if err := deleteEach(ctx, space, names, s.Delete); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.jails, space)
	return nil
}
