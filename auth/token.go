package auth

import (
	"cmp"
	"crypto/rsa"
	_ "crypto/sha512" // the hash of RS512
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"seagate/auth/fdsl"
)

// MaxToken is the length of the longest token that is verified, in bytes.
const MaxToken = 64 << 10

var tokenParser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodRS512.Alg()}),
	jwt.WithExpirationRequired(),
	jwt.WithStrictDecoding(),
)

// Token authenticates the bearer of a client's token. from is the address of the peer. jailID
// names the client's jail, or is "" for any jail. It fails with a *Refusal. A token that is right
// passes whatever others at the address do.
func (d *Directory) Token(clientID, token, jailID string, from netip.Addr) (*Principal, error) {
	begun := time.Now()
	p, refusal := d.token(d.withID(clientID), token, jailID)
	if refusal != nil {
		if refusal.Reason == ReasonTokenKey {
			d.missKey(d.withID(clientID))
		}
		return nil, d.failed(clientID, from, refusal, begun)
	}
	return p, nil
}

// InspectToken is Token for somebody of the jail who manages the client, and may know why a token is
// refused. It counts no failure. It says nothing about other jails: their keys verify nothing here, and a
// token that names another jail is refused with ReasonTokenJail.
func (d *Directory) InspectToken(clientID, token, jailID string) (*Principal, *Refusal) {
	known := d.withID(clientID).in(jailID)
	p, refusal := d.token(known, token, jailID)
	if refusal != nil && refusal.Reason == ReasonTokenKey {
		d.missKey(known)
	}
	return p, refusal
}

// in returns what the namesakes of one jail have, as if there were no other jails. There is a client of
// the id in the jail.
func (n *namesakes) in(jailID string) *namesakes {
	own := &namesakes{clients: 1, jail: jailID}
	for _, k := range n.keys {
		if k.principal.JailID == jailID {
			own.keys = append(own.keys, k)
		}
	}
	for _, s := range n.sources {
		if s.JailID == jailID {
			own.sources = append(own.sources, s)
		}
	}
	return own
}

func (d *Directory) token(known *namesakes, token, jailID string) (*Principal, *Refusal) {
	kid, err := checkShape(token)
	if err != nil {
		return nil, invalid(ReasonTokenMalformed, err)
	}
	candidates := mayVerify(known.keys, jailID, kid)
	var key *keyCredential
	var said claims
	_, err = tokenParser.ParseWithClaims(token, &said, func(t *jwt.Token) (any, error) {
		if said.jailID != "" {
			candidates = mayVerify(known.keys, said.jailID, kid)
		}
		if key = verifyingKey(t, candidates); key == nil {
			return d.decoyKey, nil // so that an unknown client costs a verification, too
		}
		return key.public, nil
	})
	switch {
	case said.wrong != nil:
		return nil, invalid(ReasonTokenMalformed, said.wrong)
	case err != nil:
		if known.jail != "" && said.jailID != "" && said.jailID != known.jail {
			return nil, invalid(ReasonTokenJail, nil)
		}
		return nil, known.tokenRefusal(err, len(candidates) > 0)
	case key == nil:
		return nil, invalid(ReasonTokenSignature, nil)
	}
	return d.bearer(key, &said)
}

// checkShape refuses what the JWT library would accept. It returns the kid of the header, "" for none.
func checkShape(token string) (kid string, err error) {
	if len(token) > MaxToken {
		return "", fmt.Errorf("longer than %d bytes", MaxToken)
	}
	// Go's base64 skips line ends, so one token would have many texts.
	if strings.ContainsAny(token, "\r\n") {
		return "", errors.New("it contains line ends")
	}
	segment, _, _ := strings.Cut(token, ".")
	raw, err := strictBase64.DecodeString(segment)
	if err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	return checkHeader(raw, "JWT")
}

// checkHeader reads the JOSE header (RFC 7515 §4.1) of a JWS of a type, and returns its kid. It
// ignores unknown parameters, as it must, but refuses "crit", which says that some must not be
// ignored. A kid that is not a string is none.
func checkHeader(raw []byte, typ string) (kid string, err error) {
	var header struct {
		Alg  string         `json:"alg"`
		Typ  string         `json:"typ"`
		Kid  jsontext.Value `json:"kid"`
		Crit jsontext.Value `json:"crit"`
	}
	header.Typ = "JWT"
	if err := json.Unmarshal(raw, &header); err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	switch {
	case header.Alg != jwt.SigningMethodRS512.Alg():
		return "", fmt.Errorf("header: alg is %q, not RS512", header.Alg)
	case !strings.EqualFold(header.Typ, typ):
		return "", fmt.Errorf("header: typ is %q, not %s", header.Typ, typ)
	case header.Crit != nil:
		return "", errors.New("header: crit asks for extensions, and none are supported")
	}
	return textOf(header.Kid), nil
}

