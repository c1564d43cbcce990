package broadcast

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"seagate/streams/fetch"
	"seagate/streams/peer"
)

var (
	// ErrNoSuchNamespace reports namespaces that the server does not offer. The
	// error that wraps it names all of them.
	ErrNoSuchNamespace = errors.New("broadcast: no such namespace")
	// ErrTooManyReceivers reports that a server has as many receivers as it takes.
	ErrTooManyReceivers = errors.New("broadcast: the server has as many receivers as it takes")
	// ErrStopped reports that the server was stopped.
	ErrStopped = errors.New("broadcast: the server has stopped")
)

// The procedures of the service, and the codes of their errors.
const (
	procedureJoin  = "join"
	procedureLeave = "leave"

	codeNoSuchNamespace  = "no_such_namespace"
	codeTooManyReceivers = "too_many_receivers"
)

// DefaultReceivers is how many receivers a server has at most, unless
// ServerOptions say otherwise.
const DefaultReceivers = 10_000

// maxPort bounds what a server keeps of each receiver, in bytes.
const maxPort = 255

// ServerOptions of a Server. The zero value is right for most.
type ServerOptions struct {
	Receivers int // at most; 0 is DefaultReceivers
}

// A Server sends to the receivers of its namespaces. It is safe for concurrent
// use.
type Server struct {
	link       peer.Link
	service    string
	namespaces []string
	receivers  int // at most
	serving    *fetch.Server

	mu     sync.Mutex // guards what follows, and orders what is sent
	ended  bool
	joined map[peer.Endpoint]*receiving
}

// receiving is a receiver as its server knows it.
type receiving struct {
	namespaces []string
	sent       uint64 // the number of the last message
	unwatch    func()
}

// A request of join or leave. The address is that of the caller.
type request struct {
	Port       string   `json:"port"`
	Namespaces []string `json:"namespaces,omitempty"`
}

// A welcome is the answer to join.
type welcome struct {
	Address peer.Address `json:"address"` // of the server, which sends the messages
}

// Serve offers namespaces under the name of a service, of which it is the sole
// server. The caller must Stop the server, also after the end of the link.
func Serve(ctx context.Context, l peer.Link, service string, namespaces []string, o ServerOptions) (*Server, error) {
	s := &Server{
		link:       l,
		service:    service,
		namespaces: slices.Clone(namespaces),
		receivers:  cmp.Or(o.Receivers, DefaultReceivers),
		joined:     map[peer.Endpoint]*receiving{},
	}
	// Something must be bound at the address, so that receivers can watch it.
	offer := peer.Offer{Service: string(l.Address()), Procedures: []string{"broadcast"}}
	presence, err := l.Serve(ctx, offer, nothing{})
	if err != nil {
		return nil, err
	}
	s.serving, err = fetch.Serve(ctx, l, service, map[string]fetch.Handler{
		procedureJoin:  s.join,
		procedureLeave: s.leave,
	}, fetch.Options{AtOnce: peer.MaxCredit, Sole: true})
	if err != nil {
		presence.Withdraw(0)
		return nil, err
	}
	return s, nil
}

// nothing is a peer.Server that takes nothing.
type nothing struct{}

func (nothing) Call(*peer.Call) bool            { return false }
func (nothing) Signal(*peer.Message) bool       { return false }
func (nothing) GivenUp(*peer.Call, peer.Reason) {}

func (s *Server) join(_ context.Context, c *fetch.Call) ([]byte, error) {
	var r request
	if err := json.Unmarshal(c.Body, &r); err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	if unknown := s.unknown(r.Namespaces); len(unknown) > 0 {
		return nil, &peer.ServerError{Code: codeNoSuchNamespace, Message: strings.Join(unknown, ", ")}
	}
	if len(r.Port) > maxPort {
		return nil, fmt.Errorf("the name of the port has %d bytes, more than %d", len(r.Port), maxPort)
	}
	at := peer.Endpoint{Address: c.Caller.Address, Port: r.Port}
	to, err := s.add(at, r.Namespaces)
	if err != nil {
		return nil, err
	}
	unwatch := peer.WatchGone(s.link, at.Address, func() { s.remove(at) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.joined[at] == to {
		to.unwatch = unwatch
	} else {
		unwatch()
	}
	return json.Marshal(welcome{s.link.Address()})
}

// unknown returns the namespaces that are not offered.
func (s *Server) unknown(namespaces []string) []string {
	return slices.DeleteFunc(slices.Clone(namespaces), func(n string) bool { return slices.Contains(s.namespaces, n) })
}

// add notes a receiver. One that is there already begins anew.
func (s *Server) add(at peer.Endpoint, namespaces []string) (*receiving, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(at)
	switch {
	case s.ended:
		return nil, ErrStopped
	case len(s.joined) >= s.receivers:
		return nil, &peer.ServerError{Code: codeTooManyReceivers, Message: fmt.Sprint(s.receivers)}
	}
	slices.Sort(namespaces)
	to := &receiving{namespaces: slices.Compact(namespaces), unwatch: func() {}}
	s.joined[at] = to
	return to, nil
}

func (s *Server) leave(_ context.Context, c *fetch.Call) ([]byte, error) {
	var r request
	if err := json.Unmarshal(c.Body, &r); err != nil {
		return nil, fmt.Errorf("the request cannot be read: %w", err)
	}
	s.remove(peer.Endpoint{Address: c.Caller.Address, Port: r.Port})
	return []byte("null"), nil
}

func (s *Server) remove(at peer.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(at)
}

func (s *Server) removeLocked(at peer.Endpoint) {
	if to := s.joined[at]; to != nil {
		delete(s.joined, at)
		to.unwatch()
	}
}

// Send sends data, which must not be changed afterwards, to the receivers of a
// namespace. It returns how many have it: those that are full or gone have not.
func (s *Server) Send(ctx context.Context, namespace string, data []byte) (reached int, err error) {
	if !slices.Contains(s.namespaces, namespace) {
		return 0, fmt.Errorf("%w: %s", ErrNoSuchNamespace, namespace)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, ErrStopped
	}
	var errs []error
	content := frameContent(namespace, data)
	for at, to := range s.joined {
		if !slices.Contains(to.namespaces, namespace) {
			continue
		}
		to.sent++
		switch err := peer.Post(ctx, s.link, at, appendFrame(to.sent, content)); {
		case err == nil:
			reached++
		case errors.Is(err, peer.ErrUnreachable):
			s.removeLocked(at)
		case !errors.Is(err, peer.ErrBusy): // a receiver that is full finds the gap itself
			errs = append(errs, err)
		}
	}
	return reached, errors.Join(errs...)
}

// Receivers returns how many receivers a namespace has.
func (s *Server) Receivers(namespace string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.joined {
		if slices.Contains(to.namespaces, namespace) {
			n++
		}
	}
	return n
}

// Stop ends the server and tells its receivers. ctx bounds how long it waits for
// requests under way.
func (s *Server) Stop(ctx context.Context) error {
	err := s.serving.Stop(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for at, to := range s.joined {
		to.sent++
		// Who is full or gone cannot be told, and finds out by its own watch.
		peer.Post(context.WithoutCancel(ctx), s.link, at, appendFrame(to.sent, frameContent("", nil)))
		s.removeLocked(at)
	}
	return err
}
