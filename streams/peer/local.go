package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"seagate/internal/panics"
)

// A link is a Link in this process.
type link struct {
	space   *space
	who     Identity
	address Address
	done    chan struct{}

	// Guarded by space.mu.
	closed  bool
	servers map[*server]struct{}
	calls   map[*call]struct{}
	watches map[*watch]struct{}

	topics sync.Mutex // guards what follows
	left   bool
	ins    map[*inTopic]struct{}
	outs   map[*outTopic]struct{}
}

func (l *link) Address() Address      { return l.address }
func (l *link) Done() <-chan struct{} { return l.done }

// Serve implements Link.
func (l *link) Serve(_ context.Context, o Offer, to Server) (Registration, error) {
	o.Credit = cmp.Or(o.Credit, DefaultCredit)
	if err := l.check(o); err != nil {
		return nil, err
	}
	o.Procedures = slices.Compact(slices.Sorted(slices.Values(o.Procedures)))
	s := &server{link: l, offer: o, to: to, since: time.Now(), calls: map[*call]struct{}{}}
	if err := l.space.add(s); err != nil {
		return nil, err
	}
	return s, nil
}

func (l *link) check(o Offer) error {
	address := addressIn(o.Service)
	switch {
	case o.Service == "" || len(o.Procedures) == 0 || slices.Contains(o.Procedures, ""):
		return fmt.Errorf("%w: it needs the name of a service and of a procedure", ErrBadOffer)
	case address != "" && address != l.address: // whether somebody has it or not
		return fmt.Errorf("%w: an address is served by its own link alone", ErrServiceTaken)
	case o.Credit < 1 || o.Credit > MaxCredit:
		return fmt.Errorf("%w: the credit must be from 1 to %d", ErrBadOffer, MaxCredit)
	}
	return nil
}

// Withdraw implements Registration.
func (s *server) Withdraw(grace time.Duration) {
	sp := s.link.space
	sp.mu.Lock()
	removed := sp.removeLocked(s)
	left := slices.Collect(maps.Keys(s.calls))
	if removed && grace > 0 && len(left) > 0 {
		s.grace = time.AfterFunc(grace, func() {
			defer panics.Contain("timer")
			s.endCalls()
		})
		left = nil
	}
	sp.mu.Unlock()
	if !removed {
		return
	}
	sp.removed(s)
	for _, c := range left {
		c.serverGone(s, TimedOut)
	}
}

// endCalls ends the calls that a withdrawn server has not answered in time.
func (s *server) endCalls() {
	sp := s.link.space
	sp.mu.Lock()
	left := slices.Collect(maps.Keys(s.calls))
	sp.mu.Unlock()
	for _, c := range left {
		c.serverGone(s, TimedOut)
	}
}

// Fetch implements Link.
func (l *link) Fetch(_ context.Context, r Request, to Replies) (Pending, error) {
	r.Timeout = cmp.Or(r.Timeout, DefaultTimeout)
	switch {
	case r.Timeout < 0 || r.Timeout > MaxTimeout:
		return nil, ErrTimeoutRange
	case len(r.Body) > l.space.hub.opts.BodyBytes:
		return nil, ErrTooLarge
	}
	hub := l.space.hub
	if !hub.Hold(l.space.name, l.who.Owner, len(r.Body)) {
		return nil, fmt.Errorf("%w: the calls of the client, or of its jail, hold as many bytes as they may; read their results", ErrTooManyCalls)
	}
	c := &call{link: l, to: to, request: r, begun: time.Now()}
	c.public = NewCall(l.message(r.Procedure, r.Body), r.Timeout, c)
	if err := c.dispatch(); err != nil {
		hub.Release(l.space.name, l.who.Owner, len(r.Body))
		return nil, err
	}
	return c, nil
}

func (l *link) message(procedure string, body []byte) Message {
	return Message{Procedure: procedure, Body: body, Caller: Caller{ClientID: l.who.ClientID, Address: l.address}}
}

