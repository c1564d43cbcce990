package auth

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// TokenRules are what tokens must be besides signed and in time. The zero value asks for nothing.
type TokenRules struct {
	// Audience must be the claim aud, or one of its members; "" for any.
	Audience string `json:"audience,omitzero"`
	// Issuer must be the claim iss; "" for any.
	Issuer string `json:"issuer,omitzero"`
	// MaxLifetime is the longest time, in whole seconds, from the claim iat, which must be there, to
	// exp; 0 for any.
	MaxLifetime int64 `json:"maxLifetime,omitzero"`
}

// Limits of rules.
const (
	maxRuleBytes   = 1024
	maxLifetime    = 100 * 365 * 24 * time.Hour
	issuedAtLeeway = time.Minute // by which the clock of who signs may be ahead
)

// ErrInvalidTokenRules reports rules that cannot be set. What wraps it says why.
var ErrInvalidTokenRules = errors.New("auth: not usable as rules for tokens")

func (r *TokenRules) equal(other *TokenRules) bool {
	return r == other || r != nil && other != nil && *r == *other
}

func (r *TokenRules) check() error {
	switch {
	case r == nil:
		return nil
	case max(len(r.Audience), len(r.Issuer)) > maxRuleBytes || !printable(r.Audience) || !printable(r.Issuer):
		return fmt.Errorf("%w: audience and issuer must be UTF-8 without control characters, at most %d bytes", ErrInvalidTokenRules, maxRuleBytes)
	case r.MaxLifetime < 0 || r.MaxLifetime > int64(maxLifetime/time.Second):
		return fmt.Errorf("%w: maxLifetime must be 0 to %d seconds", ErrInvalidTokenRules, int64(maxLifetime/time.Second))
	}
	return nil
}

// refuse returns why the claims of a token do not keep to the rules, or nil.
func (r *TokenRules) refuse(said *claims) error {
	if r == nil {
		return nil
	}
	return cmp.Or(r.refuseAudience(said), r.refuseIssuer(said), r.refuseLifetime(said))
}

func (r *TokenRules) refuseAudience(said *claims) error {
	if r.Audience == "" {
		return nil
	}
	audience, err := readAudience(said.audience)
	if err == nil && !slices.Contains(audience, r.Audience) {
		err = fmt.Errorf("aud is not %q", r.Audience)
	}
	return err
}

func (r *TokenRules) refuseIssuer(said *claims) error {
	if r.Issuer == "" || textOf(said.issuer) == r.Issuer {
		return nil
	}
	return fmt.Errorf("iss is not %q", r.Issuer)
}

func (r *TokenRules) refuseLifetime(said *claims) error {
	if r.MaxLifetime == 0 {
		return nil
	}
	issued, err := seconds("iat", said.issuedAt)
	most := time.Duration(r.MaxLifetime) * time.Second
	switch {
	case err != nil:
		return err
	case issued == nil:
		return errors.New("iat is missing, and tokens have a maximum lifetime")
	case time.Until(issued.Time) > issuedAtLeeway:
		return errors.New("iat is in the future")
	case said.expires.Sub(issued.Time) > most:
		return fmt.Errorf("it is valid for longer than %s after iat", most)
	}
	return nil
}

// readAudience reads a claim aud: a string, or a list of strings (RFC 7519 §4.1.3).
func readAudience(raw jsontext.Value) ([]string, error) {
	var list []string
	switch {
	case raw == nil:
		return nil, errors.New("aud is missing")
	case raw.Kind() == '"':
		return []string{textOf(raw)}, nil
	}
	if raw.Kind() != '[' || json.Unmarshal(raw, &list) != nil {
		return nil, errors.New("aud is neither a string nor a list of strings")
	}
	return list, nil
}

// textOf returns a claim that is a string, "" for any other.
func textOf(raw jsontext.Value) string {
	var text string
	if raw.Kind() != '"' || json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}
