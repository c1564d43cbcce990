package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/protocol"
	"seagate/schema"
	"seagate/streams/peer"
)

// ServiceLimits bounds services and calls. All must be set.
type ServiceLimits struct {
	ServicesPerJail      int
	ServersPerService    int
	ProceduresPerService int
	CallsPerConnection   int // under way
	CallsPerClient       int // under way, over all of its connections
	BytesPerClient       int // held by its calls: bodies of calls under way, and results that wait to be read
	CallsPerJail         int // as CallsPerClient, of all clients of a jail; 0 is no bound
	BytesPerJail         int // as BytesPerClient, likewise
	BodyBytes            int // of a call, of each of its answers, and of a signal

	// QueuedBytes is how many bytes may wait to be sent on a connection before
	// the results of its calls are dropped.
	QueuedBytes int
}

func (l ServiceLimits) options(ended func(error, time.Duration)) peer.Options {
	return peer.Options{
		ServicesPerSpace:     l.ServicesPerJail,
		ServersPerService:    l.ServersPerService,
		ProceduresPerService: l.ProceduresPerService,
		CallsPerLink:         l.CallsPerConnection,
		CallsPerOwner:        l.CallsPerClient,
		BytesPerOwner:        l.BytesPerClient,
		CallsPerSpace:        l.CallsPerJail,
		BytesPerSpace:        l.BytesPerJail,
		BodyBytes:            l.BodyBytes,
		Ended:                ended,
	}
}

// Services is one connection's hold on the services of its jail. Close ends its
// servers and its calls.
type Services struct {
	gateway   *Gateway
	principal *auth.Principal
	link      peer.Link
}

// JoinServices returns the services of a principal's jail. The caller must close
// them. It authorizes nothing: the methods do. Servers are told the principal's
// client id, so no caller can pretend to be another.
func (g *Gateway) JoinServices(p *auth.Principal) *Services {
	return &Services{g, p, g.services.Join(p.JailUID, peer.Identity{ClientID: p.ClientID, Owner: p.Budget()})}
}

// Close ends the servers and the calls. It is safe to call twice.
func (s *Services) Close() { s.link.Close() }

// Hold counts bytes of results that wait to be read, until Release. Release may also
// come after Close. It returns false, and counts nothing, if the calls of the client
// would hold more than ServiceLimits.BytesPerClient, or those of its jail more than
// BytesPerJail. It implements outbox.Account.
func (s *Services) Hold(bytes int) bool {
	return s.gateway.services.Hold(s.principal.JailUID, s.principal.Budget(), bytes)
}

// Release implements outbox.Account.
func (s *Services) Release(bytes int) {
	s.gateway.services.Release(s.principal.JailUID, s.principal.Budget(), bytes)
}

// Serve makes a server of a service.
func (s *Services) Serve(o peer.Offer, to peer.Server) (peer.Registration, error) {
	if err := s.gateway.authorize(s.principal, auth.Serve, o.Service); err != nil {
		return nil, err
	}
	var r peer.Registration
	err := change(s.principal, func() (err error) {
		r, err = s.link.Serve(context.Background(), o, to)
		return err
	})
	return r, attempted("serve", err)
}

// Fetch calls a procedure. The body is checked to be strict JSON, and to match the
// definition of the service if it has one, as the result will be.
func (s *Services) Fetch(r peer.Request, to peer.Replies) (peer.Pending, error) {
	if err := s.gateway.authorizeFetch(s.principal, r.Service, r.Procedure); err != nil {
		return nil, err
	}
	body, defined, err := s.checkCall(r.Service, r.Procedure, r.Body)
	if err != nil {
		return nil, err
	}
	r.Body, r.CheckResult = body, s.gateway.resultCheck(s.principal.JailUID, defined, r.Procedure)
	var pending peer.Pending
	err = change(s.principal, func() (err error) {
		pending, err = s.link.Fetch(context.Background(), r, to)
		return err
	})
	return pending, s.gateway.callError(r.Service, r.Procedure, err)
}

// Signal sends a message to one server of a service, or to all. It returns how
// many took it. The body is checked as that of a call.
func (s *Services) Signal(m peer.Signal) (reached int, err error) {
	if err := s.gateway.authorize(s.principal, auth.Signal, m.Service); err != nil {
		return 0, err
	}
	if m.Body, _, err = s.checkCall(m.Service, m.Procedure, m.Body); err != nil {
		return 0, err
	}
	err = change(s.principal, func() (err error) {
		reached, err = s.link.Signal(context.Background(), m)
		return err
	})
	s.gateway.Metrics.Signals.Add(float64(reached))
	return reached, s.gateway.callError(m.Service, m.Procedure, err)
}

