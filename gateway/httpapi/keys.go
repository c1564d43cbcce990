package httpapi

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"seagate/auth"
	"seagate/protocol"
)

// keysView is how a client's keys are shown.
func (q *request) keysView(c auth.Client) protocol.ClientKeys {
	view := protocol.ClientKeys{
		ID: c.ID, JailID: q.principal.JailID, Keys: make([]protocol.KeyInfo, len(c.Keys)),
		Rules: (*protocol.TokenRules)(c.Tokens), Revoked: []protocol.RevokedToken{},
	}
	for i, k := range c.Keys {
		view.Keys[i] = protocol.KeyInfo{ID: k.ID, KID: k.KID, PEM: k.PEM, End: timeOrNil(k.Until), Proven: k.Proven, NeedsJailID: k.NeedsJailID}
	}
	if c.KeysURL != "" {
		s := q.gateway.KeysState(c)
		view.JWKS = &protocol.JWKSInfo{
			URL: c.KeysURL, FetchedAt: timeOrNil(s.FetchedAt), NextAt: timeOrNil(s.NextAt), Failures: s.Failures, Error: s.Error,
		}
	}
	for jti, until := range c.Revoked {
		view.Revoked = append(view.Revoked, protocol.RevokedToken{JTI: jti, Until: until.UTC()})
	}
	slices.SortFunc(view.Revoked, func(a, b protocol.RevokedToken) int { return strings.Compare(a.JTI, b.JTI) })
	return view
}

// timeOrNil returns nil for the zero time.
func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// getKeys is GET /client/{client}/keys.
func (q *request) getKeys() (any, error) {
	client, err := q.gateway.Keys(q.principal, q.client())
	return q.keysView(client), err
}

// setKeys is PUT /client/{client}/keys?keepOld=, a number of seconds. The body has one of keys, jwks
// and url.
func (q *request) setKeys() (any, error) {
	query := q.query("keepOld")
	keep := query.seconds("keepOld", auth.MaxKeep)
	if err := query.err(); err != nil {
		return nil, err
	}
	var keys []auth.NewKey
	var url string
	var unusable error
	err := q.readForm(func(f *form) {
		f.only("keys", "jwks", "url")
		if len(f.members) != 1 {
			f.Add("body", "must have one of keys, jwks and url")
			return
		}
		for name := range f.members {
			switch name {
			case "keys":
				keys = f.keys(name)
			case "jwks":
				keys, unusable = f.jwks(name)
			case "url":
				url = f.text(name)
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case unusable != nil:
		return nil, unusable
	}
	var client auth.Client
	if url != "" {
		client, err = q.gateway.SetKeysURL(q.r.Context(), q.principal, q.client(), url, keep)
	} else {
		client, err = q.gateway.SetKeys(q.r.Context(), q.principal, q.client(), keys, keep)
	}
	return q.keysView(client), err
}

// keys returns the member, a list of keys.
func (f *form) keys(name string) []auth.NewKey {
	list, ok := f.members[name].([]any)
	if !ok {
		f.Add(name, "must be a list of objects")
	}
	if len(list) > auth.MaxKeysPerClient {
		f.Addf(name, "has %d keys and a client may have %d", len(list), auth.MaxKeysPerClient)
		return nil
	}
	keys := make([]auth.NewKey, len(list))
	for i, item := range list {
		members, ok := item.(map[string]any)
		if !ok {
			f.Add(fmt.Sprintf("%s[%d]", name, i), "must be an object")
			continue
		}
		inner := &form{members: members}
		inner.only("kid", "jwtPublicKey", "proof")
		keys[i] = inner.key(inner.optionalText("kid"))
		for _, problem := range inner.Kept() {
			f.Add(fmt.Sprintf("%s[%d].%s", name, i, problem.Place), problem.Message)
		}
	}
	return keys
}

// key returns the key of the form's members.
func (f *form) key(kid string) auth.NewKey {
	return auth.NewKey{PEM: f.text("jwtPublicKey"), KID: kid, Proof: f.optionalText("proof")}
}

// jwks returns the keys of the member, a JWK set.
func (f *form) jwks(name string) ([]auth.NewKey, error) {
	set := optional[map[string]any](f, name, "must be a JWK set, an object with a list of keys")
	text, err := json.Marshal(set)
	if err != nil || set == nil {
		f.Add(name, "must be a JWK set, an object with a list of keys")
		return nil, nil
	}
	keys, _, err := auth.ParseJWKS(text)
	return keys, err
}

// addKey is PUT /client/{client}/keys/{key}.
func (q *request) addKey() (any, error) {
	var key auth.NewKey
	err := q.readForm(func(f *form) {
		f.only("jwtPublicKey", "proof")
		key = f.key(q.r.PathValue("key"))
	})
	if err != nil {
		return nil, err
	}
	client, err := q.gateway.AddKey(q.r.Context(), q.principal, q.client(), key)
	return q.keysView(client), err
}

// endKey is DELETE /client/{client}/keys/{key}?keepOld=, a number of seconds.
func (q *request) endKey() (any, error) {
	query := q.query("keepOld")
	keep := query.seconds("keepOld", auth.MaxKeep)
	if err := query.err(); err != nil {
		return nil, err
	}
	client, err := q.gateway.EndKey(q.r.Context(), q.principal, q.client(), q.r.PathValue("key"), keep)
	return q.keysView(client), err
}

// setTokenRules is PUT /client/{client}/token-rules.
func (q *request) setTokenRules() (any, error) {
	var rules auth.TokenRules
	err := q.readForm(func(f *form) {
		f.only("audience", "issuer", "maxLifetime")
		rules.Audience, rules.Issuer = f.optionalText("audience"), f.optionalText("issuer")
		if n := f.count("maxLifetime"); n != nil {
			rules.MaxLifetime = *n
		}
	})
	if err != nil {
		return nil, err
	}
	client, err := q.gateway.SetTokenRules(q.r.Context(), q.principal, q.client(), &rules)
	return q.keysView(client), err
}

// revokeToken is POST /client/{client}/revoked-tokens. The body has jwt, or jti and exp.
func (q *request) revokeToken() (any, error) {
	var token, jti string
	var until time.Time
	err := q.readForm(func(f *form) {
		f.only("jwt", "jti", "exp")
		if f.members["jwt"] != nil {
			f.only("jwt")
			token = f.text("jwt")
			return
		}
		jti, until = f.text("jti"), f.seconds("exp")
	})
	if err != nil {
		return nil, err
	}
	if token != "" {
		if jti, until, err = q.gateway.ReadToken(q.principal, q.client(), token); err != nil {
			return nil, err
		}
	}
	client, err := q.gateway.RevokeToken(q.r.Context(), q.principal, q.client(), jti, until)
	return q.keysView(client), err
}

// seconds returns the member, a number of seconds since 1970 as in a token.
func (f *form) seconds(name string) time.Time {
	n, ok := f.members[name].(float64)
	if !ok || n < 0 || n > auth.MaxSeconds {
		f.Addf(name, "must be a number of seconds since 1970, from 0 to %d", int64(auth.MaxSeconds))
		return time.Time{}
	}
	return time.Unix(int64(math.Ceil(n)), 0)
}
