package httpapi

import (
	"seagate/auth"
	"seagate/internal/secret"
	"seagate/protocol"
)

func (q *request) showSecret(c auth.Client, s secret.Text) ([]byte, error) {
	return q.encode(protocol.NewClient{ID: c.ID, Secret: s.Reveal(), Description: c.Description})
}

type deleted struct {
	ID string `json:"id"`
}

// createClient is POST /client.
func (q *request) createClient() ([]byte, error) {
	form, err := q.form()
	if err != nil {
		return nil, err
	}
	id, description := form.text("clientId"), form.optional("description")
	if err := form.err(); err != nil {
		return nil, err
	}
	client, secret, err := q.gateway.CreateClient(q.r.Context(), q.principal, id, description)
	if err != nil {
		return nil, err
	}
	return q.showSecret(client, secret)
}

// rotateSecret is PUT /client/{client}.
func (q *request) rotateSecret(id string) ([]byte, error) {
	client, secret, err := q.gateway.RotateSecret(q.r.Context(), q.principal, id)
	if err != nil {
		return nil, err
	}
	return q.showSecret(client, secret)
}

// deleteClient is DELETE /client/{client}.
func (q *request) deleteClient(id string) ([]byte, error) {
	if err := q.gateway.DeleteClient(q.r.Context(), q.principal, id); err != nil {
		return nil, err
	}
	return q.encode(deleted{id})
}

// setPublicKey is PUT /client/{client}/jwt-public-key; null clears the key.
func (q *request) setPublicKey(id string) ([]byte, error) {
	form, err := q.form()
	if err != nil {
		return nil, err
	}
	pem := form.nullable("jwtPublicKey")
	if err := form.err(); err != nil {
		return nil, err
	}
	client, err := q.gateway.SetPublicKey(q.r.Context(), q.principal, id, pem)
	if err != nil {
		return nil, err
	}
	return q.encode(struct {
		GivenID      string  `json:"givenId"`
		JWTPublicKey *string `json:"jwtPublicKey"`
	}{client.ID, textOrNull(client.PublicKey)})
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// listClients is GET /clients?after=&limit=.
func (q *request) listClients() ([]byte, error) {
	after, limit, err := q.page()
	if err != nil {
		return nil, err
	}
	list, more, err := q.gateway.Clients(q.principal, after, limit)
	if err != nil {
		return nil, err
	}
	views := make([]protocol.ClientInfo, len(list))
	last := ""
	for i, c := range list {
		views[i], last = protocol.ClientInfo{ID: c.ID, Description: c.Description, PublicKey: textOrNull(c.PublicKey), CreatedAt: c.CreatedAt.UTC()}, c.ID
	}
	return q.encode(struct {
		Clients []protocol.ClientInfo `json:"clients"`
		Next    *string               `json:"next"`
	}{views, next(last, more)})
}

// listJails is GET /jails?after=&limit=.
func (q *request) listJails() ([]byte, error) {
	after, limit, err := q.page()
	if err != nil {
		return nil, err
	}
	list, more, err := q.gateway.Jails(q.principal, after, limit)
	if err != nil {
		return nil, err
	}
	views := make([]protocol.JailInfo, len(list))
	last := ""
	for i, j := range list {
		views[i], last = protocol.JailInfo{ID: j.ID, Name: j.Name, CreatedAt: j.CreatedAt.UTC()}, j.ID
	}
	return q.encode(struct {
		Jails []protocol.JailInfo `json:"jails"`
		Next  *string             `json:"next"`
	}{views, next(last, more)})
}

// createJail is POST /jails.
func (q *request) createJail() ([]byte, error) {
	form, err := q.form()
	if err != nil {
		return nil, err
	}
	id, name, client := form.text("newJailId"), form.optional("newJailName"), form.text("newClientId")
	if err := form.err(); err != nil {
		return nil, err
	}
	jail, secret, err := q.gateway.CreateJail(q.r.Context(), q.principal, id, name, client)
	if err != nil {
		return nil, err
	}
	return q.encode(protocol.NewJail{ID: jail.ID, ClientID: client, ClientSecret: secret.Reveal()})
}

// deleteJail is DELETE /jails/{jail}.
func (q *request) deleteJail(id string) ([]byte, error) {
	if err := q.gateway.DeleteJail(q.r.Context(), q.principal, id); err != nil {
		return nil, err
	}
	return q.encode(deleted{id})
}
