package auth

import (
	"crypto/rsa"
	_ "crypto/sha512" // RS512 hashes with it
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"seagate/auth/fdsl"
)

// MaxToken is the length of the longest token that is looked at, in bytes.
const MaxToken = 64 << 10

// maxSeconds is the end of the year 9999. Beyond, times overflow and stop
// comparing as they should; nobody means it.
const maxSeconds = 253402300799

var tokenParser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodRS512.Alg()}),
	jwt.WithExpirationRequired(),
	jwt.WithStrictDecoding(),
)

// Token authenticates the bearer of a client's token; from is where the
// attempt comes from. jailID, unless empty, says in which jail to look for the
// client. It fails with a *Refusal.
func (d *Directory) Token(clientID, token, jailID string, from netip.Addr) (*Principal, error) {
	if !d.addresses.allows(d.addresses.ofAddress(from)) {
		return nil, d.turnAway(tooMany(ReasonAddressLimit, nil))
	}
	p, refusal := d.token(clientID, token, jailID)
	if refusal != nil {
		return nil, d.refuse(clientID, from, refusal)
	}
	d.counters.tokensAccepted.Add(1)
	return p, nil
}

func (d *Directory) token(clientID, token, jailID string) (*Principal, *Refusal) {
	if err := checkShape(token); err != nil {
		return nil, invalid(ReasonTokenMalformed, err)
	}
	candidates := d.signers(clientID, jailID)
	var signer *signingKey
	var said claims
	_, err := tokenParser.ParseWithClaims(token, &said, func(t *jwt.Token) (any, error) {
		if signer = signerOf(t, candidates); signer == nil {
			return d.decoyKey, nil // the unknown client costs a verification, too
		}
		return signer.public, nil
	})
	switch {
	case err != nil:
		return nil, d.tokenRefusal(err, clientID, len(candidates) > 0)
	case signer == nil:
		return nil, invalid(ReasonTokenSignature, nil)
	}
	return d.bearer(signer, &said)
}

// checkShape looks at what the JWT library would let pass.
func checkShape(token string) error {
	if len(token) > MaxToken {
		return fmt.Errorf("longer than %d bytes", MaxToken)
	}
	// Go's base64 skips line ends: one token would have many texts.
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

// checkHeader reads the JOSE header (RFC 7515 §4.1). Parameters that it does
// not know are ignored, as they must be, save for crit, which says that they
// may not be.
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

// signers returns the keys that a token of the client may be signed with.
func (d *Directory) signers(clientID, jailID string) []*signingKey {
	v, ok := d.keys.Load(clientID)
	if !ok {
		return nil
	}
	all := v.([]*signingKey)
	if jailID == "" {
		return all
	}
	for _, k := range all {
		if k.principal.JailID == jailID {
			return []*signingKey{k}
		}
	}
	return nil
}

// signerOf picks the candidate that verifies the token, which the library then
// does once more with it. A lone candidate is picked unseen.
func signerOf(t *jwt.Token, candidates []*signingKey) *signingKey {
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
		if why := d.whyNot(clientID); why == ReasonUnknownClient {
			return invalid(why, nil)
		}
		return invalid(ReasonNoKey, nil)
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return invalid(ReasonTokenSignature, err)
	case errors.Is(err, jwt.ErrTokenInvalidClaims): // looked at after the signature
		return proven(ReasonTokenTime, err)
	}
	return invalid(ReasonTokenMalformed, err)
}

// bearer makes the principal of a token whose signature and time are right.
func (d *Directory) bearer(signer *signingKey, said *claims) (*Principal, *Refusal) {
	p := *signer.principal
	p.Expires = said.expires.Time
	p.MustFanout = said.mustFanout
	if said.filter != nil {
		filter, err := fdsl.Compile(said.filter, d.opts.FilterLimits)
		if err != nil {
			return nil, proven(ReasonTokenFilter, err)
		}
		p.Filter = filter
	}
	if !p.grant.inForce() {
		return nil, proven(ReasonRevoked, nil)
	}
	return &p, nil
}

// claims is what a token says. It implements jwt.Claims.
type claims struct {
	expires    *jwt.NumericDate
	notBefore  *jwt.NumericDate
	mustFanout bool
	filter     jsontext.Value // nil: there is none; not compiled before the signature is verified
}

// UnmarshalJSON refuses duplicate names, which two readers could take to mean
// two different things, and known claims of another type. The library itself
// would take "exp":"1" for a token without exp.
func (c *claims) UnmarshalJSON(raw []byte) error {
	var said struct {
		Exp        jsontext.Value `json:"exp"`
		Nbf        jsontext.Value `json:"nbf"`
		MustFanout jsontext.Value `json:"mustFanout"`
		Filter     jsontext.Value `json:"filter"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return err
	}
	var err error
	if c.expires, err = seconds("exp", said.Exp); err != nil {
		return err
	}
	if c.notBefore, err = seconds("nbf", said.Nbf); err != nil {
		return err
	}
	if c.mustFanout, err = boolean("mustFanout", said.MustFanout); err != nil {
		return err
	}
	c.filter = said.Filter
	return nil
}

// seconds reads a NumericDate (RFC 7519 §2), which may have a fraction:
// JavaScript that divides Date.now() by 1000 signs one. It returns nil for a
// claim that is not there.
func seconds(name string, raw jsontext.Value) (*jwt.NumericDate, error) {
	if raw == nil {
		return nil, nil
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if raw.Kind() != '0' || err != nil || n < 0 || n > maxSeconds {
		return nil, fmt.Errorf("%s is not a number of seconds from 0 to %d", name, int64(maxSeconds))
	}
	whole, fraction := math.Modf(n)
	return &jwt.NumericDate{Time: time.Unix(int64(whole), int64(fraction*float64(time.Second)))}, nil
}

func boolean(name string, raw jsontext.Value) (bool, error) {
	switch string(raw) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fmt.Errorf("%s is not a boolean", name)
}

// GetExpirationTime implements jwt.Claims.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }

// GetNotBefore implements jwt.Claims.
func (c *claims) GetNotBefore() (*jwt.NumericDate, error) { return c.notBefore, nil }

// GetIssuedAt implements jwt.Claims; the claim is not looked at.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return nil, nil }

// GetIssuer implements jwt.Claims; the claim is not looked at.
func (c *claims) GetIssuer() (string, error) { return "", nil }

// GetSubject implements jwt.Claims; the claim is not looked at.
func (c *claims) GetSubject() (string, error) { return "", nil }

// GetAudience implements jwt.Claims; the claim is not looked at.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) { return nil, nil }
