package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/cmd/seagate/config"
	"seagate/protocol"
	"seagate/storage/memory"
)

func tokenCommand() *cobra.Command {
	return NewGroup("token", "Make, check, explain and revoke tokens",
		tokenMintCommand(), tokenCheckCommand(), tokenExplainCommand(), tokenRevokeCommand())
}

// A tokenRequest is the claims that the flags give.
type tokenRequest struct {
	expires   time.Duration
	filter    string
	fetch     string
	fanout    bool
	kid, jti  string
	audience  []string
	issuer    string
	jail      string
	streams   []string
	publish   []string
	groups    []string
	anyGroups bool
}

func (r tokenRequest) claims() (jwt.MapClaims, error) {
	switch {
	case r.expires <= 0:
		return nil, usagef("--expires must be longer than 0, such as 1h")
	case r.anyGroups && len(r.groups) > 0:
		return nil, usagef("give --group or --any-group")
	}
	for _, group := range r.groups {
		if _, err := protocol.ParseGroupID(group); err != nil {
			return nil, usagef("--group %q: give the UUID of a group, such as %s", group, uuid.NewString())
		}
	}
	now := time.Now()
	// With iat and jti a gateway can check the lifetime, and revoke this token alone.
	claims := jwt.MapClaims{"exp": now.Add(r.expires).Unix(), "iat": now.Unix(), "jti": cmp.Or(r.jti, uuid.NewString())}
	if r.fanout {
		claims["mustFanout"] = true
	}
	if r.anyGroups {
		claims["groups"] = true
	}
	for name, text := range map[string]string{"iss": r.issuer, "jailId": r.jail} {
		if text != "" {
			claims[name] = text
		}
	}
	for name, list := range map[string][]string{"aud": r.audience, "streams": r.streams, "publish": r.publish, "groups": r.groups} {
		if len(list) > 0 {
			claims[name] = list
		}
	}
	for name, text := range map[string]string{"filter": r.filter, "fetch": r.fetch} {
		if text == "" {
			continue
		}
		if !jsontext.Value(text).IsValid() {
			return nil, usagef("--%s is not JSON", name)
		}
		claims[name] = jsonText(text)
	}
	return claims, nil
}

// sign returns the token that a key signs.
func (r tokenRequest) sign(key *rsa.PrivateKey) (string, error) {
	claims, err := r.claims()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS512, claims)
	if r.kid != "" {
		token.Header["kid"] = r.kid
	}
	return token.SignedString(key)
}

// jsonText is JSON that the JWT library writes as it is.
type jsonText string

// MarshalJSON implements json.Marshaler.
func (t jsonText) MarshalJSON() ([]byte, error) { return []byte(t), nil }

func tokenMintCommand() *cobra.Command {
	var r tokenRequest
	cmd := NewCommand("mint CLIENT KEYFILE", "Make a token of a client with its private key, and print it", cobra.ExactArgs(2),
		func(ctx context.Context, c *Console) error {
			if _, err := r.claims(); err != nil {
				return err
			}
			key, err := c.readPrivateKey(c.Args[1])
			if err != nil {
				return err
			}
			token, err := r.sign(key)
			if err != nil {
				return err
			}
			public, err := publicPEM(&key.PublicKey)
			if err != nil {
				return err
			}
			if _, err := checkToken(ctx, c.Args[0], token, []auth.NewKey{{PEM: public, KID: r.kid}}); err != nil {
				return fmt.Errorf("a gateway would refuse this token: %w", err)
			}
			return c.Entry(struct {
				Token string `json:"token"`
			}{token}, token)
		})
	cmd.Long = `Make a token of a client, signed with RS512, and print it. It asks no gateway. KEYFILE is an
RSA private key in PEM whose public half the client has registered ("seagate clients key"
does that). A token does not name its client: whoever connects with it says whose it is.`
	cmd.Example = `  seagate token mint floor floor.key --expires 1h > floor.jwt
  seagate token mint floor floor.key --kid 2026-12 --stream 'boiler.*' --publish orders > floor.jwt`
	flags := cmd.Flags()
	DurationVar(flags, &r.expires, "expires", time.Hour, "the token is valid for `DURATION`")
	flags.StringVar(&r.filter, "filter", "", "show only the messages that the filter (`JSON`) accepts")
	flags.StringVar(&r.fetch, "fetch", "", "allow the procedures of this list (`JSON`)")
	flags.BoolVar(&r.fanout, "fanout", false, "the bearer never takes a message away from others")
	flags.StringVar(&r.kid, "kid", "", "the key is registered under the name `KID`")
	flags.StringVar(&r.jti, "jti", "", "name the token `ID`, to revoke it alone; without it a random name")
	flags.StringArrayVar(&r.audience, "audience", nil, "the token is meant for `TEXT`, the claim aud")
	flags.StringVar(&r.issuer, "issuer", "", "`TEXT` has issued the token, the claim iss")
	flags.StringVar(&r.jail, "jail", "", "the bearer enters the jail `JAIL`, whatever other jails have the same client and key")
	flags.StringArrayVar(&r.streams, "stream", nil, "the bearer may read only the streams of this `PATTERN`")
	flags.StringArrayVar(&r.publish, "publish", nil, "the bearer may publish to the streams of this `PATTERN`")
	flags.StringArrayVar(&r.groups, "group", nil, "the bearer may join the group `UUID`")
	flags.BoolVar(&r.anyGroups, "any-group", false, "the bearer may join any group")
	return cmd
}