// mayVerify returns the keys that may verify a token which names the jail and the key. If jailID is "",
// those are of any jail, apart from the inert ones. If a client has a key of that kid, it is that key
// alone, and otherwise the client's keys without a kid; if kid is "", all of its keys. What one jail
// registers does not matter for the keys of another. Keys that are proven come first: two clients may
// have the same one until displace is done.
func mayVerify(keys []*keyCredential, jailID, kid string) []*keyCredential {
	named := map[string]bool{} // uids of clients that have a key of the kid
	if kid != "" {
		for _, k := range keys {
			if k.kid == kid && !k.hasEnded() {
				named[k.principal.ClientUID] = true
			}
		}
	}
	var proven, others []*keyCredential
	for _, k := range keys {
		inJail := jailID == "" && !k.inert || k.principal.JailID == jailID
		byName := kid == "" || k.kid == kid || k.kid == "" && !named[k.principal.ClientUID]
		switch {
		case !inJail || !byName || k.hasEnded():
		case k.proven.Load():
			proven = append(proven, k)
		default:
			others = append(others, k)
		}
	}
	return append(proven, others...)
}

// verifyingKey returns the first candidate that verifies the token, or the last one if none does. The
// library verifies the token with it afterwards, so a single candidate is verified once.
func verifyingKey(t *jwt.Token, candidates []*keyCredential) *keyCredential {
	if len(candidates) == 0 {
		return nil
	}
	signed, last := t.Raw[:strings.LastIndexByte(t.Raw, '.')], len(candidates)-1
	for _, k := range candidates[:last] {
		if t.Method.Verify(signed, t.Signature, k.public) == nil {
			return k
		}
	}
	return candidates[last]
}

// tokenRefusal returns the refusal for an error of the JWT library. There may be keys that may verify the
// token.
func (n *namesakes) tokenRefusal(err error, candidates bool) *Refusal {
	switch {
	case errors.Is(err, rsa.ErrVerification) && !candidates:
		switch {
		case len(n.keys)+len(n.sources) > 0:
			return invalid(ReasonTokenKey, nil)
		case n.clients == 0:
			return invalid(ReasonUnknownClient, nil)
		}
		return invalid(ReasonNoKey, nil)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return invalid(ReasonTokenSignature, nil)
	case errors.Is(err, jwt.ErrTokenExpired):
		return &Refusal{Err: ErrTokenExpired, Reason: ReasonTokenExpired, signed: true}
	case errors.Is(err, jwt.ErrTokenInvalidClaims): // the library checks them after the signature
		return invalidSigned(ReasonTokenTime, nil)
	}
	return invalid(ReasonTokenMalformed, errors.New(strings.TrimPrefix(err.Error(), jwt.ErrTokenMalformed.Error()+": ")))
}

// bearer returns the principal of a token whose signature and times are valid.
func (d *Directory) bearer(key *keyCredential, said *claims) (*Principal, *Refusal) {
	p := key.principal
	p.TokenID = said.id
	p.Expires = said.expires.Time
	p.MustFanout = said.mustFanout
	p.Streams = said.streams
	p.Publishes = said.publishes
	p.Fetches = said.fetches
	p.Groups = said.groups
	p.FilterID = filterID(said.filter)
	if said.filter != nil {
		filter, err := fdsl.Compile(said.filter, d.opts.FilterLimits)
		if err != nil {
			return nil, invalidSigned(ReasonTokenFilter, err)
		}
		p.Filter = filter
	}
	if err := cmp.Or(d.opts.Tokens.refuse(said), key.rules.refuse(said)); err != nil {
		return nil, invalidSigned(ReasonTokenRules, err)
	}
	switch {
	case p.tokenRevoked():
		return nil, invalidSigned(ReasonTokenRevoked, nil)
	case key.hasEnded():
		return nil, invalidSigned(ReasonRevoked, nil)
	}
	return &p, nil
}
