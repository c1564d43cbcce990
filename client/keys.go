package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"seagate/protocol"
)

// What the gateway shows of the keys of a client.
type (
	ClientKeys   = protocol.ClientKeys
	KeyInfo      = protocol.KeyInfo
	JWKSInfo     = protocol.JWKSInfo
	TokenRules   = protocol.TokenRules
	RevokedToken = protocol.RevokedToken
)

// A NewKey is an RSA public key that is to verify tokens.
type NewKey struct {
	KID string `json:"kid,omitzero"` // the name that the headers of tokens have for it; "" for none
	PEM string `json:"jwtPublicKey"`

	// Proof shows that the private half is there, or is "": see auth.ProveKey and docs/protocol.md.
	Proof string `json:"proof,omitzero"`
}

func (c *Client) changeKeys(ctx context.Context, doing, method, id string, path []string, keep time.Duration, body any) (ClientKeys, error) {
	r, err := clientCall(doing, method, id)
	if err != nil {
		return ClientKeys{}, err
	}
	r.path = append(r.path, path...)
	r.body = body
	if keep > 0 {
		r.query = url.Values{"keepOld": {strconv.FormatInt(int64(keep/time.Second), 10)}}
	}
	var answer ClientKeys
	err = c.do(ctx, r, &answer)
	return answer, err
}

// Keys returns the keys of a client.
func (c *Client) Keys(ctx context.Context, id string) (ClientKeys, error) {
	return c.changeKeys(ctx, "read the keys of client", http.MethodGet, id, []string{"keys"}, 0, nil)
}

// SetKeys makes the keys the only ones that verify a client's tokens. The others, and connections that
// use their tokens, end after the time keep, in whole seconds, at most 30 days.
func (c *Client) SetKeys(ctx context.Context, id string, keys []NewKey, keep time.Duration) (ClientKeys, error) {
	body := struct {
		Keys []NewKey `json:"keys"`
	}{append([]NewKey{}, keys...)}
	return c.changeKeys(ctx, "set the keys of client", http.MethodPut, id, []string{"keys"}, keep, body)
}

// SetKeySet is SetKeys with the keys of a JWK set.
func (c *Client) SetKeySet(ctx context.Context, id string, set []byte, keep time.Duration) (ClientKeys, error) {
	body := struct {
		Set jsontext.Value `json:"jwks"`
	}{set}
	return c.changeKeys(ctx, "set the keys of client", http.MethodPut, id, []string{"keys"}, keep, body)
}

// SetKeysURL is SetKeys with the keys of the JWK set at a URL, which the gateway fetches again and again.
func (c *Client) SetKeysURL(ctx context.Context, id, url string, keep time.Duration) (ClientKeys, error) {
	body := struct {
		URL string `json:"url"`
	}{url}
	return c.changeKeys(ctx, "set the keys of client", http.MethodPut, id, []string{"keys"}, keep, body)
}

// AddKey registers a key, which has a KID, beside those that a client has. One with the same kid is
// replaced.
func (c *Client) AddKey(ctx context.Context, id string, key NewKey) (ClientKeys, error) {
	kid := key.KID
	key.KID = "" // it is in the path
	return c.changeKeys(ctx, "add a key to client", http.MethodPut, id, []string{"keys", kid}, 0, key)
}

// EndKey ends the key of a client with the id, and connections that use its tokens, after the time keep.
func (c *Client) EndKey(ctx context.Context, id, keyID string, keep time.Duration) (ClientKeys, error) {
	return c.changeKeys(ctx, "end a key of client", http.MethodDelete, id, []string{"keys", keyID}, keep, nil)
}

// SetTokenRules replaces the rules for the tokens of a client. If they change, connections that use its
// tokens end.
func (c *Client) SetTokenRules(ctx context.Context, id string, rules TokenRules) (ClientKeys, error) {
	return c.changeKeys(ctx, "set the rules for tokens of client", http.MethodPut, id, []string{"token-rules"}, 0, rules)
}

// RevokeToken revokes the tokens of a client whose claim jti is the given one, until they expire.
func (c *Client) RevokeToken(ctx context.Context, id, jti string, expires time.Time) (ClientKeys, error) {
	body := struct {
		JTI string `json:"jti"`
		Exp int64  `json:"exp"`
	}{jti, expires.Unix()}
	return c.changeKeys(ctx, "revoke a token of client", http.MethodPost, id, []string{"revoked-tokens"}, 0, body)
}

// RevokeTokenText is RevokeToken for a token that is at hand.
func (c *Client) RevokeTokenText(ctx context.Context, id, token string) (ClientKeys, error) {
	body := struct {
		JWT string `json:"jwt"`
	}{token}
	return c.changeKeys(ctx, "revoke a token of client", http.MethodPost, id, []string{"revoked-tokens"}, 0, body)
}
