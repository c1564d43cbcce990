package gateway

import (
	"seagate/auth"
	"seagate/protocol"
)

// authorize is the one place where it is decided whether a principal may do
// what it asks. Every operation calls it before it looks at anything else, so
// that a refusal tells nothing about what exists.
func (g *Gateway) authorize(p *auth.Principal, action auth.Action) error {
	if !p.Current() {
		return protocol.Errorf(protocol.CodeInvalidCredentials, invalidCredentials)
	}
	if err := p.May(action); err != nil {
		return protocol.Errorf(protocol.CodeForbidden, "%s", err)
	}
	return nil
}

// invalidCredentials is the text that deployed clients compare with.
const invalidCredentials = "The credentials are present and well formed but invalid."