// mayCallLocked returns an error if the link may not have one more call.
func (l *link) mayCallLocked() error {
	o := &l.space.hub.opts
	switch {
	case l.closed:
		return ErrClosed
	case len(l.calls) >= o.CallsPerLink:
		return fmt.Errorf("%w: the connection has %d, as many as it may have", ErrTooManyCalls, o.CallsPerLink)
	case l.space.owners[l.who.Owner] >= o.CallsPerOwner:
		return fmt.Errorf("%w: the client has %d, as many as it may have", ErrTooManyCalls, o.CallsPerOwner)
	case o.CallsPerSpace > 0 && l.space.underWay >= o.CallsPerSpace:
		return fmt.Errorf("%w: the clients of the jail have %d, as many as they may have", ErrTooManyCalls, o.CallsPerSpace)
	}
	return nil
}

// Signal implements Link.
func (l *link) Signal(_ context.Context, s Signal) (reached int, err error) {
	if len(s.Body) > l.space.hub.opts.BodyBytes {
		return 0, ErrTooLarge
	}
	m := l.message(s.Procedure, s.Body)
	if s.All {
		servers, err := l.space.all(l, s.Service, s.Procedure)
		if err != nil {
			return 0, err
		}
		for _, one := range servers {
			if one.to.Signal(&m) {
				reached++
			}
		}
		if reached == 0 {
			return 0, ErrBusy
		}
		return reached, nil
	}
	var refused []*server
	for {
		one, err := l.space.one(l, s.Service, s.Procedure, refused)
		if err != nil {
			return 0, err
		}
		if one.to.Signal(&m) {
			return 1, nil
		}
		refused = append(refused, one)
	}
}

// one returns the server whose turn it is, of those that have not refused.
func (sp *space) one(l *link, service, procedure string, refused []*server) (*server, error) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	return sp.pickLocked(service, procedure, refused, func(*server) bool { return true })
}

// all returns the servers of a service that have a procedure, at least one.
func (sp *space) all(l *link, service, procedure string) (servers []*server, err error) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	svc := sp.services[service]
	switch {
	case l.closed:
		return nil, ErrClosed
	case svc == nil:
		return nil, ErrNoSuchService
	}
	for _, s := range svc.servers {
		if s.offers(procedure) {
			servers = append(servers, s)
		}
	}
	if len(servers) == 0 {
		return nil, ErrNoSuchProcedure
	}
	return servers, nil
}

// Service implements Link.
func (l *link) Service(_ context.Context, name string) (Service, error) { return l.space.service(name) }

// List implements Link.
func (l *link) List(_ context.Context, after string, limit int) ([]Service, bool, error) {
	list, more := l.space.list(after, limit)
	return list, more, nil
}

// Close implements Link.
func (l *link) Close() error {
	sp := l.space
	sp.mu.Lock()
	if l.closed {
		sp.mu.Unlock()
		return nil
	}
	l.closed = true
	for w := range l.watches {
		w.stopLocked()
	}
	servers := slices.Collect(maps.Keys(l.servers))
	calls := slices.Collect(maps.Keys(l.calls))
	held := map[*server][]*call{}
	servers = slices.DeleteFunc(servers, func(s *server) bool {
		held[s] = slices.Collect(maps.Keys(s.calls))
		return !sp.removeLocked(s)
	})
	sp.mu.Unlock()
	for s, calls := range held {
		for _, c := range calls {
			c.serverGone(s, ServerGone)
		}
	}
	for _, c := range calls {
		c.giveUp(CallerGone)
	}
	sp.removed(servers...)
	l.closeTopics()
	close(l.done)
	sp.hub.leave(sp)
	return nil
}

// Post sends a message to an endpoint. It returns ErrUnreachable if nobody is
// there, and ErrBusy if the mailbox is full.
func Post(ctx context.Context, l Link, to Endpoint, body []byte) error {
	_, err := l.Signal(ctx, Signal{Service: string(to.Address), Procedure: to.Port, Body: body})
	if errors.Is(err, ErrNoSuchService) || errors.Is(err, ErrNoSuchProcedure) {
		return ErrUnreachable
	}
	return err
}
