package gateway

import (
	"errors"

	"seagate/auth"
	"seagate/protocol"
)

// authorize decides whether a principal may do what it asks with the stream or service of that
// name, and nothing else does. name is "" for actions that are about none. Every operation calls
// authorize before it looks at anything, so a refusal tells nothing about what exists.
func (g *Gateway) authorize(p *auth.Principal, action auth.Action, name string) error {
	err := decide(p, action, name)
	if errors.Is(err, auth.ErrForbidden) {
		g.auditRefusal(p, action, name, err)
	}
	return err
}

// decide is authorize for a principal that does not ask by itself: somebody asks what it may do.
func decide(p *auth.Principal, action auth.Action, name string) error {
	if err := p.InForce(); err != nil {
		return err
	}
	return p.May(action, name)
}

// manage is authorize for an operation that changes what is stored about streams, groups, clients or
// jails. Each makes everybody's wait a little longer, so a jail may have so many a second.
func (g *Gateway) manage(p *auth.Principal, action auth.Action, name string) error {
	if err := g.authorize(p, action, name); err != nil {
		return err
	}
	return g.spendChange(p)
}

// spendChange takes one change from the budget of the principal's jail.
func (g *Gateway) spendChange(p *auth.Principal) error {
	if g.changes.allow(rateKey{jail: p.JailUID}, 1) {
		return nil
	}
	return protocol.Errorf(protocol.CodeRateLimited,
		"this jail may make %d changes a second to its streams, groups and clients; slow down", g.changes.perSecond.Load())
}

// look is authorize for an operation that reads much: a list, a history, the connections. It takes
// one read from the budget of the principal's jail, so that a jail does not keep the processors busy
// with lists that nobody reads.
func (g *Gateway) look(p *auth.Principal, action auth.Action, name string) error {
	if err := g.authorize(p, action, name); err != nil {
		return err
	}
	return g.spendRead(p)
}

// spendRead takes one read from the budget of the principal's jail.
func (g *Gateway) spendRead(p *auth.Principal) error {
	if g.reads.allow(rateKey{jail: p.JailUID}, 1) {
		return nil
	}
	return protocol.Errorf(protocol.CodeRateLimited,
		"this jail may read %d lists, histories, connections and networks a second; slow down", g.reads.perSecond.Load())
}

// authorizeFetch is authorize for calls of one procedure.
func (g *Gateway) authorizeFetch(p *auth.Principal, service, procedure string) error {
	if err := g.authorize(p, auth.Fetch, service); err != nil {
		return err
	}
	return p.MayFetch(service, procedure)
}

// change makes a change for a principal that authorize has let pass. Meanwhile the credential may
// have been revoked; then change calls nothing. A revocation that comes later is answered after make
// has returned. make must not change the Directory: see auth.Principal.Begin.
func change(p *auth.Principal, make func() error) error {
	begun, err := p.Begin()
	if err != nil {
		return err
	}
	defer begun.End()
	return make()
}

// invalidCredentials is the text that deployed clients compare with.
const invalidCredentials = "The credentials are present and well formed but invalid."
