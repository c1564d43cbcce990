package peer

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/internal/sorted"
)

// A space is the services and callers that know of each other.
type space struct {
	hub   *Hub
	name  string
	links int // guarded by Hub.mu

	mu       sync.Mutex // guards what follows, and what says so below
	services map[string]*service
	names    sorted.Names   // of the services, without addresses
	owners   map[string]int // calls under way, by Identity.Owner
	underWay int            // calls of all owners
	watchers map[string]map[*watch]struct{}
}

func newSpace(h *Hub, name string) *space {
	return &space{
		hub:      h,
		name:     name,
		services: map[string]*service{},
		owners:   map[string]int{},
		watchers: map[string]map[*watch]struct{}{},
	}
}

// A service is guarded by the mutex of its space. It has at least one server.
type service struct {
	servers    []*server
	next       int            // index of the server whose turn it is
	procedures map[string]int // servers that offer each
}

// A server is guarded by the mutex of its space, except for what is never
// changed.
type server struct {
	link  *link
	offer Offer // not changed
	to    Server
	since time.Time

	withdrawn bool
	grace     *time.Timer // ends the calls of a withdrawn server; nil if there is none
	calls     map[*call]struct{}
	counts    counts
}

// offers reports whether the server has a procedure.
func (s *server) offers(procedure string) bool { return slices.Contains(s.offer.Procedures, procedure) }

// full reports whether the server has as many calls as it takes.
func (s *server) full() bool { return len(s.calls) >= s.offer.Credit }

// add registers a server.
func (sp *space) add(s *server) error {
	if f := sp.hub.opts.Fabric; f != nil {
		if err := f.Offered(sp.name, s.offer, s.link.address); err != nil {
			return err
		}
	}
	err := sp.register(s)
	switch {
	case err == nil:
		sp.changed(s.offer.Service)
	case sp.hub.opts.Fabric != nil:
		sp.hub.opts.Fabric.Withdrawn(sp.name, s.offer, s.link.address)
	}
	return err
}

func (sp *space) register(s *server) error {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if s.link.closed {
		return ErrClosed
	}
	svc := sp.services[s.offer.Service]
	if err := sp.admitLocked(svc, s); err != nil {
		return err
	}
	if svc == nil {
		svc = &service{procedures: map[string]int{}}
		sp.services[s.offer.Service] = svc
		if !IsAddress(s.offer.Service) {
			sp.names.Add(s.offer.Service)
		}
	}
	svc.servers = append(svc.servers, s)
	for _, p := range s.offer.Procedures {
		svc.procedures[p]++
	}
	s.link.servers[s] = struct{}{}
	sp.noteLocked(s.offer.Service)
	return nil
}

// admitLocked returns why a server cannot be added to a service, which is nil
// if there is none yet.
func (sp *space) admitLocked(svc *service, s *server) error {
	o := &sp.hub.opts
	if svc == nil {
		if !IsAddress(s.offer.Service) && len(sp.names) >= o.ServicesPerSpace {
			return fmt.Errorf("%w: there are %d", ErrTooManyServices, o.ServicesPerSpace)
		}
		if len(s.offer.Procedures) > o.ProceduresPerService {
			return fmt.Errorf("%w: a service may have %d procedures", ErrTooManyServices, o.ProceduresPerService)
		}
		return nil
	}
	procedures := len(svc.procedures)
	for _, p := range s.offer.Procedures {
		if svc.procedures[p] == 0 {
			procedures++
		}
	}
	first := svc.servers[0]
	switch {
	case s.offer.Sole || first.offer.Sole:
		return ErrServiceTaken
	case len(svc.servers) >= o.ServersPerService:
		return fmt.Errorf("%w: the service has %d servers, as many as it may have", ErrTooManyServices, o.ServersPerService)
	case procedures > o.ProceduresPerService:
		return fmt.Errorf("%w: a service may have %d procedures", ErrTooManyServices, o.ProceduresPerService)
	}
	return nil
}

