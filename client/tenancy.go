package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"seagate/internal/secret"
	"seagate/protocol"
)

// NewSecret is a client's secret, which is shown only when it is created.
type NewSecret struct {
	JailID   string // of a new jail; "" otherwise
	ClientID string
	Secret   Secret
}

// Clients lists the clients of the client's own jail, ordered by id. An error ends
// the list.
func (c *Client) Clients(ctx context.Context) iter.Seq2[ClientInfo, error] {
	return list[ClientInfo](ctx, c, request{doing: "list clients", method: http.MethodGet, path: []string{"clients"}}, "clients")
}

// CreateClient creates a client with all rights in the client's own jail.
func (c *Client) CreateClient(ctx context.Context, id, description string) (NewSecret, error) {
	return c.createClient(ctx, id, description, nil)
}

func (c *Client) createClient(ctx context.Context, id, description string, rights *Rights) (NewSecret, error) {
	r, err := clientCall("create client", http.MethodPost, id)
	if err != nil {
		return NewSecret{}, err
	}
	r.path = []string{"client"}
	r.body = struct {
		ID          string  `json:"clientId"`
		Description string  `json:"description"`
		Rights      *Rights `json:"rights,omitempty"`
	}{id, description, rights}
	return c.secretOf(ctx, r)
}

// CreateClientWithRights is CreateClient for a client that may do no more than the rights say.
func (c *Client) CreateClientWithRights(ctx context.Context, id, description string, rights Rights) (NewSecret, error) {
	return c.createClient(ctx, id, description, &rights)
}

// SetRights replaces the rights of a client; nil is all rights. If the client may do less than
// before, its connections end.
func (c *Client) SetRights(ctx context.Context, id string, rights *Rights) error {
	r, err := clientCall("set the rights of client", http.MethodPut, id)
	if err != nil {
		return err
	}
	r.path = append(r.path, "rights")
	r.body = struct {
		Rights *Rights `json:"rights"`
	}{rights}
	return c.do(ctx, r, nil)
}

// RotateSecret gives a client a new secret. The old one becomes invalid, and
// connections that used it end.
func (c *Client) RotateSecret(ctx context.Context, id string) (NewSecret, error) {
	r, err := clientCall("rotate the secret of client", http.MethodPut, id)
	if err != nil {
		return NewSecret{}, err
	}
	return c.secretOf(ctx, r)
}

// RotateSecretKeeping is RotateSecret, except that the old secret stays valid for the time
// keep, in whole seconds, at most 30 days. So programs can change to the new one without an
// interruption.
func (c *Client) RotateSecretKeeping(ctx context.Context, id string, keep time.Duration) (NewSecret, error) {
	r, err := clientCall("rotate the secret of client", http.MethodPut, id)
	if err != nil {
		return NewSecret{}, err
	}
	r.query = url.Values{"keepOld": {strconv.FormatInt(int64(keep/time.Second), 10)}}
	return c.secretOf(ctx, r)
}

// secretOf makes a call whose answer is a secret.
func (c *Client) secretOf(ctx context.Context, r request) (NewSecret, error) {
	var answer protocol.NewClient
	if err := c.do(ctx, r, &answer); err != nil {
		return NewSecret{}, err
	}
	return NewSecret{ClientID: answer.ID, Secret: secret.New(answer.Secret)}, nil
}

// DeleteClient deletes a client and ends its connections.
func (c *Client) DeleteClient(ctx context.Context, id string) error {
	r, err := clientCall("delete client", http.MethodDelete, id)
	if err != nil {
		return err
	}
	return c.do(ctx, r, nil)
}

// SetPublicKey sets the RSA public key, in PEM, that verifies a client's tokens. If
// pem is empty, it removes the key. Connections that used the old key end.
func (c *Client) SetPublicKey(ctx context.Context, id, pem string) error {
	r, err := clientCall("set the public key of client", http.MethodPut, id)
	if err != nil {
		return err
	}
	r.path = append(r.path, "jwt-public-key")
	key := &pem
	if pem == "" {
		key = nil
	}
	r.body = struct {
		Key *string `json:"jwtPublicKey"`
	}{key}
	return c.do(ctx, r, nil)
}

