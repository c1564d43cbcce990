package auth

import "errors"

// ErrSeveralClients reports that several jails have a client of the id, so a jail must be
// named as well.
var ErrSeveralClients = errors.New("auth: several jails have a client with this id; name the jail as well")

// Trusted returns the principal of a client without asking for its secret. It is for peers
// that the operator's configuration trusts. jailID names the client's jail, or is "" if
// only one jail has a client of that id. It returns ErrClientNotFound or
// ErrSeveralClients. The principal is current until the client's secret is rotated or the
// client is deleted.
func (d *Directory) Trusted(clientID, jailID string) (*Principal, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found *client
	for id, j := range d.jails {
		c := j.clients[clientID]
		switch {
		case c == nil || jailID != "" && id != jailID:
		case found != nil:
			return nil, ErrSeveralClients
		default:
			found = c
		}
	}
	if found == nil {
		return nil, ErrClientNotFound
	}
	return &found.secret.principal, nil
}
