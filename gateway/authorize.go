package gateway

import (
	"seagate/auth"
)

// authorize decides whether a principal may do what it asks, and nothing else
// does. Every operation calls it before it looks at anything, so a refusal tells
// nothing about what exists.
func (g *Gateway) authorize(p *auth.Principal, action auth.Action) error {
	if err := p.InForce(); err != nil {
		return err
	}
	return p.May(action)
}

// authorizeFetch is authorize for calls of one procedure.
func (g *Gateway) authorizeFetch(p *auth.Principal, service, procedure string) error {
	if err := g.authorize(p, auth.Fetch); err != nil {
		return err
	}
	return p.MayFetch(service, procedure)
}

// invalidCredentials is the text that deployed clients compare with.
const invalidCredentials = "The credentials are present and well formed but invalid."
