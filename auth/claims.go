package auth

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

// claims are the claims of a token. It implements jwt.Claims.
type claims struct {
	expires    *jwt.NumericDate
	notBefore  *jwt.NumericDate
	mustFanout bool
	filter     jsontext.Value // nil if there is none; compiled after the signature is verified
	streams    []string
	publishes  []string
	fetches    []FetchGrant
	groups     GroupGrant
	jailID     string // "" for any
	id         string // jti; "" if there is none, or it is not a string

	// Read only where a rule asks for them: tokens of deployed clients may have anything here.
	issuedAt, audience, issuer jsontext.Value

	wrong error // what UnmarshalJSON returned
}

// UnmarshalJSON is read, whose error it keeps: the library puts words of its own before it.
func (c *claims) UnmarshalJSON(raw []byte) error {
	c.wrong = c.read(raw)
	return c.wrong
}

// read refuses duplicate names, because two readers could understand them differently,
// and known claims of a wrong type: the library would take "exp":"1" for a missing exp.
func (c *claims) read(raw []byte) error {
	var said struct {
		Exp        jsontext.Value `json:"exp"`
		Nbf        jsontext.Value `json:"nbf"`
		MustFanout jsontext.Value `json:"mustFanout"`
		Filter     jsontext.Value `json:"filter"`
		Streams    jsontext.Value `json:"streams"`
		Publish    jsontext.Value `json:"publish"`
		Fetch      jsontext.Value `json:"fetch"`
		Groups     jsontext.Value `json:"groups"`
		JailID     jsontext.Value `json:"jailId"`
		JTI        jsontext.Value `json:"jti"`
		Iat        jsontext.Value `json:"iat"`
		Aud        jsontext.Value `json:"aud"`
		Iss        jsontext.Value `json:"iss"`
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
	if c.streams, err = readPatterns("streams", said.Streams); err != nil {
		return err
	}
	if c.publishes, err = readPatterns("publish", said.Publish); err != nil {
		return err
	}
	if c.fetches, err = readFetches(said.Fetch); err != nil {
		return err
	}
	if c.groups, err = readGroups(said.Groups, said.MustFanout); err != nil {
		return err
	}
	if said.JailID != nil {
		if err := json.Unmarshal(said.JailID, &c.jailID); err != nil || c.jailID == "" {
			return errors.New("jailId is not the id of a jail")
		}
	}
	c.filter, c.id = said.Filter, textOf(said.JTI)
	c.issuedAt, c.audience, c.issuer = said.Iat, said.Aud, said.Iss
	return nil
}

// MaxSeconds is the end of the year 9999. Later times would overflow and compare wrongly.
const MaxSeconds = 253402300799

// seconds reads a NumericDate (RFC 7519 §2). It may have a fraction, as JavaScript makes one that
// divides Date.now() by 1000. seconds returns nil for a missing claim.
func seconds(name string, raw jsontext.Value) (*jwt.NumericDate, error) {
	if raw == nil {
		return nil, nil
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if raw.Kind() != '0' || err != nil || n < 0 || n > MaxSeconds {
		return nil, fmt.Errorf("%s is not a number of seconds from 0 to %d", name, int64(MaxSeconds))
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

// GetIssuedAt implements jwt.Claims. TokenRules check the claim.
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error) { return nil, nil }

// GetIssuer implements jwt.Claims. TokenRules check the claim.
func (c *claims) GetIssuer() (string, error) { return "", nil }

// GetSubject implements jwt.Claims. The claim is ignored.
func (c *claims) GetSubject() (string, error) { return "", nil }

// GetAudience implements jwt.Claims. TokenRules check the claim.
func (c *claims) GetAudience() (jwt.ClaimStrings, error) { return nil, nil }
