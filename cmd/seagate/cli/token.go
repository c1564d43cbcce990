package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"seagate/auth"
	"seagate/auth/fdsl"
	"seagate/cmd/seagate/config"
	"seagate/storage/memory"
)

func tokenCommand() *cobra.Command {
	return NewGroup("token", "Make and check tokens, which give others a part of what a client may do", tokenMintCommand(), tokenCheckCommand(), tokenExplainCommand())
}

// A tokenRequest is the claims that the flags give.
type tokenRequest struct {
	expires time.Duration
	filter  string
	fetch   string
	fanout  bool
}

func (r tokenRequest) claims() (jwt.MapClaims, error) {
	if r.expires <= 0 {
		return nil, usagef("--expires must be longer than 0, such as 1h")
	}
	claims := jwt.MapClaims{"exp": time.Now().Add(r.expires).Unix()}
	if r.fanout {
		claims["mustFanout"] = true
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

// jsonText is JSON that the JWT library writes as it is.
type jsonText string

// MarshalJSON implements json.Marshaler.
func (t jsonText) MarshalJSON() ([]byte, error) { return []byte(t), nil }

func tokenMintCommand() *cobra.Command {
	var r tokenRequest
	cmd := NewCommand("mint CLIENT KEYFILE", "Make a token of a client with its private key, and print it", cobra.ExactArgs(2),
		func(ctx context.Context, c *Console) error {
			claims, err := r.claims()
			if err != nil {
				return err
			}
			text, err := c.readInput(c.Args[1], maxKey)
			if err != nil {
				return err
			}
			key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
			if err != nil { // the cause could show a part of the file
				return fmt.Errorf("%s is not an RSA private key in PEM", c.Args[1])
			}
			token, err := jwt.NewWithClaims(jwt.SigningMethodRS512, claims).SignedString(key)
			if err != nil {
				return err
			}
			public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
			if err != nil {
				return err
			}
			block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
			if _, err := checkToken(ctx, c.Args[0], token, string(block)); err != nil {
				return fmt.Errorf("a gateway would refuse this token: %w", err)
			}
			return c.line(token)
		})
	cmd.Example = `  seagate token mint floor floor.key --expires 1h > floor.jwt`
	flags := cmd.Flags()
	flags.DurationVar(&r.expires, "expires", time.Hour, "the token is valid for `DURATION`")
	flags.StringVar(&r.filter, "filter", "", "show only the messages that the filter (`JSON`) accepts")
	flags.StringVar(&r.fetch, "fetch", "", "allow the procedures of this list (`JSON`)")
	flags.BoolVar(&r.fanout, "fanout", false, "the bearer never takes a message away from others")
	return cmd
}

// maxToken is more than a gateway accepts, in bytes.
const maxToken = 1 << 20

func tokenCheckCommand() *cobra.Command {
	cmd := NewCommand("check CLIENT PUBLICKEY [FILE | -]", "Say whether a gateway would accept a token, and what it allows",
		cobra.RangeArgs(2, 3), func(ctx context.Context, c *Console) error {
			key, err := readFile(c.Args[1], maxKey)
			if err != nil {
				return err
			}
			token, err := c.readInput(append(c.Args, "-")[2], maxToken)
			if err != nil {
				return err
			}
			p, err := checkToken(ctx, c.Args[0], strings.TrimSpace(string(token)), string(key))
			if err != nil {
				return fmt.Errorf("a gateway refuses this token: %w", err)
			}
			return c.Entry(struct {
				Expires    time.Time         `json:"expires"`
				MustFanout bool              `json:"mustFanout"`
				Filtered   bool              `json:"filtered"`
				Fetch      []auth.FetchGrant `json:"fetch"`
			}{p.Expires.UTC(), p.MustFanout, p.Filter != nil, p.Fetches}, describeToken(p))
		})
	cmd.Long = `Say whether a gateway with default limits accepts a token of the client with the
public key, and what the token allows. It asks no gateway: give the key that is registered.`
	return cmd
}

func describeToken(p *auth.Principal) string {
	sees := "all messages of the jail"
	if p.Filter != nil {
		sees = "the messages that its filter accepts"
	}
	return fmt.Sprintf("valid until %s; sees %s; may fetch from %d services", p.Expires.UTC().Format(time.RFC3339), sees, len(p.Fetches))
}

// checkToken asks a directory that has nothing but the client with its key, so that the answer is a
// gateway's own.
func checkToken(ctx context.Context, clientID, token, key string) (*auth.Principal, error) {
	limits := config.Default().Limits
	d, err := auth.Open(ctx, memory.New(), auth.Options{
		MaxJails: 1, MaxClientsPerJail: 1, AddressAttempts: 1, ClientAttempts: 1,
		FilterLimits: fdsl.Limits{Bytes: int(limits.FilterBytes), Depth: limits.FilterDepth, Nodes: config.FilterNodes},
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.EnsureRoot(ctx, clientID, auth.NewSecret().Reveal()); err != nil {
		return nil, err
	}
	if _, err := d.SetPublicKey(ctx, d.JailUID(auth.RootJailID), clientID, key); err != nil {
		return nil, err
	}
	p, err := d.Token(clientID, token, "", netip.Addr{})
	if refused, ok := errors.AsType[*auth.Refusal](err); ok && refused.Cause != nil {
		return nil, fmt.Errorf("%s: %w", refused.Reason, refused.Cause)
	} else if ok {
		return nil, errors.New(string(refused.Reason))
	}
	return p, err
}
