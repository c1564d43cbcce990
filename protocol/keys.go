package protocol

import "time"

// ClientKeys are the keys that verify the tokens of a client, and what else holds for its tokens.
type ClientKeys struct {
	ID     string    `json:"givenId"`
	JailID string    `json:"jailId"`
	Keys   []KeyInfo `json:"keys"` // the oldest first
	// JWKS is where the keys come from, if that is a URL; otherwise nil.
	JWKS *JWKSInfo `json:"jwks"`
	// Rules are what the tokens must be, beside the rules of the gateway; nil for none.
	Rules *TokenRules `json:"tokenRules"`
	// Revoked are single tokens that are revoked and have not expired.
	Revoked []RevokedToken `json:"revokedTokens"`
}

// A KeyInfo is what the API shows of a public key.
type KeyInfo struct {
	ID  string     `json:"id"`             // the kid or, without one, the thumbprint (RFC 7638)
	KID string     `json:"kid,omitzero"`   // the name that the headers of tokens have for the key
	PEM string     `json:"jwtPublicKey"`   // as it was registered
	End *time.Time `json:"until,omitzero"` // when it ends; nil if it does not
	// Proven is true if who registered the key has proven to have its private half.
	Proven bool `json:"proven,omitzero"`
	// NeedsJailID is true if a client of the same id in another jail has the key too, and had it first:
	// only tokens whose claim jailId names this jail are verified with it.
	NeedsJailID bool `json:"needsJailId,omitzero"`
}

// A JWKSInfo is a JWK set at a URL, and how fetching it goes.
type JWKSInfo struct {
	URL       string     `json:"url"`
	FetchedAt *time.Time `json:"fetchedAt"` // of the last usable set since the gateway has started
	NextAt    *time.Time `json:"nextAt"`
	Failures  int        `json:"failures,omitzero"` // in a row
	Error     string     `json:"error,omitzero"`    // of the last fetch
}

// TokenRules are what the tokens of a client must be. What is zero is not asked for.
type TokenRules struct {
	Audience    string `json:"audience,omitzero"`    // the claim aud, or one of its members
	Issuer      string `json:"issuer,omitzero"`      // the claim iss
	MaxLifetime int64  `json:"maxLifetime,omitzero"` // seconds from the claim iat, which must be there, to exp
}

// A RevokedToken is a token that is revoked by its claim jti.
type RevokedToken struct {
	JTI   string    `json:"jti"`
	Until time.Time `json:"until"` // when the token expires
}
