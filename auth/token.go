package auth

import (
	"crypto/rsa"
	_ "crypto/sha512" // the hash of RS512
	"errors"
	"fmt"
	"net/netip"
	"slices"
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
	p, refusal := d.token(clientID, token, jailID)
	if refusal != nil {
		return nil, d.failed(clientID, from, refusal, begun)
	}
	return p, nil
}

func (d *Directory) token(clientID, token, jailID string) (*Principal, *Refusal) {
	if err := checkShape(token); err != nil {
		return nil, invalid(ReasonTokenMalformed, err)
	}
	keys := d.withID(clientID).keys
	candidates := inJail(keys, jailID)
	var key *keyCredential
	var said claims
	_, err := tokenParser.ParseWithClaims(token, &said, func(t *jwt.Token) (any, error) {
		if said.jailID != "" {
			candidates = inJail(keys, said.jailID)
		}
		if key = verifyingKey(t, candidates); key == nil {
			return d.decoyKey, nil // so that an unknown client costs a verification, too
		}
		return key.public, nil
	})
	switch {
	case err != nil:
		return nil, d.tokenRefusal(err, clientID, len(candidates) > 0)
	case key == nil:
		return nil, invalid(ReasonTokenSignature, nil)
	}
	return d.bearer(key, &said)
}

// checkShape refuses what the JWT library would accept.
func checkShape(token string) error {
	if len(token) > MaxToken {
		return fmt.Errorf("longer than %d bytes", MaxToken)
	}
	// Go's base64 skips line ends, so one token would have many texts.
	if strings.ContainsAny(token, "\r\n") {
		return errors.New("it contains line ends")
	}
	segment, _, _ := strings.Cut(token, ".")
	raw, err := strictBase64.DecodeString(segment)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	return checkHeader(raw)
}

// checkHeader reads the JOSE header (RFC 7515 §4.1). It ignores unknown parameters, as it must,
// but refuses "crit", which says that some must not be ignored.
func checkHeader(raw []byte) error {
	var header struct {
		Alg  string         `json:"alg"`
		Typ  string         `json:"typ"`
		Crit jsontext.Value `json:"crit"`
	}
	header.Typ = "JWT"
	if err := json.Unmarshal(raw, &header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	switch {
	case header.Alg != jwt.SigningMethodRS512.Alg():
		return fmt.Errorf("header: alg is %q, not RS512", header.Alg)
	case !strings.EqualFold(header.Typ, "JWT"):
		return fmt.Errorf("header: typ is %q, not JWT", header.Typ)
	case header.Crit != nil:
		return errors.New("header: crit asks for extensions, and none are supported")
	}
	return nil
}

// inJail returns the keys that may verify a token which names the jail: that of the client in the
// jail, or, if jailID is "", all but the inert ones.
func inJail(keys []*keyCredential, jailID string) []*keyCredential {
	if jailID == "" && !slices.ContainsFunc(keys, func(k *keyCredential) bool { return k.inert }) {
		return keys
	}
	var some []*keyCredential
	for _, k := range keys {
		if jailID == "" && !k.inert || k.principal.JailID == jailID {
			some = append(some, k)
		}
	}
	return some
}

// verifyingKey returns the candidate that verifies the token, or the first one if none does. The
// library verifies the token with it afterwards, so a single candidate is verified once.
func verifyingKey(t *jwt.Token, candidates []*keyCredential) *keyCredential {
	if len(candidates) == 0 {
		return nil
	}
	signed := t.Raw[:strings.LastIndexByte(t.Raw, '.')]
	for _, k := range candidates[1:] {
		if t.Method.Verify(signed, t.Signature, k.public) == nil {
			return k
		}
	}
	return candidates[0]
}

func (d *Directory) tokenRefusal(err error, clientID string, hasKey bool) *Refusal {
	switch {
	case errors.Is(err, rsa.ErrVerification) && !hasKey:
		if d.withID(clientID).clients == 0 {
			return invalid(ReasonUnknownClient, nil)
		}
		return invalid(ReasonNoKey, nil)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return invalid(ReasonTokenSignature, err)
	case errors.Is(err, jwt.ErrTokenExpired):
		return &Refusal{Err: ErrTokenExpired, Reason: ReasonTokenExpired, Cause: err, signed: true}
	case errors.Is(err, jwt.ErrTokenInvalidClaims): // the library checks them after the signature
		return invalidSigned(ReasonTokenTime, err)
	}
	return invalid(ReasonTokenMalformed, err)
}

// bearer returns the principal of a token whose signature and times are valid.
func (d *Directory) bearer(key *keyCredential, said *claims) (*Principal, *Refusal) {
	p := key.principal
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
	if key.revoked.Load() {
		return nil, invalidSigned(ReasonRevoked, nil)
	}
	return &p, nil
}
