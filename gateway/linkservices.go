package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/auth"
	"seagate/protocol"
	"seagate/streams/peer"
)

// Serve implements peer.Link. What the server answers is checked like the answers of a
// WebSocket. An answer of nil is null.
func (l *Link) Serve(_ context.Context, o peer.Offer, to peer.Server) (peer.Registration, error) {
	err := checkOffer(o)
	if err == nil {
		err = l.takePlace()
	}
	if err != nil {
		return nil, l.refused(err)
	}
	inner, err := l.services.Serve(o, answering{to, l.gateway, l.principal})
	if err != nil {
		l.giveBack(&l.places)
		return nil, l.refused(err)
	}
	return &linkRegistration{Registration: inner, link: l}, nil
}

// checkOffer checks the names. The rest is checked by the network.
func checkOffer(o peer.Offer) error {
	if err := protocol.CheckServedName(o.Service); err != nil {
		return err
	}
	for _, p := range o.Procedures {
		if err := protocol.CheckProcedureName(p); err != nil {
			return err
		}
	}
	return nil
}

// A linkRegistration gives its place back when it is withdrawn. When the link ends, it ends
// without that.
type linkRegistration struct {
	peer.Registration
	link      *Link
	withdrawn sync.Once
}

// Withdraw implements peer.Registration.
func (r *linkRegistration) Withdraw(grace time.Duration) {
	r.Registration.Withdraw(grace)
	r.withdrawn.Do(func() { r.link.giveBack(&r.link.places) })
}

// answering is a server whose answers are checked.
type answering struct {
	peer.Server
	gateway   *Gateway
	principal *auth.Principal
}

// Call implements peer.Server.
func (s answering) Call(c *peer.Call) bool {
	inner := *c
	c.SetAnswerer(&checkedAnswers{s.gateway, s.principal, &inner})
	if s.Server.Call(c) {
		return true
	}
	*c = inner // for the next server
	return false
}

// checkedAnswers takes the answers to a call. It implements peer.Answerer.
type checkedAnswers struct {
	gateway   *Gateway
	principal *auth.Principal // of the server
	call      *peer.Call
}

// Part implements peer.Answerer.
func (a *checkedAnswers) Part(body []byte) error {
	return a.gateway.Answer(a.principal, a.call, protocol.Answer{Result: orNull(body), More: true})
}

// Answer implements peer.Answerer.
func (a *checkedAnswers) Answer(result []byte, failure *peer.ServerError) error {
	if failure == nil {
		return a.gateway.Answer(a.principal, a.call, protocol.Answer{Result: orNull(result)})
	}
	return a.gateway.Answer(a.principal, a.call, protocol.Answer{Error: &protocol.CallError{
		Code: failure.Code, Message: failure.Message, Details: failure.Details,
	}})
}

func orNull(body []byte) jsontext.Value {
	if len(body) == 0 {
		return jsontext.Value("null")
	}
	return body
}

// Fetch implements peer.Link. A body of nil is null.
func (l *Link) Fetch(_ context.Context, r peer.Request, to peer.Replies) (peer.Pending, error) {
	r.Body = orNull(r.Body)
	pending, err := l.services.Fetch(r, to)
	return pending, l.refused(err)
}

// Signal implements peer.Link. A body of nil is null.
func (l *Link) Signal(_ context.Context, s peer.Signal) (reached int, err error) {
	s.Body = orNull(s.Body)
	reached, err = l.services.Signal(s)
	return reached, l.refused(err)
}

// Watch implements peer.Link. It tells nothing if the link has as many subscriptions, watches
// and servers as it may have, or if its principal may not describe the service.
func (l *Link) Watch(service string, changed func(servers int)) (stop func()) {
	if l.takePlace() != nil {
		return func() {}
	}
	inner, err := l.services.Watch(service, changed)
	if err != nil {
		inner = func() {}
	}
	return sync.OnceFunc(func() {
		inner()
		l.giveBack(&l.places)
	})
}

// Service implements peer.Link.
func (l *Link) Service(ctx context.Context, name string) (peer.Service, error) {
	if err := l.gateway.authorize(l.principal, auth.DescribeService, name); err != nil {
		return peer.Service{}, l.refused(err)
	}
	s, err := l.services.link.Service(ctx, name)
	return s, l.refused(err)
}

// List implements peer.Link.
func (l *Link) List(ctx context.Context, after string, limit int) (list []peer.Service, more bool, err error) {
	if err := l.gateway.look(l.principal, auth.ListServices, ""); err != nil {
		return nil, false, l.refused(err)
	}
	list, more, err = describable(l.principal, after, limit, func(s peer.Service) string { return s.Name },
		func(after string) ([]peer.Service, bool, error) { return l.services.link.List(ctx, after, limit) })
	return list, more, l.refused(err)
}
