package auth

import (
	"net/netip"
	"sync/atomic"
	"time"

	"seagate/auth/fdsl"
)

// A Method is how a principal authenticated. The zero Method means that it did not.
type Method uint8

// The methods.
const (
	MethodBasic Method = iota + 1 // client id and secret
	MethodToken                   // a JWT that the client signed
)

// A Principal is a client that authenticated, or the bearer of a client's token. It is
// immutable, and requests share it.
type Principal struct {
	JailID    string
	JailUID   string // what belongs to the jail is kept under its uid
	ClientID  string
	ClientUID string
	Method    Method
	Root      bool // of the root jail

	Address netip.Addr // from which it authenticated, for the audit stream; the zero Addr if unknown

	// The claims of a token; zero for a client that presented its secret.
	TokenID    string       // the claim jti; "" for a token that cannot be revoked alone
	Expires    time.Time    // the principal is current before this time
	MustFanout bool         // must not share the messages of a group
	Filter     *fdsl.Filter // the messages that it may see; nil for all
	Streams    []string     // patterns of the streams that it may read; nil for all
	Publishes  []string     // patterns of the streams that it may publish to; nil for none
	Fetches    []FetchGrant // the procedures that it may call
	Groups     GroupGrant   // the groups that it may join
	FilterID   string       // the same for principals with the same filter; "" without one

	credential *credential
}

// A credential is a secret until it is rotated, or a public key until it is replaced.
type credential struct {
	principal Principal // whoever presents the credential
	rights    *rights
	revoked   atomic.Bool
	ends      atomic.Int64 // of an old secret or key, in Unix nanoseconds; 0 is never
	inFlight  inFlight
	tokenIDs  *tokenIDs // of tokens that are revoked; nil for a secret
}

// hasEnded reports whether the credential was revoked, or is an old one whose time is over.
func (c *credential) hasEnded() bool {
	ends := c.ends.Load()
	return c.revoked.Load() || ends != 0 && time.Now().UnixNano() >= ends
}

// rights are the current rights of a client. All its credentials share them.
type rights struct{ atomic.Pointer[Rights] }

// Current reports whether p's credential is still in force: the client and jail exist, the
// secret or key is unchanged, the rights were not narrowed, and the token was neither revoked nor has
// it expired.
func (p *Principal) Current() bool {
	return p.credential != nil && !p.revoked() && (p.Expires.IsZero() || time.Now().Before(p.Expires))
}

// revoked reports whether p's credential has ended, or its token was revoked. p has a credential.
func (p *Principal) revoked() bool { return p.credential.hasEnded() || p.tokenRevoked() }

// tokenRevoked reports whether p's token was revoked alone. p has a credential.
func (p *Principal) tokenRevoked() bool {
	return p.TokenID != "" && p.credential.tokenIDs.has(p.TokenID)
}

// InForce returns nil if p is Current. Otherwise it returns ErrTokenExpired if p's token has
// expired and nothing else is wrong, or ErrInvalidCredentials.
func (p *Principal) InForce() error {
	switch {
	case p.Current():
		return nil
	case p.credential != nil && !p.revoked():
		return ErrTokenExpired
	}
	return ErrInvalidCredentials
}

// Begin begins a change that p makes, or returns what InForce does. The caller must End the change.
// The Directory's methods that revoke p's credential wait for that, so nothing is made for a
// credential after the answer to its revocation. Begin takes no lock and does not wait.
//
// Between Begin and End the caller must wait neither for a peer nor for a change of the Directory,
// which may be the one that waits for it.
func (p *Principal) Begin() (Change, error) {
	if p.credential == nil {
		return Change{}, ErrInvalidCredentials
	}
	c := p.credential.inFlight.begin()
	if err := p.InForce(); err != nil {
		c.End()
		return Change{}, err
	}
	return c, nil
}

// Budget names what bounds "per client" count p under: a client has budgets of its own, and those of
// all bearers of its tokens, who share them, so bearers use up nothing of the client.
func (p *Principal) Budget() string {
	if p.Method == MethodToken {
		return BearersOf(p.ClientUID)
	}
	return p.ClientUID
}

// BearersOf returns the Budget of the bearers of a client's tokens.
func BearersOf(clientUID string) string { return clientUID + "~" }

// Rights returns the rights of the client; nil for all. The claims of a token narrow them.
func (p *Principal) Rights() *Rights {
	if p.credential == nil {
		return nil
	}
	return p.credential.rights.Load()
}