// Address returns the address of the connection.
func (s *Services) Address() peer.Address { return s.link.Address() }

// Watch watches the number of servers of a service: see peer.Services.
func (s *Services) Watch(service string, changed func(servers int)) (stop func(), err error) {
	if err := s.gateway.authorize(s.principal, auth.DescribeService, service); err != nil {
		return nil, err
	}
	giveBack, err := s.gateway.shares.subscriptions.take(s.principal, 1)
	if err != nil {
		return nil, err
	}
	end := s.link.Watch(service, changed)
	return func() {
		end()
		giveBack()
	}, nil
}

// Answer answers a call on behalf of p, whose server took it. An answer that is
// refused also ends the call: its caller gets server_error. Only call_not_found
// ends nothing.
func (g *Gateway) Answer(p *auth.Principal, c *peer.Call, a protocol.Answer) error {
	checked := &a.Result
	if a.Error != nil {
		checked = &a.Error.Details
	}
	if *checked != nil {
		body, err := g.checkBody(*checked)
		if err != nil {
			if over := c.Refuse(); over != nil {
				return attempted("answer", over)
			}
			return err
		}
		*checked = body
	}
	return g.sizeError(attempted("answer", change(p, func() error { return give(c, a) })))
}

func give(c *peer.Call, a protocol.Answer) error {
	switch {
	case a.Error != nil:
		return c.Fail(&peer.ServerError{Code: a.Error.Code, Message: a.Error.Message, Details: a.Error.Details})
	case a.More:
		return c.Part(a.Result)
	}
	return c.Answer(a.Result)
}

// checkBody returns the compact form of what is sent to a server or a caller.
func (g *Gateway) checkBody(body jsontext.Value) (jsontext.Value, error) {
	checked, err := (*schema.Schema)(nil).Check(body, g.settings.JSONDepth)
	return checked, attempted("read the body", err)
}

// callError returns the error of a call or signal, with the names of the
// service and procedure.
func (g *Gateway) callError(service, procedure string, err error) error {
	switch {
	case errors.Is(err, peer.ErrNoSuchService):
		return protocol.Errorf(protocol.CodeNoSuchService, "no server of the service %q is connected", service)
	case errors.Is(err, peer.ErrNoSuchProcedure):
		return protocol.Errorf(protocol.CodeNoSuchProcedure, "no server of the service %q has the procedure %q", service, procedure)
	}
	return g.sizeError(attempted("call", err))
}

func (g *Gateway) sizeError(err error) error {
	if errors.Is(err, peer.ErrTooLarge) {
		return protocol.Errorf(protocol.CodeMessageTooLarge,
			"the body or answer of a call may have %d bytes", g.settings.Services.BodyBytes)
	}
	return err
}

// CallFailure returns what a caller is told of a call that ended with an error.
// own reports whether it is the server's own error, and not one of the gateway.
func (g *Gateway) CallFailure(err error) (e protocol.CallError, own bool) {
	if failure, ok := errors.AsType[*peer.ServerError](err); ok {
		return protocol.CallError{Code: failure.Code, Message: failure.Message, Details: failure.Details}, true
	}
	refusal := g.Refusal(attempted("call", err))
	return protocol.CallError{Code: string(refusal.Code), Message: refusal.Message}, false
}

// ServiceTotals counts services, servers and calls under way.
func (g *Gateway) ServiceTotals() peer.Totals { return g.services.Totals() }

// callEnded counts the end of a call.
func (g *Gateway) callEnded(err error, took time.Duration) {
	outcome := "result"
	_, own := errors.AsType[*peer.ServerError](err)
	switch {
	case err == nil:
	case own:
		outcome = "error"
	case errors.Is(err, peer.ErrGivenUp):
		outcome = "given_up"
	default:
		outcome = string(g.Refusal(err).Code)
	}
	g.Metrics.Calls.WithLabelValues(outcome).Inc()
	if err == nil || own {
		g.Metrics.CallSeconds.Observe(took.Seconds())
	}
}

// CallFailed returns the refusal of a request whose call ended with an error, for
// transports that answer a call with one response.
func (g *Gateway) CallFailed(service string, err error) error {
	failure, own := g.CallFailure(err)
	if !own {
		return err
	}
	return &protocol.Error{
		Code:    protocol.CodeServerError,
		Message: fmt.Sprintf("the server of %s answered with an error: %s: %s", service, failure.Code, failure.Message),
		Call:    &failure,
	}
}
