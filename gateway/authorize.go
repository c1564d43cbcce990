package gateway

import (
	"errors"

	"seagate/auth"
	"seagate/protocol"
)

// authorize is the only place that decides whether a principal may perform an action on the
// stream or service with the name. name is "" for actions on neither. Every operation calls
// authorize before it looks at anything, so a refusal tells nothing about what exists.
func (g *Gateway) authorize(p *auth.Principal, action auth.Action, name string) error {
	err := decide(p, action, name)
	if errors.Is(err, auth.ErrForbidden) {
		g.auditRefusal(p, action, name, err)
	}
	return err
}

// decide is authorize for a question about the principal that somebody else asks. A refusal is
// not audited.
func decide(p *auth.Principal, action auth.Action, name string) error {
	if err := p.InForce(); err != nil {
		return err
	}
	return p.May(action, name)
}

// manage is authorize for an operation that changes what is stored about streams, groups, clients
// or jails. Each of these makes all jails wait a little longer, so the changes of one jail in a
// second are bounded.
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
// one read from the budget of the principal's jail, so that no jail keeps the processors busy with
// lists.
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

// change calls make for a principal that authorize has let pass. If the credential has been revoked
// meanwhile, it does not call make. A revocation that comes later waits until make has returned.
// make must not change the Directory: see auth.Principal.Begin.
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
