package httpapi

import (
	"seagate/auth"
	"seagate/internal/secret"
	"seagate/protocol"
)

func withSecret(c auth.Client, s secret.Text) protocol.NewClient {
	return protocol.NewClient{ID: c.ID, Secret: s.Reveal(), Description: c.Description}
}

// deleted is the answer to the deletion of a client or a jail.
type deleted struct {
	ID string `json:"id"`
}

// createClient is POST /client.
func (q *request) createClient() (any, error) {
	var id, description string
	var rights *auth.Rights
	err := q.readForm(func(f *form) {
		id, description, rights = f.text("clientId"), f.optionalText("description"), f.rights("rights")
	})
	if err != nil {
		return nil, err
	}
	client, secret, err := q.gateway.CreateClient(q.r.Context(), q.principal, id, description, rights)
	return withSecret(client, secret), err
}

// setRights is PUT /client/{client}/rights. Rights of null are all.
func (q *request) setRights() (any, error) {
	var rights *auth.Rights
	err := q.readForm(func(f *form) {
		f.only("rights")
		if _, there := f.members["rights"]; !there {
			f.Add("rights", mustBeThere)
		}
		rights = f.rights("rights")
	})
	if err != nil {
		return nil, err
	}
	client, err := q.gateway.SetRights(q.r.Context(), q.principal, q.client(), rights)
	return protocol.ClientRights{ID: client.ID, Rights: (*protocol.Rights)(client.Rights)}, err
}

// rights returns the member, an object with a list of patterns for each right, or nil for all
// rights if it is missing or null.
func (f *form) rights(name string) *auth.Rights {
	if f.members[name] == nil {
		return nil
	}
	var r auth.Rights
	f.object(name, func(f *form) {
		known := make([]string, len(auth.AllRights))
		for i, right := range auth.AllRights {
			known[i] = string(right)
			if f.members[known[i]] != nil {
				r.Set(right, f.names(known[i]))
			}
		}
		f.only(known...)
	})
	return &r
}

// rotateSecret is PUT /client/{client}?keepOld=, a number of seconds.
func (q *request) rotateSecret() (any, error) {
	query := q.query("keepOld")
	keep := query.seconds("keepOld", auth.MaxKeep)
	if err := query.err(); err != nil {
		return nil, err
	}
	client, secret, err := q.gateway.RotateSecret(q.r.Context(), q.principal, q.client(), keep)
	return withSecret(client, secret), err
}

// deleteClient is DELETE /client/{client}.
func (q *request) deleteClient() (any, error) {
	return deleted{q.client()}, q.gateway.DeleteClient(q.r.Context(), q.principal, q.client())
}

// setPublicKey is PUT /client/{client}/jwt-public-key. A key of null removes the
// client's key.
func (q *request) setPublicKey() (any, error) {
	var pem, proof string
	err := q.readForm(func(f *form) { pem, proof = f.nullable("jwtPublicKey"), f.optionalText("proof") })
	if err != nil {
		return nil, err
	}
	var client auth.Client
	if proof == "" {
		client, err = q.gateway.SetPublicKey(q.r.Context(), q.principal, q.client(), pem)
	} else {
		client, err = q.gateway.SetKeys(q.r.Context(), q.principal, q.client(), []auth.NewKey{{PEM: pem, Proof: proof}}, 0)
	}
	return struct {
		GivenID      string            `json:"givenId"`
		JWTPublicKey protocol.Nullable `json:"jwtPublicKey"`
	}{client.ID, protocol.Nullable(client.PublicKey)}, err
}

// listClients is GET /clients?after=&limit=.
func (q *request) listClients() (any, error) {
	page, next, err := readPage(q, q.gateway.Clients, func(c auth.Client) (protocol.ClientInfo, string) {
		info := protocol.ClientInfo{ID: c.ID, Description: c.Description, CreatedAt: c.CreatedAt.UTC(), Rights: (*protocol.Rights)(c.Rights)}
		if !c.OldUntil.IsZero() {
			until := c.OldUntil.UTC()
			info.OldSecretUntil = &until
		}
		if c.PublicKey != "" {
			info.PublicKey = &c.PublicKey
		}
		return info, c.ID
	})
	return struct {
		Clients []protocol.ClientInfo `json:"clients"`
		Next    protocol.Nullable     `json:"next"`
	}{page, next}, err
}

// listJails is GET /jails?after=&limit=&quotas=.
func (q *request) listJails() (any, error) {
	page, next, err := readPage(q, q.gateway.Jails, func(j auth.Jail) (protocol.JailInfo, string) {
		info := protocol.JailInfo{ID: j.ID, Name: j.Name, CreatedAt: j.CreatedAt.UTC()}
		if q.r.URL.Query().Get("quotas") == "true" {
			quotas := quotasView(q.gateway.QuotasOf(j))
			info.Quotas = &quotas
		}
		return info, j.ID
	}, "quotas")
	return struct {
		Jails []protocol.JailInfo `json:"jails"`
		Next  protocol.Nullable   `json:"next"`
	}{page, next}, err
}

// createJail is POST /jails.
func (q *request) createJail() (any, error) {
	var id, name, client string
	err := q.readForm(func(f *form) {
		id, name, client = f.text("newJailId"), f.optionalText("newJailName"), f.text("newClientId")
	})
	if err != nil {
		return nil, err
	}
	jail, secret, err := q.gateway.CreateJail(q.r.Context(), q.principal, id, name, client)
	return protocol.NewJail{ID: jail.ID, ClientID: client, ClientSecret: secret.Reveal()}, err
}

// deleteJail is DELETE /jails/{jail}.
func (q *request) deleteJail() (any, error) {
	return deleted{q.jail()}, q.gateway.DeleteJail(q.r.Context(), q.principal, q.jail())
}