// clientCall returns a request about one client.
func clientCall(doing, method, id string) (request, error) {
	r := request{doing: fmt.Sprintf("%s %q", doing, id), method: method, path: []string{"client", id}}
	if err := protocol.CheckClientID(id); err != nil {
		return r, fmt.Errorf("client: %s: %w", r.doing, named(err))
	}
	return r, nil
}

// Jails lists the jails, ordered by id. An error ends the list. Only clients of the
// root jail can list, create and delete jails.
func (c *Client) Jails(ctx context.Context) iter.Seq2[JailInfo, error] {
	return list[JailInfo](ctx, c, request{doing: "list jails", method: http.MethodGet, path: []string{"jails"}}, "jails")
}

// JailsWithQuotas is Jails with what each jail uses and may use.
func (c *Client) JailsWithQuotas(ctx context.Context) iter.Seq2[JailInfo, error] {
	r := request{doing: "list jails", method: http.MethodGet, path: []string{"jails"}, query: url.Values{"quotas": {"true"}}}
	return list[JailInfo](ctx, c, r, "jails")
}

// Quotas returns what a jail uses and may use. "" is the client's own jail; others need
// a client of the root jail.
func (c *Client) Quotas(ctx context.Context, jail string) (Quotas, error) {
	r := request{doing: "read the quotas", method: http.MethodGet, path: []string{"quotas"}}
	if jail != "" {
		var err error
		if r, err = jailCall("read the quotas of jail", http.MethodGet, jail); err != nil {
			return Quotas{}, err
		}
		r.path = append(r.path, "quotas")
	}
	var answer Quotas
	err := c.do(ctx, r, &answer)
	return answer, err
}

// SetQuotas replaces the limits that are set for a jail alone, by the names of the
// resources; 0 is no bound. For the others the gateway's defaults hold.
func (c *Client) SetQuotas(ctx context.Context, jail string, set map[string]int64) (Quotas, error) {
	r, err := jailCall("set the quotas of jail", http.MethodPut, jail)
	if err != nil {
		return Quotas{}, err
	}
	r.path = append(r.path, "quotas")
	if r.body = set; set == nil {
		r.body = struct{}{}
	}
	var answer Quotas
	err = c.do(ctx, r, &answer)
	return answer, err
}

// CreateJail creates a jail with its first client.
func (c *Client) CreateJail(ctx context.Context, id, name, clientID string) (NewSecret, error) {
	r, err := jailCall("create jail", http.MethodPost, id)
	if err != nil {
		return NewSecret{}, err
	}
	r.path = []string{"jails"}
	r.body = struct {
		ID       string `json:"newJailId"`
		Name     string `json:"newJailName"`
		ClientID string `json:"newClientId"`
	}{id, name, clientID}
	var answer protocol.NewJail
	if err := c.do(ctx, r, &answer); err != nil {
		return NewSecret{}, err
	}
	return NewSecret{JailID: answer.ID, ClientID: answer.ClientID, Secret: secret.New(answer.ClientSecret)}, nil
}

// DeleteJail deletes a jail with its clients and streams, and ends its
// connections.
func (c *Client) DeleteJail(ctx context.Context, id string) error {
	r, err := jailCall("delete jail", http.MethodDelete, id)
	if err != nil {
		return err
	}
	return c.do(ctx, r, nil)
}

// jailCall returns a request about one jail.
func jailCall(doing, method, id string) (request, error) {
	r := request{doing: fmt.Sprintf("%s %q", doing, id), method: method, path: []string{"jails", id}}
	if err := protocol.CheckJailID(id); err != nil {
		return r, fmt.Errorf("client: %s: %w", r.doing, named(err))
	}
	return r, nil
}
