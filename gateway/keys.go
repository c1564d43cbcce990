package gateway

import (
	"context"
	"fmt"
	"time"

	"seagate/auth"
	"seagate/auth/jwks"
	"seagate/protocol"
)

// Keys returns a client of the principal's jail, with its keys.
func (g *Gateway) Keys(p *auth.Principal, id string) (auth.Client, error) {
	if err := g.authorize(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, err
	}
	client, err := g.Directory.Client(p.JailUID, id)
	return client, attempted("show the keys", err)
}

// changeKeys makes a change of the keys of a client, durably, and notes it.
func (g *Gateway) changeKeys(p *auth.Principal, what, id string, make func(*auth.Directory) (auth.Client, error)) (auth.Client, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, err
	}
	last, _ := g.Directory.Client(p.JailUID, id) // zero if unknown
	client, err := make(g.Directory.By(p, auth.ManageClients))
	if err != nil {
		return auth.Client{}, attempted("change the keys", err)
	}
	g.audit(p, what, id, auditDetail{auditedKeys(last), auditedKeys(client)})
	return client, nil
}

// auditedKeys shows keys in an audit entry: their ids, and fingerprints of the
// registered keys.
func auditedKeys(c auth.Client) any {
	type key struct {
		ID     string     `json:"id"`
		SHA256 string     `json:"sha256"`
		Until  *time.Time `json:"until,omitempty"`
	}
	keys := make([]key, len(c.Keys))
	for i, k := range c.Keys {
		keys[i] = key{ID: k.ID, SHA256: fingerprint(k.PEM)}
		if !k.Until.IsZero() {
			keys[i].Until = &k.Until
		}
	}
	return struct {
		Keys []key  `json:"keys"`
		URL  string `json:"url,omitempty"`
	}{keys, jwks.WithoutQuery(c.KeysURL)}
}

// SetKeys replaces the keys of a client. The previous ones end after the time keep.
func (g *Gateway) SetKeys(ctx context.Context, p *auth.Principal, id string, keys []auth.NewKey, keep time.Duration) (auth.Client, error) {
	return g.changeKeys(p, "public keys set", id, func(d *auth.Directory) (auth.Client, error) {
		return d.SetKeys(ctx, p.JailUID, id, keys, keep)
	})
}

// AddKey registers a key beside those of a client.
func (g *Gateway) AddKey(ctx context.Context, p *auth.Principal, id string, key auth.NewKey) (auth.Client, error) {
	return g.changeKeys(p, "public key added", id, func(d *auth.Directory) (auth.Client, error) {
		return d.AddKey(ctx, p.JailUID, id, key)
	})
}

// EndKey ends one of a client's keys after the time keep.
func (g *Gateway) EndKey(ctx context.Context, p *auth.Principal, id, keyID string, keep time.Duration) (auth.Client, error) {
	return g.changeKeys(p, "public key ended", id, func(d *auth.Directory) (auth.Client, error) {
		return d.EndKey(ctx, p.JailUID, id, keyID, keep)
	})
}

// SetKeysURL makes the gateway take a client's keys from the JWK set at the URL, as soon as it has
// been fetched. The keys that the client has end after the time keep.
func (g *Gateway) SetKeysURL(ctx context.Context, p *auth.Principal, id, url string, keep time.Duration) (auth.Client, error) {
	client, err := g.changeKeys(p, "public keys set", id, func(d *auth.Directory) (auth.Client, error) {
		if g.JWKS == nil {
			return auth.Client{}, fmt.Errorf("%w: this gateway fetches none", jwks.ErrURL)
		}
		if err := g.JWKS.Check(url); err != nil {
			return auth.Client{}, err
		}
		return d.SetKeysURL(ctx, p.JailUID, id, url, keep)
	})
	if err == nil {
		g.JWKS.Look()
	}
	return client, err
}

// KeysState returns the state of fetching the client's keys.
func (g *Gateway) KeysState(c auth.Client) jwks.State {
	if g.JWKS == nil {
		return jwks.State{}
	}
	return g.JWKS.State(c.KeysURL)
}

// SetTokenRules replaces the rules for the tokens of a client. If they change, the connections of their
// bearers end.
func (g *Gateway) SetTokenRules(ctx context.Context, p *auth.Principal, id string, rules *auth.TokenRules) (auth.Client, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, err
	}
	last, _ := g.Directory.Client(p.JailUID, id) // zero if unknown
	client, err := g.Directory.By(p, auth.ManageClients).SetTokenRules(ctx, p.JailUID, id, rules)
	if err != nil {
		return auth.Client{}, attempted("set the rules for tokens", err)
	}
	g.audit(p, "token rules set", id, auditDetail{last.Tokens, client.Tokens})
	return client, nil
}

// RevokeToken revokes the tokens of a client that have the claim jti, until the time when they expire, and
// ends their connections.
func (g *Gateway) RevokeToken(ctx context.Context, p *auth.Principal, id, jti string, until time.Time) (auth.Client, error) {
	if err := g.manage(p, auth.ManageClients, ""); err != nil {
		return auth.Client{}, err
	}
	client, err := g.Directory.By(p, auth.ManageClients).RevokeToken(ctx, p.JailUID, id, jti, until)
	if err != nil {
		return auth.Client{}, attempted("revoke the token", err)
	}
	g.audit(p, "token revoked", id, auditDetail{after: map[string]any{"jti": jti, "until": until.UTC()}})
	return client, nil
}

// ReadToken returns the claim jti of a token of a client of the principal's jail, and when it expires. The
// token must be valid.
func (g *Gateway) ReadToken(p *auth.Principal, id, token string) (jti string, expires time.Time, err error) {
	if err := g.authorize(p, auth.ManageClients, ""); err != nil {
		return "", time.Time{}, err
	}
	if _, err := g.Directory.Client(p.JailUID, id); err != nil {
		return "", time.Time{}, attempted("revoke the token", err)
	}
	of, refusal := g.Directory.InspectToken(id, token, p.JailID)
	switch {
	case refusal != nil:
		return "", time.Time{}, protocol.Errorf(protocol.CodeInvalidRequest, "this is no valid token of the client: %s", refusal.Reason)
	case of.TokenID == "":
		return "", time.Time{}, protocol.Errorf(protocol.CodeInvalidRequest,
			"the token has no claim jti, so it cannot be revoked alone; end its key, which revokes all tokens of that")
	}
	return of.TokenID, of.Expires, nil
}