// removeLocked takes a server out of its service. It returns false if it was
// out already.
func (sp *space) removeLocked(s *server) bool {
	if s.withdrawn {
		return false
	}
	s.withdrawn = true
	sp.noteLocked(s.offer.Service)
	if len(s.calls) == 0 {
		delete(s.link.servers, s)
	}
	svc := sp.services[s.offer.Service]
	i := slices.Index(svc.servers, s)
	svc.servers = slices.Delete(svc.servers, i, i+1)
	if svc.next > i {
		svc.next--
	}
	for _, p := range s.offer.Procedures {
		if svc.procedures[p]--; svc.procedures[p] == 0 {
			delete(svc.procedures, p)
		}
	}
	if len(svc.servers) == 0 {
		delete(sp.services, s.offer.Service)
		sp.names.Remove(s.offer.Service)
	}
	return true
}

// removed tells the fabric and the watchers of servers that were removed.
func (sp *space) removed(servers ...*server) {
	for _, s := range servers {
		if f := sp.hub.opts.Fabric; f != nil {
			f.Withdrawn(sp.name, s.offer, s.link.address)
		}
		sp.changed(s.offer.Service)
	}
}

// pickLocked returns the server whose turn it is for a procedure, of those that
// have room and have not refused.
func (sp *space) pickLocked(service, procedure string, refused []*server, hasRoom func(*server) bool) (*server, error) {
	svc := sp.services[service]
	switch {
	case svc == nil:
		return nil, ErrNoSuchService
	case svc.procedures[procedure] == 0:
		return nil, ErrNoSuchProcedure
	}
	for i := range svc.servers {
		k := (svc.next + i) % len(svc.servers)
		s := svc.servers[k]
		if s.offers(procedure) && hasRoom(s) && !slices.Contains(refused, s) {
			svc.next = (k + 1) % len(svc.servers)
			return s, nil
		}
	}
	return nil, ErrBusy
}

func (sp *space) count(t *Totals) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	t.Services += len(sp.services)
	for _, svc := range sp.services {
		t.Servers += len(svc.servers)
	}
	t.UnderWay += sp.underWay
}

// Service describes a service.
type Service struct {
	Name       string
	Procedures []string // in order
	Servers    []ServerInfo
}

// ServerInfo describes a server.
type ServerInfo struct {
	ClientID   string
	Address    Address
	Procedures []string
	Sole       bool
	Since      time.Time
	Stats
}

func (sp *space) service(name string) (Service, error) {
	sp.mu.Lock()
	svc := sp.services[name]
	if svc == nil {
		sp.mu.Unlock()
		return Service{}, ErrNoSuchService
	}
	d, counted := svc.describe(name)
	sp.mu.Unlock()
	d.setMedians(counted)
	return d, nil
}

func (sp *space) list(after string, limit int) (list []Service, more bool) {
	for one := range sp.servicesAfter(after) {
		if len(list) == limit {
			return list, true
		}
		list = append(list, one)
	}
	return list, false
}

// servicesAfter yields the services whose names come after the given one. It takes the
// lock once for each, and yields without it, so that a long list holds up no calls.
func (sp *space) servicesAfter(name string) iter.Seq[Service] {
	return func(yield func(Service) bool) {
		for {
			sp.mu.Lock()
			rest := sp.names.After(name)
			if len(rest) == 0 {
				sp.mu.Unlock()
				return
			}
			name = rest[0]
			d, counted := sp.services[name].describe(name)
			sp.mu.Unlock()
			d.setMedians(counted)
			if !yield(d) {
				return
			}
		}
	}
}

// describe returns the service without medians, and the durations to compute them from.
// It needs the mutex of the space; setMedians does not, so it does not hold up calls.
func (svc *service) describe(name string) (d Service, latest [][]time.Duration) {
	d = Service{Name: name, Procedures: slices.Sorted(maps.Keys(svc.procedures))}
	for _, s := range svc.servers {
		d.Servers = append(d.Servers, ServerInfo{
			ClientID:   s.link.who.ClientID,
			Address:    s.link.address,
			Procedures: s.offer.Procedures,
			Sole:       s.offer.Sole,
			Since:      s.since,
			Stats:      s.counts.stats(len(s.calls)),
		})
		latest = append(latest, slices.Clone(s.counts.latest))
	}
	return d, latest
}

func (d *Service) setMedians(latest [][]time.Duration) {
	for i, times := range latest {
		if len(times) > 0 {
			slices.Sort(times)
			d.Servers[i].Median = times[len(times)/2]
		}
	}
}