// readPrivateKey reads an RSA private key in PEM.
func (c *Console) readPrivateKey(name string) (*rsa.PrivateKey, error) {
	text, err := c.readInput(name, maxKey)
	if err != nil {
		return nil, err
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	if err != nil { // the cause could show a part of the file
		return nil, fmt.Errorf("%s is not an RSA private key in PEM", name)
	}
	return key, nil
}

func publicPEM(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

// maxToken is more than a gateway accepts, in bytes.
const maxToken = 1 << 20

func tokenCheckCommand() *cobra.Command {
	var kid string
	cmd := NewCommand("check CLIENT PUBLICKEY [FILE | -]", "Say whether a gateway would accept a token, and what it allows",
		cobra.RangeArgs(2, 3), func(ctx context.Context, c *Console) error {
			key, err := readNamed(c.Args[1], maxKey)
			if err != nil {
				return err
			}
			keys, err := readKeys(key, kid)
			if err != nil {
				return err
			}
			text, err := c.tokenArgument(2)
			if err != nil {
				return err
			}
			p, err := checkToken(ctx, c.Args[0], text, keys)
			if err != nil {
				return fmt.Errorf("a gateway refuses this token: %w", err)
			}
			shown := showToken(p, text)
			return c.Entry(shown, shown.describe())
		})
	cmd.Long = `Say whether a gateway with default limits accepts a token of the client with the
public key, in PEM or a JWK set, and what the token allows. It asks no gateway: give
the key that is registered. What the gateway or the client asks of aud, iss and the
lifetime, and whether the token is revoked, is not checked, nor whose the key is: a token
does not name its client. The token comes from a file, from SEAGATE_TOKEN, or from
standard input.`
	cmd.Example = `  seagate token check floor floor.pub floor.jwt`
	cmd.Flags().StringVar(&kid, "kid", "", "the key is registered under the name `KID`")
	return cmd
}

// readKeys reads a public key in PEM, or a JWK set.
func readKeys(text []byte, kid string) ([]auth.NewKey, error) {
	if !isJWKS(text) {
		return []auth.NewKey{{PEM: string(text), KID: kid}}, nil
	}
	keys, _, err := auth.ParseJWKS(text)
	return keys, err
}

func isJWKS(text []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }

// A shownToken is what a token says.
type shownToken struct {
	Expires    time.Time      `json:"expires"`
	JTI        string         `json:"jti"`
	KID        string         `json:"kid"`
	Audience   jsontext.Value `json:"aud"`
	JailID     string         `json:"jailId"`
	MustFanout bool           `json:"mustFanout"`
	Filtered   bool           `json:"filtered"`
	Streams    *[]string      `json:"streams"` // nil for all
	Publish    []string       `json:"publish"`
	Groups     []string       `json:"groups"`
	AnyGroup   bool           `json:"anyGroup"`
	Fetch      []shownFetch   `json:"fetch"`
}

// A shownFetch is what a token allows of one service.
type shownFetch struct {
	Service    string    `json:"service"`
	Procedures *[]string `json:"procedures"` // nil for all
}

// showToken returns the contents of a token that a gateway accepts.
func showToken(p *auth.Principal, token string) shownToken {
	var header struct {
		KID string `json:"kid"`
	}
	_ = json.Unmarshal(segment(token, 0), &header) // a kid that is not a string counts as missing
	said := readClaims(token)
	audience := said.Audience
	if audience == nil {
		audience = jsontext.Value("null")
	}
	var fetch []shownFetch
	for _, grant := range p.Fetches {
		fetch = append(fetch, shownFetch{grant.Service, unlessNil(grant.Procedures)})
	}
	return shownToken{
		Expires: p.Expires.UTC(), JTI: p.TokenID, KID: header.KID, Audience: audience, JailID: said.JailID,
		MustFanout: p.MustFanout, Filtered: p.Filter != nil, Streams: unlessNil(p.Streams), Publish: p.Publishes,
		Groups: p.Groups.IDs, AnyGroup: p.Groups.Any, Fetch: fetch,
	}
}

// unlessNil returns nil for a nil list, which becomes null in JSON. An empty list means something
// else, and becomes [].
func unlessNil(list []string) *[]string {
	if list == nil {
		return nil
	}
	return &list
}

func (t shownToken) describe() string {
	sees := "all messages"
	if t.Filtered {
		sees = "the messages that its filter accepts"
	}
	streams := "of all streams"
	if t.Streams != nil {
		streams = "of the streams " + listed(*t.Streams)
	}
	text := fmt.Sprintf("valid until %s; sees %s %s; may publish to %s, join %s and fetch from %d services", t.Expires.Format(time.RFC3339),
		sees, streams, listed(t.Publish), t.describeGroups(), len(t.Fetch))
	for _, more := range []struct{ name, value string }{{"jti", t.JTI}, {"kid", t.KID}, {"jail", t.JailID}} {
		if more.value != "" {
			text += "; " + more.name + " " + more.value
		}
	}
	if string(t.Audience) != "null" {
		text += "; aud " + string(t.Audience)
	}
	return text
}

func (t shownToken) describeGroups() string {
	switch {
	case t.AnyGroup:
		return "any group"
	case len(t.Groups) == 0:
		return "no group"
	}
	return "the groups " + listed(t.Groups)
}

// listed returns the names with commas, and "none" for none.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// A claimsRead is what the commands read of a token themselves.
type claimsRead struct {
	JailID   string         `json:"jailId"`
	Audience jsontext.Value `json:"aud"`
}

func readClaims(token string) (said claimsRead) {
	_ = json.Unmarshal(segment(token, 1), &said) // checkToken says what is wrong with a token
	return said
}

// segment returns a part of a token, decoded as far as it can be.
func segment(token string, n int) []byte {
	parts := strings.Split(token, ".")
	if n >= len(parts) {
		return nil
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[n])
	return raw
}

// checkToken asks a directory that has nothing but the client with its keys, in the jail that the token
// names, so that the answer is a gateway's own.
func checkToken(ctx context.Context, clientID, token string, keys []auth.NewKey) (*auth.Principal, error) {
	limits := config.Default().Limits
	d, err := auth.Open(ctx, memory.New(), auth.Options{
		MaxJails: 2, MaxClientsPerJail: 1, AddressAttempts: 1, ClientAttempts: 1, MaxRevokedTokens: 1,
		FilterLimits: fdsl.Limits{Bytes: int(limits.FilterBytes), Depth: limits.FilterDepth, Nodes: config.FilterNodes},
	})
	if err != nil {
		return nil, err
	}
	jail := cmp.Or(readClaims(token).JailID, "jail")
	if jail == auth.RootJailID {
		_, err = d.EnsureRoot(ctx, clientID, auth.NewSecret().Reveal())
	} else {
		_, _, err = d.CreateJail(ctx, jail, "", clientID)
	}
	if err != nil {
		return nil, err
	}
	if _, err := d.SetKeys(ctx, d.JailUID(jail), clientID, keys, 0); err != nil {
		return nil, err
	}
	p, err := d.Token(clientID, token, "", netip.Addr{})
	if refused, ok := errors.AsType[*auth.Refusal](err); ok {
		return nil, errors.New(refused.Explain())
	}
	return p, err
}
